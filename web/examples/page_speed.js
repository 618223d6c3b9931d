// What `page_speed.rs` runs in the page to take its figures. Times are milliseconds of the page's own clock.
window.speed = (() => {
    const at = css => document.querySelector(css);
    const ticking = () => new Promise(requestAnimationFrame);
    // After the next frame has been drawn by the page's thread.
    const drawn = () => new Promise(done => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => done(performance.now());
        channel.port2.postMessage(0);
    }));
    const press = (key, shiftKey = false) =>
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key, shiftKey, bubbles: true, cancelable: true }));
    const scrub = to => {
        at('#scrubber').value = Math.round(at('#scrubber').max * to);
        at('#scrubber').dispatchEvent(new Event('input', { bubbles: true }));
    };
    // Does it, and waits until the place that it leads to is drawn; null where it leads nowhere for so long.
    const timed = (act, patience = 5000) => new Promise(done => {
        const start = performance.now();
        const end = time => { watch.disconnect(); clearTimeout(timer); done(time); };
        const watch = new MutationObserver(() => drawn().then(now => end(now - start)));
        const timer = setTimeout(() => end(null), patience);
        watch.observe(at('#position'), { subtree: true, childList: true, characterData: true });
        act();
    });
    // A step begins when the page is at rest, as it is for a person, who looks at one step before the next: what the
    // browser still does for the last one (layers, tiles) would count for this one.
    const rest = () => new Promise(done => setTimeout(() => requestIdleCallback(done), 100));
    let seed = 1;
    const anywhere = () => (seed = seed * 48271 % 2147483647) / 2147483647;
    // Each kind of step: what must be done before it, unmeasured; the step; the button that is disabled where it
    // leads nowhere; and how to get away from there.
    const start = () => press('Home'), end = () => press('End');
    const kinds = {
        'next fault': { act: () => press('ArrowRight'), button: '#next-fault', away: start },
        'previous fault': { act: () => press('ArrowLeft'), button: '#previous-fault', away: end },
        'next event': { act: () => press('ArrowRight', true), button: '#next-event', away: start },
        'previous event': { act: () => press('ArrowLeft', true), button: '#previous-event', away: end },
        'next instruction': { act: () => press('.'), button: '#next-instruction', away: start },
        'previous instruction': { act: () => press(','), button: '#previous-instruction', away: end },
        'kernel\'s answer': { act: () => press('a'), button: '#let-it', away: () => press('ArrowRight'), before: () => press('ArrowRight') },
        'next note': { act: () => press('n'), button: '#next-note', away: start },
        'previous note': { act: () => press('b'), button: '#previous-note', away: end },
        'to an event': { act: () => scrub(anywhere()) },
        'first fault': { act: () => press('r'), before: () => scrub(0.8) },
        'start': { act: start, before: () => scrub(0.8) },
        'end': { act: end, before: () => scrub(0.2) },
    };
    const isShut = kind => kind.button && at(kind.button)?.disabled !== false;
    const step = async kind => {
        if (kind.before && at('#next-event').disabled) await timed(start, 1000);
        if (kind.before) await timed(kind.before, 1000);
        // What is out of sight, a button perhaps, comes only once the page is idle.
        await rest();
        if (isShut(kind)) {
            await timed(kind.away, 1000);
            await rest();
        }
        return isShut(kind) ? null : timed(kind.act);
    };
    // So many steps of a kind, some of them unmeasured before that.
    const steps = async (name, count, warm) => {
        const times = [];
        // A run without notes, or with one page fault, has little to step to.
        for (let vain = 0; times.length < warm + count && vain < 3;) {
            const time = await step(kinds[name]);
            vain = time === null ? vain + 1 : 0;
            if (time !== null) times.push(time);
        }
        return times.slice(warm);
    };
    const isRunning = () => at('#run').textContent.startsWith('Pause');
    const until = async holds => { while (!holds()) await ticking(); };
    const anew = async () => {
        // Where all processes have been made.
        await timed(() => scrub(0.3), 1000);
        at('#run').click();
        await until(() => isRunning() || at('#to-end').disabled);
    };
    // Frames of the page while the machine runs for so long; where the run ends it is begun again, uncounted.
    const frames = async milliseconds => {
        const gaps = [];
        let shown = 0, place = '';
        while (gaps.reduce((sum, gap) => sum + gap, 0) < milliseconds) {
            await anew();
            let last = await ticking();
            while (isRunning() && gaps.reduce((sum, gap) => sum + gap, 0) < milliseconds) {
                const now = await ticking();
                gaps.push(now - last);
                last = now;
                const there = at('#position').textContent;
                shown += there !== place;
                place = there;
            }
        }
        if (isRunning()) at('#run').click();
        await until(() => !isRunning());
        return { gaps, shown };
    };
    return { kinds: Object.keys(kinds), steps, frames };
})();
