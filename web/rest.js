// A program's second part: what it does not need until the first page fault is on the screen. `cargo xtask`
// cuts the program in two; the first part asks for the second where it cannot do without it.

/// The part in this file, of the program whose first part has these exports, once they are there.
export function rest(file, exports) {
  const url = new URL(file, import.meta.url);
  let loading, early;

  // Puts the second part's functions where the first one calls them.
  const join = (module) => {
    const first = exports();
    if (first.rest.value === 1) return;
    new WebAssembly.Instance(module, { first });
    first.rest.value = 1;
  };

  // Loads it while there is time. What failed can be asked for again.
  const load = () => {
    loading ??= fetched(url)
      .then(join)
      .catch((error) => {
        loading = undefined;
        throw error;
      });
    return loading;
  };

  // A function of it is called, and cannot wait.
  const now = () => join(new WebAssembly.Module(bytes(url)));

  // Loads it before the first part begins, where an earlier visit has left it here: what was chosen then may need it
  // at once, and what cannot wait does not come without a network.
  const ahead = async () => {
    try {
      if (await isKept()) early = await fetched(url);
    } catch {
      // It is asked for again when there is time.
    }
  };

  // The first part is about to begin.
  const begins = () => {
    if (!early) return;
    join(early);
    loading = Promise.resolve();
  };

  return { load, now, ahead, begins };
}

// Whether the service worker has kept a version of the page.
async function isKept() {
  return (await caches.keys()).some((name) => name.startsWith('faultline-'));
}

async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return WebAssembly.compileStreaming(response);
}

// Only text may be fetched at once on a page, so the bytes come as the characters that stand for them.
function bytes(url) {
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  request.overrideMimeType('text/plain; charset=x-user-defined');
  request.send();
  if (request.status !== 200) throw new Error(`a part of Faultline is missing: the server answers ${request.status}`);
  return Uint8Array.from(request.responseText, (character) => character.charCodeAt(0) & 0xff);
}
