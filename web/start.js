import init from './app.js';

try {
  await init();
  keep();
} catch (error) {
  const place = document.getElementById('loading') ?? document.body;
  place.textContent = `Faultline could not start: ${error}. It needs a browser of 2024 or later; reload to try again.`;
}

// Where the page was published, this script stands in a folder of its own, and beside the page a
// service worker that keeps everything for use without a network. A browser that refuses only
// means that the page needs the network again.
function keep() {
  const here = new URL('.', import.meta.url);
  const page = new URL('.', location.href);
  if (here.href === page.href || !('serviceWorker' in navigator)) return;
  const rest = () => navigator.serviceWorker.ready.then(({ active }) => active.postMessage('rest'));
  navigator.serviceWorker.register(new URL('sw.js', page)).then(rest).catch(() => {});
}
