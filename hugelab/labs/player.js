// Flips through the frames of a film: pictures (SVG texts), a log, and words. See draw/film.py for what a film holds.

// Drawn, not typed: not every font has the signs.
const SIGNS = {
  first: "M3 3v10h2V3zM13 3v10L6 8z",
  back: "M12 3v10L4 8z",
  play: "M2 3v10l6-5zM8 3v10l6-5z",
  pause: "M4 3v10h3V3zM9 3v10h3V3z",
  step: "M4 3v10l8-5z",
  last: "M11 3v10h2V3zM3 3v10l7-5z",
};
const BUTTONS = [
  ["first", "First event"],
  ["back", "One event back"],
  ["play", "Play"],
  ["step", "One event on"],
  ["last", "Last event"],
];

function face(button, sign, label) {
  button.title = label;
  button.setAttribute("aria-label", label);
  button.innerHTML = `<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d="${SIGNS[sign]}"/></svg>`;
}

function make(tag, parent, attributes = {}) {
  const node = parent.appendChild(document.createElement(tag));
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function watchTheme(model) {
  const read = () => {
    const dark = document.body.dataset.jpThemeLight === "false";
    if (model.get("dark") !== dark) {
      model.set("dark", dark);
      model.save_changes();
    }
  };
  read();
  const observer = new MutationObserver(read);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  return observer;
}

function render({ model, el }) {
  el.classList.add("hugelab");
  const bar = make("div", el, {
    class: "hl-bar", role: "group", "aria-label": "Timeline", "data-lm-suppress-shortcuts": "true",
  });
  const buttons = {};
  for (const [name, label] of BUTTONS) {
    buttons[name] = make("button", bar, { type: "button" });
    face(buttons[name], name, label);
  }
  const slider = make("input", bar, {
    type: "range", min: 0, step: 1, "aria-label": "Event", "data-lm-suppress-shortcuts": "true",
  });
  const caption = make("div", el, { class: "hl-caption", role: "status" });
  const views = make("div", el, { class: "hl-views" });
  const flow = make("div", views, { class: "hl-flow" });
  const right = make("div", views, { class: "hl-right" });
  const owners = make("div", right, { class: "hl-owners" });
  const layout = make("div", right, { class: "hl-layout" });
  const log = make("ol", el, {
    class: "hl-log", tabindex: 0, "aria-label": "Kernel log", "data-lm-suppress-shortcuts": "true",
  });
  const shown = new Map();
  let timer = null;

  const last = () => Math.max((model.get("film").frames || []).length - 1, 0);

  function put(node, picture) {
    if (shown.get(node) === picture) return;
    shown.set(node, picture);
    node.innerHTML = picture;
  }

  function draw() {
    const film = model.get("film");
    const frame = (film.frames || [])[Math.min(model.get("position"), last())];
    if (!frame) return;
    const [, flowAt, ownersAt, layoutAt, line, words] = frame;
    put(flow, film.pictures[flowAt]);
    put(owners, film.pictures[ownersAt]);
    put(layout, film.pictures[layoutAt]);
    slider.value = model.get("position");
    slider.setAttribute("aria-valuetext", words);
    caption.textContent = words;
    [...log.children].forEach((item, i) => {
      item.setAttribute("aria-current", i === line);
      item.classList.toggle("hl-later", i > line);
    });
    follow();
  }

  function follow() {
    const current = log.querySelector('[aria-current="true"]') || log.firstChild;
    if (current) log.scrollTop = current.offsetTop - log.offsetTop - 70; // the page itself never scrolls
  }

  function load() {
    const film = model.get("film");
    stop();
    shown.clear();
    slider.max = last();
    for (const [node, kind] of [[flow, "flow"], [owners, "owners"], [layout, "layout"]]) {
      node.style.minHeight = `${(film.heights || {})[kind] || 0}px`; // nothing jumps while a slider moves
    }
    log.replaceChildren();
    (film.log || []).forEach((text, i) => {
      const item = make("li", log);
      item.textContent = text;
      item.onclick = () => go(film.frames.findIndex((frame) => frame[4] === i));
    });
    draw();
  }

  function go(position) {
    model.set("position", Math.min(Math.max(position, 0), last()));
    model.save_changes();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    caption.setAttribute("aria-live", "polite");
    face(buttons.play, "play", "Play");
  }
  function play() {
    if (timer) return stop();
    if (model.get("position") >= last()) go(0);
    face(buttons.play, "pause", "Pause");
    caption.setAttribute("aria-live", "off"); // nobody wants each frame of a film read out
    timer = setInterval(() => (model.get("position") >= last() ? stop() : go(model.get("position") + 1)), 350);
  }

  buttons.first.onclick = () => go(0);
  buttons.back.onclick = () => go(model.get("position") - 1);
  buttons.play.onclick = play;
  buttons.step.onclick = () => go(model.get("position") + 1);
  buttons.last.onclick = () => go(last());
  log.onkeydown = (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const frames = model.get("film").frames;
    const line = Math.max(frames[model.get("position")][4] + by, 0);
    const target = frames.findIndex((frame) => frame[4] === line);
    if (target >= 0) go(target);
  };
  slider.oninput = () => go(Number(slider.value));
  model.on("change:film", load);
  model.on("change:position", draw);
  load();
  const resized = new ResizeObserver(() => {
    follow(); // once it is on the page
    const width = Math.min(el.clientWidth, 1100);
    if (width > 200 && Math.abs(width - model.get("width")) > 8) {
      model.set("width", width);
      model.save_changes();
    }
  });
  resized.observe(log);
  hideStill(el);
  const observer = watchTheme(model);
  return () => {
    stop();
    resized.disconnect();
    observer.disconnect();
    model.off("change:film", load);
    model.off("change:position", draw);
  };
}

export default { render };
