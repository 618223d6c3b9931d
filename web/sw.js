// Keeps the page for use without a network. `cargo xtask dist` fills in the version and the files.
//
// Everything in the version's folder never changes, so what is kept is never asked for again. Only
// the page itself is asked for each time, so that a new version is seen at once.

const VERSION = "@VERSION@";
const FIRST = ["@FIRST@"];
const LATER = ["@LATER@"];
const KEPT = `faultline-${self.registration.scope}-`;
const CACHE = KEPT + VERSION;

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(['./', ...FIRST])));
});

self.addEventListener('activate', (event) => {
  const forget = (names) =>
    Promise.all(names.filter((name) => name.startsWith(KEPT) && name !== CACHE).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(forget).then(() => self.clients.claim()));
});

// The page says when it has what it needs; then there is time for the rest.
self.addEventListener('message', (event) => {
  const add = (cache) => (file) => cache.match(file).then((known) => known ?? cache.add(file));
  event.waitUntil(caches.open(CACHE).then((cache) => Promise.allSettled(LATER.map(add(cache)))));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const isOurs = request.method === 'GET' && request.url.startsWith(self.registration.scope);
  if (!isOurs) return;
  event.respondWith(request.mode === 'navigate' ? page(request) : file(request));
});

async function page(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match('./', { cacheName: CACHE, ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

async function file(request) {
  return (await caches.match(request)) ?? fetch(request);
}
