import * as app from './app.js';

// The page says when its first page fault is on the screen, or that there will be none.
const shown = new Promise((done) => addEventListener('shown', done, { once: true }));

try {
  await app.ahead?.();
  await app.default();
} catch (error) {
  const place = document.getElementById('loading') ?? document.body;
  place.textContent = `Faultline could not start: ${error}. It needs a browser of 2024 or later; reload to try again.`;
}
// What takes longer must not keep the user from choosing something else.
await Promise.race([shown, new Promise((done) => setTimeout(done, 8000))]);
await theRest();
dispatchEvent(new Event('whole'));
keep();

// Loads what was not needed until now. Nothing else can be done on the page while it cannot be had.
async function theRest() {
  while (app.loadRest) {
    try {
      return await Promise.all([app.loadRest(), ...[...document.querySelectorAll('link[rel="later"]')].map(style)]);
    } catch (error) {
      await again(`A part of Faultline could not be loaded: ${error.message}.`);
    }
  }
}

// Loads a style that was not needed until now.
function style(link) {
  return new Promise((done, failed) => {
    link.onload = done;
    link.onerror = () => {
      link.rel = 'later';
      failed(new Error('the server does not answer'));
    };
    link.rel = 'stylesheet';
  });
}

// Says what went wrong, until the user wants to try again.
function again(text) {
  const dialog = document.createElement('dialog');
  const button = document.createElement('button');
  button.textContent = 'Try again';
  dialog.id = 'rest-failed';
  dialog.append(text, ' ', button);
  document.body.append(dialog);
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  dialog.showModal();
  return new Promise((done) => {
    button.addEventListener('click', () => {
      dialog.remove();
      done();
    });
  });
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
