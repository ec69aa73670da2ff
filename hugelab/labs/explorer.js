// A lab: its controls, and the view of what they make: a film or a sheet. Goes behind their scripts and still.js.

function control(spec, parent, changed) {
  const label = make("label", parent, { class: "hl-control", title: spec.help });
  make("span", label, {}, spec.label);
  let input, output;
  if (spec.kind === "slider") {
    input = make("input", label, { type: "range", name: spec.name, min: 0, max: spec.values.length - 1, step: 1 });
    output = make("output", label);
  } else {
    input = make("select", label, { name: spec.name });
    for (const value of spec.values) make("option", input, { value }, value);
  }
  const name_ = (value) => spec.texts?.[spec.values.indexOf(value)] ?? value.toLocaleString("en");
  const read = () => (spec.kind === "slider" ? spec.values[Number(input.value)] : input.value);
  const tell = () => {
    if (!output) return;
    output.textContent = name_(read());
    input.setAttribute("aria-valuetext", `${output.textContent} of ${name_(spec.values.at(-1))}`);
  };
  input.addEventListener("input", () => { tell(); changed(); });
  return {
    name: spec.name, read,
    write(value) {
      input.value = spec.kind === "slider" ? spec.values.indexOf(value) : value;
      tell();
    },
  };
}

function render({ model, el }) {
  el.classList.add("hugelab");
  const root = make("div", el);
  const fault = (error) => {
    tell({ kind: "fault", html: `This lab has a fault: ${String(error).replace(/</g, "&lt;")}` });
    console.error(error); // for the one who mends it, and for the tests
  };
  const guard = (action) => (...given) => { try { return action(...given); } catch (error) { fault(error); } };
  const numbers = model.get("controls").filter(({ kind, texts }) => kind === "slider" && !texts).flatMap(({ values }) => values);
  const view = (model.get("head").pictures ? sheet : viewer)(root, {
    digits: String(Math.max(0, ...numbers)).length,
    moved(position) {
      model.set("position", position);
      model.save_changes();
    },
    want: (position) => model.send({ want: position, run: model.get("head").run }),
    follow: (side, token, position) => model.send({ follow: [side, token, position], run: model.get("head").run }),
    fault,
  });

  // -- above the views ------------------------------------------------------------------------
  const panel = make("div", view.top, { class: "hl-controls", role: "group", "aria-label": "Controls" });
  view.top.prepend(panel);
  const controls = model.get("controls").map((spec) => control(spec, panel, changed));
  const first = { ...model.get("head").first };
  function changed() {
    model.set("values", Object.fromEntries(controls.map((one) => [one.name, one.read()])));
    model.save_changes();
  }
  function write() {
    const values = model.get("values");
    for (const one of controls) one.write(values[one.name]);
  }
  const buttons = make("div", panel, { class: "hl-buttons" });
  const status = make("div", root, { class: "hl-message", role: "status" });
  const busy = make("div", root, { class: "hl-busy" });
  view.top.after(busy, status);
  if (controls.length) {
    view.along.prepend(button(view.along, "Reset", "All controls as they were at first", () => {
      for (const one of controls) one.write(first[one.name]);
      changed();
    }));
  }
  function tell({ html = "", kind = "" }) {
    status.innerHTML = html;
    status.dataset.kind = kind;
    if (kind === "fault") console.error(status.textContent);
  }
  function act() {
    const focused = document.activeElement?.dataset?.action;
    buttons.replaceChildren();
    for (const { name, label, title, enabled, focus } of model.get("actions")) {
      const node = button(buttons, label, title, () => model.send({ action: name }));
      node.dataset.action = name;
      node.disabled = !enabled;
      if (focus || focused === name) node.focus({ preventScroll: true });
    }
  }
  function work() { // the same button until it is over, so that it keeps the focus
    const { text, part } = model.get("busy");
    if (text === undefined) {
      const focused = busy.contains(document.activeElement);
      busy.replaceChildren();
      if (focused) panel.querySelector("input, select, button")?.focus({ preventScroll: true });
      return;
    }
    if (!busy.firstChild) {
      make("progress", busy, { "aria-label": "Progress" });
      make("span", busy, { role: "status" });
      button(busy, "Cancel", "Stop; what was shown stays", () => model.send({ cancel: true }));
    }
    const [bar, said] = busy.children;
    if (part === null) bar.removeAttribute("value");
    else bar.value = part;
    said.textContent = text;
  }
  let run, window_; // what is shown
  function show() { // head, window and position come together, in any order
    const [head, window, position] = ["head", "window", "position"].map((name) => model.get(name));
    if (head.run !== run && window.run !== head.run) return; // its window is still to come
    const [another, more] = [head.run !== run, window !== window_];
    [run, window_] = [head.run, window];
    if (another) view.load(head, window, position);
    else {
      if (more) view.more(window);
      if (view.position !== position) view.go(position);
    }
  }
  const follow = {
    "change:values": write,
    "change:head": show,
    "change:window": show,
    "change:position": show,
    "change:message": () => tell(model.get("message")),
    "change:actions": act,
    "change:busy": work,
  };
  for (const name of Object.keys(follow)) {
    follow[name] = guard(follow[name]);
    model.on(name, follow[name]);
  }
  guard(() => {
    write();
    tell(model.get("message"));
    act();
    work();
    show();
  })();
  hideStill(el);
  return () => {
    view.close();
    for (const [name, action] of Object.entries(follow)) model.off(name, action);
  };
}

export default { render };
