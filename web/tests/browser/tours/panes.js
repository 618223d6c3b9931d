// What the panes' tables say, for the claims of the tours: every value is read from the page.
const all = css => [...document.querySelectorAll(css)];
const text = css => document.querySelector(css)?.textContent.trim() ?? '';
const cells = id => all(`#${id} tbody tr`).map(row => [...row.cells].map(cell => cell.textContent.trim()));
const tick = () => new Promise(done => setTimeout(done));

// A table that is shown some rows at a time, whole.
async function whole(id) {
  const turn = title => all(`div:has(> #${id}) .pages button`).find(each => each.textContent === title && !each.disabled);
  while (turn('Previous rows')) { turn('Previous rows').click(); await tick(); }
  const found = cells(id);
  while (turn('Next rows')) { turn('Next rows').click(); await tick(); found.push(...cells(id)); }
  return found;
}

const hex = n => '0x' + n.toString(16);
const page = va => hex(BigInt(va) & ~0xfffn);
const number = text => parseInt(text.replace(/,/g, ''));

// The fault card: the first word of a field, a check's words, what became of it.
const fact = id => text('#' + id).split(/\s+/)[0];
const stval = () => fact('stval'), sepc = () => fact('sepc'), scause = () => +fact('scause');
const check = () => text('#check .term');
const walk = () => cells('walk-rows').map(([table, at, index, entryAt, entry, flags]) => ({ table, at, index: +index, entryAt, entry, flags }));
const state = () => text('#card-state');
const faults = () => number(/page faults? (\d+)|(\d+) page faults/.exec(text('#run-summary'))?.[2] ?? '-1');
const fault = () => number(/Page fault (\d+)/.exec(text('#fault-card h2'))?.[1] ?? '0');

// Areas of the process that is shown.
const areas = () => cells('areas-rows').map(([area, range, may, pages, mapped, missing, swapped, more]) => {
  const [from, to] = range.split(' – ');
  return { area, from, to, may, mapped: +mapped, missing: +missing, swapped: +swapped, more: +more, pages: +pages };
});
const area = name => areas().find(each => each.area === name);
const areaOf = va => areas().find(each => BigInt(each.from) <= BigInt(va) && BigInt(va) < BigInt(each.to))?.area;
const heap = n => hex(BigInt(area('heap').from) + BigInt(n) * 4096n);

// Frames, and who maps them.
let frameRows = [], entryRows = [], lookRows = [];
const frames = use => frameRows.filter(each => !use || each.use === use);
const frame = at => frameRows.find(each => each.at === at);
const mappings = va => frameRows.flatMap(each => each.mapped.filter(map => map.va === page(va)).map(map => ({ ...map, frame: each.at, refs: each.refs, use: each.use })));
const mapping = (va, who = text('#address-space .aside')) => mappings(va).find(map => map.who === who);
const has = (flags, letters) => [...letters].every(letter => flags?.includes(letter));

// Entries of the page tables that are shown.
const entry = va => entryRows.find(each => each.level === 0 && each.va === page(va));

// Processes, events, eviction, console.
const processes = () => cells('processes-rows').map(([pid, program, state, frames, root]) =>
  ({ pid: number(pid.replace(/└ /g, '')), program, state, frames: number(frames), root }));
const process = program => processes().find(each => each.program === program);
const running = () => processes().find(each => each.state === 'running');
const events = () => cells('events-rows').map(([n, by, what]) => ({ n: +n, by, what }));
const now = () => text('#events-rows .now button');
const before = () => events().filter(each => each.n < +text('#events-rows .now .number')).map(each => each.what);
const looks = () => lookRows;
const look = () => lookRows.filter(each => each.event < here()).at(-1);
const here = () => number(/event ([\d,]+)/.exec(text('#position'))[1]);
const evicted = () => number(/evicted: ([\d,]+)/.exec(text('#eviction-sentence'))[1]);
const written = () => number(/written out ([\d,]+)/.exec(text('#eviction-sentence'))[1]);
const inSwap = () => number(/(\d+)/.exec(text('#swap-count'))?.[1] ?? '0');
const disk = () => { const [, reads, writes] = /reads (\d+) .* writes (\d+)/.exec(text('#disk-count')); return { reads: +reads, writes: +writes }; };
const lines = () => text('#console-text').split('\n');
const printed = words => lines().some(line => line.includes(words));
const headline = () => text('#headline');

// What was seen at an earlier stop of the same tour.
const keep = (name, value) => { (window.kept ??= {})[name] = value; return true; };
const kept = name => window.kept?.[name];

async function gather() {
  frameRows = (await whole('frames-rows')).map(([at, use, owner, refs, mapped]) => ({ at, use, owner, refs: +refs,
    mapped: [...mapped.matchAll(/(?:^|; )(.*?) at (0x[0-9a-f]+) \((.*?)\)/g)].map(([, who, va, flags]) => ({ who, va, flags })) }));
  entryRows = (await whole('page-table-rows')).map(([level, index, va, at, flags, rsw, frame]) =>
    ({ level: +level, index: +index, va, at, flags, rsw: +rsw, frame }));
  lookRows = (await whole('sweep-rows')).map(([event, frame, a, verdict]) => ({ event: +event, frame, a: +a, verdict }));
}

// The number words and digits of a text that no pane shows at this moment.
function unseen(note) {
  const shown = all('main .pane').map(pane => pane.innerText).join(' ').replace(note, ' ').replace(/(\d),(?=\d{3})/g, '$1');
  const tokens = new Set(shown.match(/0x[0-9a-f]+|\d+/g));
  const named = note.replace(/(\d),(?=\d{3})/g, '$1').match(/0x[0-9a-f]+|\b\d+\b/g) ?? [];
  return named.filter(each => !tokens.has(each));
}

const told = value => { try { return JSON.stringify(value, (_, v) => typeof v === 'bigint' ? hex(v) : v); } catch { return String(value); } };
const failed = [];
function claim(words, sides) {
  try {
    const [left, right] = sides();
    if (told(left) !== told(right)) failed.push(`${words}: ${told(left)} is not ${told(right)}`);
  } catch (error) {
    failed.push(`${words}: ${error}`);
  }
}
