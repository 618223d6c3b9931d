// Presses every kind of control on the page, and notes which of them changed nothing.
const sleep = time => new Promise(done => setTimeout(done, time));

// Where the browser would leave the page or ask somebody, it is only noted that it was asked.
let asked = 0;
const note = () => { asked += 1; };
window.print = note;
window.open = () => { note(); return null; };
navigator.clipboard.writeText = () => { note(); return Promise.resolve(); };
for (const kind of [HTMLInputElement, HTMLAnchorElement]) kind.prototype.click = note;

let changes = 0;
new MutationObserver(found => { changes += found.length; }).observe(document,
  { subtree: true, childList: true, attributes: true, characterData: true });
for (const kind of ['scroll', 'focusin', 'hashchange']) document.addEventListener(kind, () => { changes += 1; }, true);

// Alike is what has the same id but for its number, or the same class in the same part of the page.
function kind(element) {
  if (element.id) return '#' + element.id.replace(/0x[0-9a-f]+|\d+/g, 'N');
  const part = element.closest('[id]:not(#app)')?.id.replace(/\d+/g, 'N') ?? '';
  const name = element.localName === 'summary' ? element.textContent.slice(0, 20) : '';
  const sign = element.closest('.pages, .chooser, .pane-list li') ? element.textContent.replace(/\d+/g, 'N').slice(0, 20) : '';
  return `#${part} ${element.localName}.${[...element.classList].filter(each => !/^(selected|current|now|changed|dirty|fault|coming)$/.test(each)).join('.')} ${name}${sign}`.trim();
}

// Fields that are typed into are no buttons; a link that leaves the page is the browser's own.
const CONTROLS = 'button, summary, select, input[type=checkbox], input[type=range], canvas[tabindex], svg .tick';
const controls = () => [...document.querySelectorAll(CONTROLS)].filter(each => each.checkVisibility());
const LATER = /leave|close|dismiss|mode-|boot|sbrk|scenario|presenter|discard|restore|option-/;

function use(element) {
  const told = name => element.dispatchEvent(new Event(name, { bubbles: true }));
  if (element.localName === 'select') {
    element.selectedIndex = (element.selectedIndex + 1) % element.options.length;
    told('change');
  } else if (element.type === 'range') {
    element.value = String((+element.min || 0) + Math.floor(Math.random() * 0) + (+element.value > 20 ? 10 : 30));
    told('input');
    told('change');
  } else if (element.type === 'checkbox') {
    element.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }));
  } else {
    const box = element.getBoundingClientRect();
    element.dispatchEvent(new MouseEvent('click',
      { bubbles: true, cancelable: true, clientX: box.x + box.width / 2, clientY: box.y + 6 }));
  }
}

// Everything open, nothing running, nothing maximised.
async function settle() {
  for (let i = 0; i < 400 && (document.querySelector('#busy, #compare-wait') || document.querySelector('#run')?.textContent.startsWith('Pause')); i++) {
    if (document.querySelector('#run')?.textContent.startsWith('Pause')) document.querySelector('#run').dispatchEvent(new MouseEvent('click', { bubbles: true }));
    await sleep(20);
  }
  if (document.querySelector('.max')) {
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
    await sleep(20);
  }
  for (const each of document.querySelectorAll('details')) each.open = true;
  for (const each of document.querySelectorAll('.fold[aria-expanded=false]')) {
    each.dispatchEvent(new MouseEvent('click', { bubbles: true }));
    await sleep(0);
  }
}

// What was pressed just before a kind of control appeared, each time: where it is gone, that may bring it back.
const makers = new Map();
let last;
const made = each => makers.get(each) ?? makers.set(each, new Set()).get(each);

// Goes somewhere else: out of a mode, back to the first scenario, along the run.
const first = document.querySelector('#scenario').value;
function move(left, turn) {
  const press = css => {
    const element = document.querySelector(css);
    if (!element || element.disabled) return;
    last = kind(element);
    element.dispatchEvent(new MouseEvent('click', { bubbles: true }));
  };
  if (document.querySelector('#compare')) {
    const wanted = left.some(each => each.startsWith('#compare'));
    press(wanted && turn % 9 ? ['#compare-next', '#compare-next-difference', '#compare-previous'][turn % 3] : '#compare-leave');
    return;
  }
  if (document.querySelector('#presenter')) return press('#presenter-leave');
  if (document.querySelector('#predict-close, #predict-skip')) return press('#predict-close, #predict-skip');
  const asks = left.some(each => /^#(predict|answer)/.test(each));
  if (document.querySelector(`#mode-predict[aria-pressed=${!asks}]`) && turn % 4 === 3) return press('#mode-predict');
  // A step in the run leads back to the first rows.
  const further = [...document.querySelectorAll('.pages button:last-child:not(:disabled)')].filter(each => each.checkVisibility());
  if (turn % 2 && further.length && left.some(each => each.includes('Previous rows'))) return further.forEach(use);
  // What belongs to a selection, say, needs one like the one before.
  if (turn % 3 === 1) {
    const wanted = new Set(left.flatMap(each => [...made(each)]));
    const again = controls().filter(each => !each.disabled && !LATER.test(kind(each)) && wanted.has(kind(each)));
    if (again.length) {
      const next = again[Math.floor(turn / 3) % again.length];
      last = kind(next);
      return use(next);
    }
  }
  // Pictures where there are tables, and the other way round.
  if (turn % 10 === 0) return document.querySelectorAll('.tool[id$=-table]').forEach(each => press('#' + each.id));
  const select = document.querySelector('#scenario');
  if (select.value !== first) {
    select.value = first;
    select.dispatchEvent(new Event('change', { bubbles: true }));
    return;
  }
  if (turn % 9 === 8 && left.some(each => each.startsWith('#compare'))) return press('#mode-compare');
  press(['#reset', '#next-fault', '#next-fault', '#previous-event', '#next-note', '#to-end', '#previous-fault', '#to-start'][turn % 8]);
}

// How often something is pressed that does nothing.
const TRIES = 4;

// Of an earlier visit some may be left, each with what made it appear: these are pressed before anything else, and then
// it is done.
async function pressEverything(before_this) {
  let stuck = 0, there = new Set(), possible = new Set();
  const left_over = before_this.map(([each, by]) => { by.forEach(maker => made(each).add(maker)); return each; });
  const since = new Map();
  const pressed = new Set(), met = new Set(), tries = new Map();
  for (let round = 0; round < 600; round++) {
    await settle();
    const here = controls();
    if (left_over.length && left_over.every(each => pressed.has(each))) break;
    const kinds = new Set(here.map(kind));
    for (const each of kinds) {
      met.add(each);
      if (last && !there.has(each)) made(each).add(last);
    }
    there = kinds;
    const free = here.filter(each => !each.disabled && !pressed.has(kind(each)) && (tries.get(kind(each)) ?? 0) < TRIES);
    const fewest = Math.min(...free.map(each => tries.get(kind(each)) ?? 0));
    // What can be done only since a moment ago may soon not be possible any more, so it comes first.
    const now = new Set(here.filter(each => !each.disabled).map(kind));
    for (const each of now) if (!possible.has(each)) since.set(each, round);
    possible = now;
    const age = each => round - since.get(kind(each));
    const first = free.filter(each => (tries.get(kind(each)) ?? 0) === fewest).sort((a, b) => age(a) - age(b));
    const next = first.find(each => left_over.includes(kind(each))) ?? free.find(each => each.closest('#predict')) ?? free.find(each => each.matches('.cow, .shared')) ?? first.find(each => !LATER.test(kind(each))) ?? first[0];
    if (!next || (left_over.length && round % 2 && !left_over.includes(kind(next)))) {
      // What cannot be pressed here may be elsewhere in the run, or in another mode.
      const left = [...left_over, ...met].filter(each => !pressed.has(each) && (tries.get(each) ?? 0) < TRIES);
      if (!left.length || round > 560) break;
      move(left, stuck++);
      await sleep(80);
      continue;
    }
    const of = last = kind(next), before = [changes, asked];
    use(next);
    for (let i = 0; i < 60 && changes === before[0] && asked === before[1]; i++) await sleep(10);
    if (changes === before[0] && asked === before[1]) tries.set(of, (tries.get(of) ?? 0) + 1);
    else pressed.add(of);
    await sleep(15);
  }
  // What was not tried often enough is left over, not dead.
  const dead = [...met].filter(each => !pressed.has(each) && (tries.get(each) ?? 0) >= TRIES);
  const asked_for = left_over.length ? left_over : [...met];
  const never = asked_for.filter(each => !pressed.has(each) && !dead.includes(each));
  return { pressed: [...pressed], dead, never: never.map(each => [each, [...made(each)]]) };
}
