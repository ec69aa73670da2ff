// Shows a film (hugelab/views/film.py): one timeline, and views that are all at the same event. It flips through
// pictures that Python drew; it computes nothing about huge pages. The lab and the self-contained page share it.
//
// host: what is behind it. moved(position); want(position): more frames, please; follow(side, token, position): where
// else is this touched; tab(name): that picture was opened; fault(error); digits of the largest number that can be
// chosen: they have room from the start. A page without a kernel leaves out want and follow.

const SIGNS = { // drawn, not typed: not every font has them
  first: "M2 3v10h2V3zM9 3v10L4 8zM14 3v10L9 8z",
  back: "M13 3v10L7 8zM3 3h2v10H3z",
  play: "M4 2v12l9-6z",
  pause: "M4 3v10h3V3zM9 3v10h3V3z",
  step: "M3 3v10l6-5zM11 3h2v10h-2z",
  last: "M12 3v10h2V3zM2 3v10l5-5zM7 3v10l5-5z",
};
const BUTTONS = [
  ["first", "First event"], ["back", "One event back"], ["play", "Play"], ["step", "One event on"], ["last", "Last event"],
];
const NUMBERS = ["total", "in use", "free", "rsvd", "available", "surp"]; // in the order in which a frame has them
const VIEWS = [ // the pictures, as tabs; the first two stand side by side where there is room
  ["flow", "Call flow"], ["owners", "Who holds each page"], ["layout", "Memory layout"], ["log", "Kernel log"], ["steps", "Steps"],
];
const NEAR = 8; // frames: closer than this to the end of what is here, more are asked for
const ALL = 400; // recordings no longer than this are fetched whole, once nothing else happens
const IDLE = 400, SOON = 60, REST = 20; // milliseconds
const EVENT = 0, PICTURES = [1, 2, 3], LINE = 4, STEP = 7, TOUCHED = 8, PAGE = 9; // places in a frame: Film._frame says what is there
const PANE = 262, WIDE = 930, LINE_HEIGHT = 18; // pixels, as in viewer.css
let viewers = 0;

function face(node, sign, label) {
  node.title = label;
  node.setAttribute("aria-label", label);
  node.innerHTML = `<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d="${SIGNS[sign]}"/></svg>`;
}

function viewer(root, host) {
  const id = `hl${(viewers += 1)}`;
  root.dataset.hl = "explorer";
  root.style.setProperty("--hl-digits", Math.max(host.digits ?? 0, 2));
  const top = make("div", root, { class: "hl-top" });
  const notes = make("div", root, { class: "hl-notes" });
  const refusal = make("div", notes, { class: "hl-refusal", role: "status" });
  const bar = make("div", root, { class: "hl-timeline", role: "group", "aria-label": "Timeline" });
  const buttons = {};
  for (const [name, label] of BUTTONS) {
    buttons[name] = make("button", bar, { type: "button", "data-do": name });
    face(buttons[name], name, label);
  }
  const slider = make("input", bar, { type: "range", min: 0, max: 1000, step: "any", "aria-label": "Event" });
  const caption = make("div", root, { class: "hl-caption", role: "status" });
  const unlike = make("div", root, { class: "hl-unlike" });
  const tabs = make("div", root, { class: "hl-tabs", role: "tablist", "aria-label": "Pictures" });
  for (const [name, label] of VIEWS) {
    make("button", tabs, { type: "button", role: "tab", id: `${id}-${name}`, "data-tab": name, "aria-selected": "false" }, label);
  }
  const grid = make("div", root, { class: "hl-sides" });
  const along = make("div", root, { class: "hl-along", role: "group", "aria-label": "Take it along" });

  let head = null, run = null, position = 0, selected = "", timer = null, idle = null, hidden = null, wide = false;
  let frames = new Map(); // position -> [what each side shows]
  let sides = [];
  const asked = new Set();
  const guarded = (action) => async (event) => {
    try { await action(event); } catch (error) {
      stop();
      host.fault(error);
    }
  };

  // -- one side -------------------------------------------------------------------------------
  function picture(parent, name, label) {
    const node = make("div", parent, { class: `hl-picture hl-pane hl-${name}`, role: "tabpanel", "aria-label": label, tabindex: 0 });
    return { node, shown: make("div", node), svg: "", root: null, parts: [], made: new Map() };
  }

  function makeSide(number, alone) {
    const box = make("section", grid, { class: `hl-side${alone ? " hl-alone" : ""}` });
    const title = make("div", box, { class: "hl-title" });
    const pool = alone ? make("div", top, { class: "hl-pool" }) : make("div", box, { class: "hl-pool" });
    const numbers = make("div", pool, { class: "hl-numbers", role: "group", "aria-label": "The pool at this event; press to show or hide a line" });
    const shown = {};
    for (const name of NUMBERS) {
      const pair = make("button", numbers, { type: "button", "aria-pressed": "true", "data-trace": name, title: `Show or hide ${name} in the plot` });
      make("span", pair, {}, `${name} `);
      shown[name] = make("b", pair, { "data-n": name });
    }
    const plotted = plot(pool, {
      go: (place) => go(positionAt(place)),
      fault: host.fault,
      name: () => `hugelab-pool-event-${eventNow(number)}`,
      run: () => run,
      toggled(names) {
        for (const pair of numbers.children) pair.setAttribute("aria-pressed", String(!names.includes(pair.dataset.trace)));
      },
    });
    numbers.addEventListener("click", guarded((event) => {
      const pair = event.target.closest("[data-trace]");
      if (pair) plotted.toggle(pair.dataset.trace);
    }));
    const columns = make("div", box, { class: "hl-panes" });
    const [flow, owners, layout] = VIEWS.slice(0, 3).map(([name, label]) => picture(columns, name, label));
    const log = make("div", columns, { class: "hl-pane hl-log", role: "listbox", tabindex: 0, "aria-label": "Kernel log" });
    const steps = make("div", columns, { class: "hl-pane hl-steps-pane hl-usages", role: "tabpanel", "aria-label": "Steps", tabindex: 0 });
    const side = { number, box, pool, title, numbers: shown, plot: plotted, flow, owners, layout, log, steps, lines: [] };
    for (const view of [flow, owners, layout]) reachable(view, side);
    log.addEventListener("keydown", guarded((event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const at = side.lines.findLastIndex((line) => line.position <= position);
      const line = side.lines[at + by];
      if (line) go(line.position);
    }));
    return side;
  }
  const eventNow = (side) => frames.get(position)?.[side][EVENT] ?? 0;

  // -- which picture is open ------------------------------------------------------------------
  function open(name) {
    if (!VIEWS.some(([known]) => known === name)) name = "owners";
    root.dataset.tab = name;
    for (const tab of tabs.children) {
      const selected = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
    }
    if (head) draw();
  }
  tabs.addEventListener("click", guarded((event) => {
    const tab = event.target.closest("[data-tab]");
    if (!tab) return;
    open(tab.dataset.tab);
    host.tab?.(tab.dataset.tab);
  }));
  tabs.addEventListener("keydown", guarded((event) => {
    const list = [...tabs.children].filter((tab) => tab.getClientRects().length), at = list.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + list.length, Home: 0, End: list.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const tab = list[to % list.length];
    tab.focus({ preventScroll: true });
    tab.click();
  }));

  // Arrow keys go from item to item of a picture, Enter follows the one in focus.
  function reachable(view, side) {
    view.node.addEventListener("keydown", guarded((event) => {
      const all = items(view), at = all.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
      if (event.key in to && all.length) {
        event.preventDefault();
        all[Math.min(Math.max(to[event.key], 0), all.length - 1)].focus({ preventScroll: true });
      } else if ((event.key === "Enter" || event.key === " ") && at >= 0) {
        event.preventDefault();
        pick(side, all[at]);
      } else if (event.key === "Escape") {
        select("");
        view.node.focus({ preventScroll: true });
      }
    }));
  }

  function pick(side, item) {
    if (item.dataset.p) select(item.dataset.p);
    follow(side.number, item.dataset.p || item.dataset.k);
  }

  function select(page) {
    selected = page;
    mark();
  }

  function mark() {
    for (const node of grid.querySelectorAll(".hl-sel")) node.classList.remove("hl-sel");
    if (!selected) return;
    for (const node of grid.querySelectorAll(`[data-p="${CSS.escape(selected)}"]`)) node.classList.add("hl-sel");
  }

  // To the last event up to here that touched it; from there to the next ones.
  function follow(number, token) {
    const touches = (at) => frames.get(at)?.[number][TOUCHED].includes(token);
    if (frames.size < head.length && host.follow) return host.follow(number, token, position);
    let found = position;
    while (found >= 0 && !touches(found)) found -= 1;
    if (found < 0 || found === position) {
      let next = position + 1;
      while (next < head.length && !touches(next)) next += 1;
      if (next < head.length) found = next;
    }
    if (found >= 0) go(found);
    else say("Nothing happens to it.");
  }

  // One picture takes the place of another. What is equal in both stays: to lay it out would be most of a step's time.
  function put(view, svg) {
    if (view.svg === svg) return;
    const focused = view.shown.contains(document.activeElement) ? document.activeElement.dataset : null;
    view.svg = svg;
    const next = view.made.get(svg) ?? parse(view, svg);
    view.root ??= view.shown.appendChild(next.root.cloneNode(false));
    for (const { name, value } of next.root.attributes) view.root.setAttribute(name, value);
    next.parts.forEach((part, i) => {
      if (view.parts[i] === part) return;
      const node = next.root.children[i].cloneNode(true), old = view.root.children[i];
      if (old) old.replaceWith(node);
      else view.root.append(node);
    });
    while (view.root.children.length > next.parts.length) view.root.lastChild.remove();
    view.parts = next.parts;
    if (!focused || view.shown.contains(document.activeElement)) return;
    const same = items(view).find(({ dataset: { k, p } }) => k === focused.k && p === focused.p);
    (same ?? view.node).focus({ preventScroll: true });
  }

  function parse(view, svg) {
    const made = document.createElement("template");
    made.innerHTML = svg;
    const root = made.content.firstChild;
    for (const item of root.querySelectorAll("[data-k],[data-p]")) {
      item.setAttribute("tabindex", "-1");
      keys(item);
      item.setAttribute("role", "button");
      const words = item.firstElementChild?.localName === "title" ? item.firstElementChild.textContent : item.textContent;
      item.setAttribute("aria-label", words);
    }
    const next = { root, parts: [...root.children].map((part) => part.outerHTML) };
    view.made.set(svg, next);
    return next;
  }
  const items = (view) => [...view.shown.querySelectorAll("[data-k],[data-p]")];

  // -- drawing --------------------------------------------------------------------------------
  function draw() {
    const frame = frames.get(position);
    root.toggleAttribute("data-waiting", !frame);
    slider.value = 1000 * placeOf(position);
    if (!frame) return;
    const words = frame.map(([event, , , , , text, counters], i) => {
      const side = sides[i];
      PICTURES.forEach((n, k) => { if (seen(VIEWS[k][0])) put(side[VIEWS[k][0]], frame[i][n]); });
      NUMBERS.forEach((name, n) => { side.numbers[name].textContent = counters[n]; });
      side.plot.cursor(placeOf(position));
      scroll(side);
      return `${sides.length > 1 ? `${head.sides[i].title}: ` : ""}event ${event} · ${text}`;
    });
    if (caption.children.length !== words.length) caption.replaceChildren(...words.map(() => document.createElement("div")));
    words.forEach((text, i) => { caption.children[i].textContent = text; });
    slider.setAttribute("aria-valuetext", words.join("; "));
    mark();
    root.dataset.values = JSON.stringify(head.values ?? {});
    clearTimeout(hidden);
    if (seen("log") || seen("steps")) drawRest();
    else hidden = setTimeout(guarded(drawRest), REST);
    root.dataset.shown = `${run}:${position}`;
  }
  const seen = (name) => root.dataset.tab === name || (wide && sides.length === 1 && (name === "flow" || (name === "owners" && root.dataset.tab === "flow")));

  // What nobody sees at the moment: it comes once the rest is painted, and is there when its tab is opened.
  function drawRest() {
    frames.get(position)?.forEach((shown, i) => {
      const side = sides[i];
      PICTURES.forEach((n, k) => put(side[VIEWS[k][0]], shown[n]));
      if (side.table !== head.sides[i].steps) {
        side.steps.innerHTML = side.table = head.sides[i].steps;
        side.steps.querySelectorAll("button").forEach(keys);
      }
      for (const row of side.steps.querySelectorAll("[data-step]")) {
        if (Number(row.dataset.step) === shown[STEP]) row.setAttribute("aria-current", "step");
        else row.removeAttribute("aria-current");
      }
      drawLog(side);
      scroll(side);
    });
    mark();
    root.dataset.whole = `${run}:${position}`;
  }

  function drawLog(side) {
    if (!side.logged || position < side.logged[0] || position >= side.logged[1]) fillLog(side);
    let current = null;
    for (const line of side.lines) {
      const later = line.position > position;
      line.node.classList.toggle("hl-later", later);
      if (!later) current = line;
    }
    if (side.current !== current) {
      side.current?.node.setAttribute("aria-selected", "false");
      current?.node.setAttribute("aria-selected", "true");
      side.current = current;
      if (current) side.log.setAttribute("aria-activedescendant", current.node.id);
      else side.log.removeAttribute("aria-activedescendant");
    }
  }

  // What is current comes into the middle of its pane; the page itself never scrolls. Nothing is measured, and what is
  // hidden stays as it is: either would cost as much as the whole step.
  function scroll(side) {
    if (root.dataset.tab === "log") side.log.scrollTop = (side.current?.row ?? 0) * LINE_HEIGHT - PANE / 2;
    const lit = (wide || root.dataset.tab === "flow") && side.flow.shown.querySelector(".hl-lit, .hl-bad");
    if (lit) side.flow.node.scrollTop = Number(lit.getAttribute("y")) - PANE / 2;
  }

  // The lines of the frames that are here, from the current one on in both directions without a gap.
  function fillLog(side) {
    let first = position, end = position;
    while (frames.has(first - 1)) first -= 1;
    while (frames.has(end)) end += 1;
    side.logged = [first, end];
    side.lines = [];
    side.current = null;
    side.log.replaceChildren();
    const note = (text) => make("div", side.log, { class: "hl-note", role: "option", "aria-selected": "false", "aria-disabled": "true" }, text);
    if (first > 0) note(`... before: the log of ${first.toLocaleString("en")} events`);
    for (let at = first; at < end; at += 1) {
      const frame = frames.get(at)[side.number];
      if (!frame[LINE]) continue;
      const node = make("div", side.log, { role: "option", id: `${id}-${side.number}-${at}`, "aria-selected": "false", "data-go": at }, frame[LINE]);
      if (frame[PAGE]) node.dataset.p = frame[PAGE];
      side.lines.push({ position: at, node, row: side.log.children.length - 1 });
    }
    if (end < head.length) note(`... after: the log of ${(head.length - end).toLocaleString("en")} events`);
    if (!side.log.firstChild) note("no line in the log");
  }

  // -- places on the timeline -----------------------------------------------------------------
  function between(knots, from, to, value) {
    let i = 1;
    while (i < knots.length - 1 && knots[i][from] < value) i += 1;
    const [a, b] = knots.length > 1 ? [knots[i - 1], knots[i]] : [knots[0], knots[0]];
    return b[from] === a[from] ? a[to] : a[to] + (b[to] - a[to]) * (value - a[from]) / (b[from] - a[from]);
  }
  const placeOf = (at) => between(head.knots, 0, 1, at);
  const positionAt = (place) => Math.round(between(head.knots, 1, 0, Math.min(Math.max(place, 0), 1)));

  function go(to) {
    if (!head || Number.isNaN(to)) return;
    position = Math.min(Math.max(to, 0), head.length - 1);
    host.moved(position);
    draw();
    ask();
  }

  // More frames, before they are needed.
  function ask() {
    clearTimeout(idle);
    if (!host.want) return;
    const near = [position, position + NEAR, position - NEAR].find((at) => at >= 0 && at < head.length && !frames.has(at));
    if (near !== undefined) fetch(near === position ? near : beyond(near));
    else if (head.length <= ALL && frames.size < head.length) {
      idle = setTimeout(() => {
        for (let at = 0; at < head.length; at += 1) if (!frames.has(at)) return fetch(Math.min(at + head.around, head.length - 1));
      }, IDLE);
    }
  }
  const beyond = (at) => Math.min(Math.max(at + (at > position ? head.around : -head.around), 0), head.length - 1);
  function fetch(at) {
    if (asked.has(at)) return;
    asked.add(at);
    host.want(at);
  }

  function neighbour(by) { // where the next or the previous step begins
    const starts = head.marks.map(([at]) => at);
    return by > 0 ? starts.find((at) => at > position) ?? head.length - 1 : starts.findLast((at) => at < position) ?? 0;
  }

  function stop() {
    if (!timer) return;
    clearInterval(timer);
    timer = null;
    caption.setAttribute("aria-live", "polite");
    face(buttons.play, "play", "Play");
  }

  function play() {
    if (timer) return stop();
    if (position >= head.length - 1) go(0);
    face(buttons.play, "pause", "Pause");
    caption.setAttribute("aria-live", "off"); // nobody wants each frame of a film read out
    timer = setInterval(guarded(() => {
      if (position >= head.length - 1) stop();
      else if (frames.has(position)) go(position + 1);
    }), 350);
  }

  // -- what comes from Python -----------------------------------------------------------------
  function add(window) {
    if (window.run !== run) return;
    window.frames.forEach((frame, i) => frames.set(window.first + i, frame.map((side) => {
      const shown = [...side];
      for (const n of PICTURES) shown[n] = window.pictures[side[n]];
      return shown;
    })));
    asked.clear();
  }

  function load(newHead, window, at) {
    stop();
    head = newHead;
    run = head.run ?? 0;
    position = Math.min(at, head.length - 1);
    frames = new Map();
    add(window);
    if (sides.length !== head.sides.length) {
      grid.replaceChildren();
      for (const side of sides) {
        side.plot.close();
        side.pool.remove();
      }
      sides = head.sides.map((_, i) => makeSide(i, head.sides.length === 1));
      root.dataset.sides = sides.length;
    }
    head.sides.forEach((given, i) => {
      const side = sides[i];
      side.title.textContent = given.title;
      side.plot.load(given.figure).catch(host.fault);
      for (const view of [side.flow, side.owners, side.layout]) view.made.clear();
      side.logged = null;
    });
    refused();
    const found = head.difference;
    unlike.replaceChildren();
    unlike.hidden = sides.length < 2;
    if (found) {
      make("span", unlike, {}, `First difference: ${found[1]} `);
      button(unlike, "Go to it", "Go to the first difference", () => go(found[0]));
    } else if (sides.length > 1) make("span", unlike, {}, "No difference.");
    draw();
    clearTimeout(idle);
    idle = setTimeout(ask, SOON); // while a control is being moved nothing but its film is asked for
  }

  // One sentence above the pictures for each side that was refused something; pressing it leads there.
  function refused() {
    refusal.replaceChildren();
    head.sides.forEach(({ refusal: found }, i) => {
      if (!found) return;
      const [, at, text] = found;
      button(refusal, `✗ ${sides.length > 1 ? ["left: ", "right: "][i] : ""}${text}.`, "Go to where it was decided", () => go(at));
    });
  }

  function more(window) {
    const before = frames.size, waiting = root.hasAttribute("data-waiting");
    add(window);
    if (frames.size === before) return;
    for (const side of sides) side.logged = null;
    if (waiting) draw();
    else drawRest(); // only the log has become longer
    ask();
  }

  // -- taking it along ------------------------------------------------------------------------
  const say = takeAlong(along, guarded, {
    name: (kind) => `hugelab-event-${frames.get(position)?.[0][EVENT] ?? 0}.${kind}`,
    table: () => ["hugelab-steps.csv", head.sides.map((side) => (sides.length > 1 ? `${side.title}\n` : "") + side.csv).join("\n")],
    json: () => head.json,
    python: () => head.python,
    words: () => [...caption.children].map((line) => line.textContent),
    columns: () => sides.flatMap((side) => [[side.flow.shown], [side.plot, side.owners.shown, side.layout.shown]]),
  });

  // -- what the learner does ------------------------------------------------------------------
  const does = {
    first: () => go(0), back: () => go(position - 1), play, step: () => go(position + 1), last: () => go(head.length - 1),
  };
  root.addEventListener("click", guarded((event) => {
    const does_ = event.target.closest("[data-do]"), to = event.target.closest("[data-go]");
    const item = event.target.closest(".hl-picture [data-k], .hl-picture [data-p]");
    if (does_) does[does_.dataset.do]();
    else if (to) {
      if (to.dataset.p) select(to.dataset.p);
      go(Number(to.dataset.go));
    } else if (item) pick(sides.find((side) => side.box.contains(item)), item);
  }));
  slider.addEventListener("input", guarded(() => go(positionAt(slider.value / 1000))));
  slider.addEventListener("keydown", guarded((event) => {
    const to = {
      ArrowRight: () => position + 1, ArrowUp: () => position + 1, ArrowLeft: () => position - 1,
      ArrowDown: () => position - 1, PageDown: () => neighbour(1), PageUp: () => neighbour(-1), Home: () => 0,
      End: () => head.length - 1,
    }[event.key];
    if (!to || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    go(to());
  }));
  const resized = new ResizeObserver(() => { // also once it is on the page
    wide = root.clientWidth >= WIDE;
    sides.forEach(scroll);
  });
  resized.observe(root);
  open("owners");

  return {
    top, notes, along, load, more, go, say, open, get position() { return position; },
    close() {
      stop();
      clearTimeout(idle);
      clearTimeout(hidden);
      resized.disconnect();
      for (const side of sides) side.plot.close();
    },
  };
}
