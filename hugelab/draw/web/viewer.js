// Shows a film (hugelab/draw/film.py): one timeline, and views that are all at the same event. It flips through
// pictures that Python drew; it computes nothing about huge pages. The lab and the self-contained page share it.
//
// host: what is behind it. moved(position); want(position): more frames, please; follow(side, token, position): where
// else is this touched; fault(error); digits: of the largest number that the controls allow. A page without a kernel
// leaves out want and follow.

const SIGNS = { // drawn, not typed: not every font has them
  first: "M3 3v10h2V3zM13 3v10L6 8z",
  back: "M12 3v10L4 8z",
  play: "M2 3v10l6-5zM8 3v10l6-5z",
  pause: "M4 3v10h3V3zM9 3v10h3V3z",
  step: "M4 3v10l8-5z",
  last: "M11 3v10h2V3zM3 3v10l7-5z",
};
const BUTTONS = [
  ["first", "First event"], ["back", "One event back"], ["play", "Play"], ["step", "One event on"], ["last", "Last event"],
];
const NUMBERS = [ // in the order in which a frame has them
  ["total", "total"], ["in_use", "in use"], ["free", "free"], ["rsvd", "reserved"], ["available", "available"],
  ["surp", "surplus"],
];
const NEAR = 8; // frames: closer than this to the end of what is here, more are asked for
const ALL = 400; // recordings no longer than this are fetched whole, once nothing else happens
const IDLE = 400; // milliseconds
const EVENT = 0, PICTURES = [1, 2, 3], LINE = 4, TOUCHED = 8, PAGE = 9; // places in a frame: Film._frame says what is there
let viewers = 0;

function face(node, sign, label) {
  node.title = label;
  node.setAttribute("aria-label", label);
  node.innerHTML = `<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d="${SIGNS[sign]}"/></svg>`;
}

function viewer(root, host) {
  const id = `hl${(viewers += 1)}`;
  root.dataset.hl = "explorer";
  const top = make("div", root, { class: "hl-top" });
  const bar = make("div", root, { class: "hl-timeline", role: "group", "aria-label": "Timeline" });
  const buttons = {};
  for (const [name, label] of BUTTONS) {
    buttons[name] = make("button", bar, { type: "button", "data-do": name });
    face(buttons[name], name, label);
  }
  const slider = make("input", bar, { type: "range", min: 0, max: 1000, step: "any", "aria-label": "Event" });
  const caption = make("div", root, { class: "hl-caption", role: "status" });
  const unlike = make("div", root, { class: "hl-unlike" });
  const grid = make("div", root, { class: "hl-sides" });
  const along = make("div", root, { class: "hl-along", role: "group", "aria-label": "Take it along" });

  let head = null, run = null, position = 0, selected = "", timer = null, idle = null;
  let frames = new Map(); // position -> [what each side shows]
  let sides = [];
  const room = {}; // the largest heights so far: what is below stays where it is
  const asked = new Set();
  const guarded = (action) => async (event) => {
    try { await action(event); } catch (error) {
      stop();
      host.fault(error);
    }
  };

  // -- one side -------------------------------------------------------------------------------
  function picture(parent, name, label) {
    const node = make("div", parent, { class: `hl-picture hl-${name}`, role: "group", "aria-label": label, tabindex: 0 });
    const spacer = make("div", node, { class: "hl-spacer", "aria-hidden": "true" });
    const shown = make("div", node);
    return { node, spacer, shown, svg: "" };
  }

  function makeSide(number, alone) {
    const box = make("section", grid, { class: `hl-side${alone ? " hl-alone" : ""}` });
    const title = make("div", box, { class: "hl-title" });
    const pool = alone ? make("div", top, { class: "hl-pool" }) : make("div", box, { class: "hl-pool" });
    const numbers = make("div", pool, { class: "hl-numbers", role: "group", "aria-label": "The pool at this event" });
    const shown = {};
    for (const [name, label] of NUMBERS) {
      const pair = make("span", numbers, { class: `hl-n-${name}` });
      make("span", pair, {}, `${label} `);
      shown[name] = make("b", pair, { "data-n": name });
    }
    const plot = make("div", pool, { class: "hl-picture hl-plot" });
    const columns = make("div", box, { class: "hl-columns" });
    const order = alone ? ["left", "right"] : ["right", "left"]; // as they are seen, so the keyboard goes that way
    const { left, right } = Object.fromEntries(order.map((name) => [name, make("div", columns, { class: `hl-${name}` })]));
    plot.addEventListener("click", guarded((event) => {
      const svg = event.target.closest("svg");
      if (!svg) return;
      const area = svg.getBoundingClientRect(), scale = area.width / head.plot.width;
      const inside = area.width - (head.plot.left + head.plot.right + 2) * scale;
      go(positionAt((event.clientX - area.left - (head.plot.left + 1) * scale) / inside));
    }));
    const flow = picture(left, "flow", "Call flow");
    const owners = picture(right, "owners", "Who holds each page");
    const layout = picture(right, "layout", "Memory layout");
    const log = make("div", box, { class: "hl-log", role: "listbox", tabindex: 0, "aria-label": "Kernel log" });
    const steps = make("div", box, { class: "hl-usages" });
    const side = { number, box, title, numbers: shown, plot, flow, owners, layout, log, steps, lines: [] };
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

  // Arrow keys go from item to item of a picture, Enter follows the one in focus.
  function reachable(view, side) {
    view.node.addEventListener("keydown", guarded((event) => {
      const items = [...view.shown.querySelectorAll("[data-k],[data-p]")];
      const at = items.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
      if (event.key in to && items.length) {
        event.preventDefault();
        items[Math.min(Math.max(to[event.key], 0), items.length - 1)].focus({ preventScroll: true });
      } else if ((event.key === "Enter" || event.key === " ") && at >= 0) {
        event.preventDefault();
        pick(side, items[at]);
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

  function put(view, svg) {
    if (view.svg === svg) return;
    const focused = view.shown.contains(document.activeElement) ? document.activeElement.dataset : null;
    view.svg = svg;
    view.shown.innerHTML = svg;
    for (const item of view.shown.querySelectorAll("[data-k],[data-p]")) {
      item.setAttribute("tabindex", "-1");
      keys(item);
      item.setAttribute("role", "button");
      const words = item.firstElementChild?.localName === "title" ? item.firstElementChild.textContent : item.textContent;
      item.setAttribute("aria-label", words);
      if (focused && item.dataset.k === focused.k && item.dataset.p === focused.p) item.focus({ preventScroll: true });
    }
    if (focused && !view.shown.contains(document.activeElement)) view.node.focus({ preventScroll: true });
  }

  // -- drawing --------------------------------------------------------------------------------
  function draw() {
    const frame = frames.get(position);
    root.toggleAttribute("data-waiting", !frame);
    slider.value = 1000 * placeOf(position);
    if (!frame) return;
    const words = [];
    frame.forEach(([event, flow, owners, layout, , text, counters, step], i) => {
      const side = sides[i];
      put(side.flow, flow);
      put(side.owners, owners);
      put(side.layout, layout);
      NUMBERS.forEach(([name], n) => { side.numbers[name].textContent = counters[n]; });
      room.digits = Math.max(room.digits ?? host.digits ?? 1, ...counters.map((text) => text.length));
      for (const line of side.plot.querySelectorAll(".hl-marker")) {
        line.setAttribute("transform", `translate(${cursorAt()} 0)`);
      }
      for (const row of side.steps.querySelectorAll("[data-step]")) {
        if (Number(row.dataset.step) === step) row.setAttribute("aria-current", "step");
        else row.removeAttribute("aria-current");
      }
      words.push(`${sides.length > 1 ? `${head.sides[i].title}: ` : ""}event ${event} · ${text}`);
      drawLog(side);
    });
    root.style.setProperty("--hl-digits", room.digits);
    caption.replaceChildren(...words.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
    slider.setAttribute("aria-valuetext", words.join("; "));
    mark();
    root.dataset.values = JSON.stringify(head.values ?? {});
    root.dataset.shown = `${run}:${position}`;
  }

  const cursorAt = () => head.plot.left + placeOf(position) * (head.plot.width - 2 - head.plot.left - head.plot.right);

  function drawLog(side) {
    if (position < side.logged[0] || position >= side.logged[1]) fillLog(side);
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
    scrollLog(side);
  }

  function scrollLog(side) {
    const node = side.current?.node ?? side.log.firstChild; // the page itself never scrolls
    if (node) side.log.scrollTop = node.offsetTop - side.log.clientHeight / 2;
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
      side.lines.push({ position: at, node });
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
      for (const side of sides) side.plot.parentElement.remove();
      sides = head.sides.map((_, i) => makeSide(i, head.sides.length === 1));
      root.dataset.sides = sides.length;
    }
    head.sides.forEach((given, i) => {
      const side = sides[i];
      side.title.textContent = given.title;
      side.plot.innerHTML = given.plots.join("");
      side.steps.innerHTML = given.steps;
      side.steps.querySelectorAll("button").forEach(keys);
      for (const name of ["flow", "owners", "layout"]) {
        room[name] = Math.max(room[name] ?? 0, head.heights[name]);
        side[name].spacer.style.maxWidth = `${head.widths[name]}px`;
        side[name].spacer.style.aspectRatio = `${head.widths[name]} / ${room[name] + 2}`;
      }
      room.rows = Math.max(room.rows ?? 0, head.heights.rows);
      side.steps.style.setProperty("--hl-rows", room.rows);
      fillLog(side);
    });
    const found = head.difference;
    unlike.replaceChildren();
    unlike.hidden = sides.length < 2;
    if (found) {
      make("span", unlike, {}, `First difference: ${found[1]} `);
      button(unlike, "Go to it", "Go to the first difference", () => go(found[0]));
    } else if (sides.length > 1) make("span", unlike, {}, "No difference.");
    draw();
    ask();
  }

  function more(window) {
    const before = frames.size, waiting = root.hasAttribute("data-waiting");
    add(window);
    if (frames.size === before) return;
    for (const side of sides) fillLog(side);
    if (waiting) draw();
    else { // only the log has become longer
      for (const side of sides) drawLog(side);
      mark();
    }
    ask();
  }

  // -- taking it along ------------------------------------------------------------------------
  const say = takeAlong(along, guarded, {
    name: (kind) => `hugelab-event-${frames.get(position)?.[0][EVENT] ?? 0}.${kind}`,
    table: () => ["hugelab-steps.csv", head.sides.map((side) => (sides.length > 1 ? `${side.title}\n` : "") + side.csv).join("\n")],
    json: () => head.json,
    python: () => head.python,
    words: () => [...caption.children].map((line) => line.textContent),
    styles: () => head.styles,
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
  const resized = new ResizeObserver(() => sides.forEach(scrollLog)); // once it is on the page
  resized.observe(root);

  return { top, along, load, more, go, say, get position() { return position; }, close() { stop(); clearTimeout(idle); resized.disconnect(); } };
}
