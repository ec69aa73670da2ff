// The clock of the browser benchmarks, inside the page. All times are milliseconds of performance.now().
window.stopwatch = (() => {
  const PATIENCE = 60_000;
  const VIEWS = ["flow", "owners", "layout"];
  const SEEN = [".hl-plot svg.main-svg", ".hl-owners svg"]; // of the pictures one is open
  let keydown = null;
  addEventListener("keydown", (event) => (keydown = event.timeStamp), true); // waiting in the queue counts, too

  const notebook = () => window.jupyterapp.shell.currentWidget.content;
  const cell = (n) => notebook().widgets[n].node;
  const explorer = (node) => node.querySelector("[data-hl=explorer][data-shown]");
  const at = (node) => Number(explorer(node).dataset.shown.split(":")[1]);
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

  // What is on the page when a press has been answered.
  const drawn_ = (node) => { // the plot is that of what is shown
    const lab = explorer(node), run = lab.dataset.shown.split(":")[0];
    return [...lab.querySelectorAll(".hl-plot")].every(({ dataset }) => dataset.drawn === run);
  };
  const SHOWS = {
    pages: (node, value) => JSON.parse(explorer(node).dataset.values).pages === value && drawn_(node),
    stop: (node, value) => { // the slider's position, once what is shown was made for it
      const slider = node.querySelector("input[type=range]"), field = slider.parentElement.querySelector(".hl-typed");
      return Number(slider.value) === value && node.querySelector(".hl-caption").textContent.startsWith(`${field.value},`) && drawn_(node);
    },
    title: (node, value) =>
      [...node.querySelectorAll(".js-plotly-plot .gtitle")].some((title) => title.textContent === `pages ${value}`),
    event: (node, position) => at(node) === position,
    empty: (node, value) => Number(node.querySelector("#empty").dataset.value) === value,
  };

  // The moment after the next paint: a message posted in a frame's callback comes when that frame has been painted.
  const paint = new MessageChannel();
  const waiting = [];
  paint.port1.onmessage = () => waiting.splice(0).forEach((done) => done(performance.now()));
  const painted = () =>
    new Promise((done) =>
      requestAnimationFrame(() => {
        waiting.push(done);
        paint.port2.postMessage(null);
      }),
    );

  // Wait until it holds; looked at after each change below the node.
  const until = (node, holds) =>
    new Promise((done, fail) => {
      const end = (how, value) => {
        observer.disconnect();
        clearTimeout(timer);
        how(value);
      };
      const look = () => holds() && end(done);
      const observer = new MutationObserver(look);
      const timer = setTimeout(() => end(fail, new Error(`not within ${PATIENCE} ms: ${holds}`)), PATIENCE);
      observer.observe(node, { subtree: true, childList: true, characterData: true, attributes: true });
      look();
    });

  // Put the keyboard on a control. Gives its value, least and most.
  function focus(n, selector) {
    const control = cell(n).querySelector(selector);
    cell(n).scrollIntoView({ block: "start" });
    control.focus({ preventScroll: true });
    if (document.activeElement !== control) throw new Error(`${selector} takes no focus`);
    const { value, min, max, ariaValueNow, ariaValueMin, ariaValueMax } = control;
    return [value ?? ariaValueNow, min ?? ariaValueMin, max ?? ariaValueMax].map(Number);
  }

  // Before a press; `taken` is then the time from its keydown to the paint of what it asked for.
  function arm(n, shows, value) {
    const node = cell(n);
    const holds = () => SHOWS[shows](node, value);
    if (holds()) throw new Error(`${shows} ${value}: shown before the key is pressed`);
    api.taken = until(node, holds).then(painted).then((now) => now - keydown);
    api.taken.catch(() => {}); // told to whoever asks for it
  }

  // Count the changes of views to be seen that no data-shown has followed yet: at rest there are none.
  function guard(n) {
    const root = explorer(cell(n));
    const views = VIEWS.map((name) => `.hl-${name}`).join();
    const inView = ({ target }) => (target.closest ? target : target.parentElement)?.closest(views)?.getClientRects().length;
    api.unsaid = 0;
    new MutationObserver((records) => {
      const said = records.findLastIndex((record) => record.attributeName === "data-shown");
      api.unsaid = (said < 0 ? api.unsaid : 0) + records.slice(said + 1).filter(inView).length;
    }).observe(root, { subtree: true, childList: true, characterData: true, attributes: true });
  }

  const drawn = (svg) => {
    const { width, height } = svg?.getBoundingClientRect() ?? { width: 0, height: 0 };
    return width > 0 && height > 0 && svg.childElementCount > 0;
  };

  // Before a burst of presses: from now on look at every frame, and at every change of what is shown.
  function watch(n) {
    const seen = { frames: 0, empty: 0, changed: performance.now(), shown: null, on: true };
    const frame = () =>
      painted().then(() => {
        if (!seen.on) return;
        seen.frames += 1;
        seen.empty += SEEN.some((name) => !drawn(cell(n).querySelector(`[data-hl=explorer] ${name}`)));
        frame();
      });
    const observer = new MutationObserver(() => {
      seen.changed = performance.now();
      painted().then((now) => (seen.shown = now));
    });
    observer.observe(cell(n), { subtree: true, attributes: true, attributeFilter: ["data-shown"] });
    frame();

    // After the burst: once the last value is shown, and nothing has changed for half a second.
    api.settle = async (value) => {
      const last = keydown;
      await until(cell(n), () => SHOWS.pages(cell(n), value));
      while (performance.now() - seen.changed < 500) await sleep(50);
      seen.on = false;
      observer.disconnect();
      if (seen.shown < last) throw new Error("nothing was shown after the last press");
      if (!SHOWS.pages(cell(n), value)) throw new Error(`pages ${value}: shown, and then something else`);
      return { taken: seen.shown - last, frames: seen.frames, empty: seen.empty };
    };
  }

  // A range input beside the lab, of which nothing comes.
  function empty(n) {
    const input = Object.assign(document.createElement("input"), { type: "range", id: "empty", min: 0, max: 1000, value: 0 });
    input.dataset.value = 0;
    input.dataset.lmSuppressShortcuts = "true";
    input.addEventListener("input", () => { input.dataset.value = input.value; });
    explorer(cell(n)).append(input);
  }

  // Milliseconds from one frame to the next, while nothing happens: the least that anybody sees of a step.
  async function frames(many) {
    const next = () => new Promise(requestAnimationFrame), times = [];
    for (let before = await next(); times.length < many; ) {
      const now = await next();
      times.push(now - before);
      before = now;
    }
    return times;
  }

  // From Run All until the first lab answers (a move of its timeline, or of its first control if it has none), and until
  // its plot is painted.
  async function runAll() {
    const { node } = notebook();
    const control = () => explorer(node)?.querySelector(".hl-controls :is(input[type=range], select)");
    if (control()) throw new Error("a lab is alive before the notebook ran");
    const begin = performance.now();
    window.jupyterapp.commands.execute("notebook:run-all-cells");
    const plot = until(node, () => node.querySelector(".hl-plot[data-drawn]") || !node.querySelector(".hl-plot") && explorer(node)).then(painted);
    await until(node, () => control() && explorer(node));
    const before = explorer(node).dataset.shown;
    const timeline = explorer(node).querySelector(".hl-timeline");
    if (timeline) timeline.querySelector(at(node) > 0 ? "[data-do=back]" : "[data-do=step]").click();
    else another(control());
    await until(node, () => explorer(node).dataset.shown !== before);
    const live = (await painted()) - begin;
    return { live, plot: (await plot) - begin };
  }

  // From Run All until the first plot is painted; `selector` finds it.
  async function firstPlot(selector) {
    const begin = performance.now();
    window.jupyterapp.commands.execute("notebook:run-all-cells");
    await until(notebook().node, () => notebook().node.querySelector(selector));
    return (await painted()) - begin;
  }

  // Another value of a control.
  function another(control) {
    if (control.localName === "select") control.selectedIndex += control.selectedIndex ? -1 : 1;
    else control.stepUp();
    control.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const api = { at: (n) => at(cell(n)), focus, arm, guard, watch, runAll, firstPlot, empty, frames, taken: null, settle: null, unsaid: 0 };
  return api;
})();
