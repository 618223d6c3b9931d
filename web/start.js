import init from './app.js';

try {
  await init();
} catch (error) {
  const place = document.getElementById('loading') ?? document.body;
  place.textContent = `Faultline could not start: ${error}. It needs a browser of 2024 or later; reload to try again.`;
}
