// A lab: native inputs for the models of its controls, and the view of what they make: a film or a sheet. Goes behind
// the scripts of the views.

const KINDS = { // name of a control's model in ipywidgets -> how it is shown
  IntSliderModel: range, FloatSliderModel: range, SelectionSliderModel: steps, DropdownModel: list, SelectModel: list,
  ToggleButtonsModel: radio, RadioButtonsModel: radio, CheckboxModel: box, ToggleButtonModel: box,
};
const CALM = 2000, WAIT = 500; // milliseconds: a kernel that answers later than this is said to be silent

// -- controls: each gives {write()}, and sets its model ----------------------------------------------
function labelled(parent, model, name) {
  const label = make("label", parent, { class: "hl-control", title: model.get("tooltip") ?? "", "data-control": name });
  make("span", label, {}, model.get("description") || name);
  return label;
}
const dead = new WeakSet(); // models without a kernel: ipywidgets has an error on the console for what they send
function tell(model, key, value) {
  model.set(key, value);
  if (!dead.has(model)) safely(() => model.save_changes());
}
function safely(action) { // false: there is no kernel any more; the lab says so elsewhere
  try { action(); } catch { return false; }
  return true;
}
function typed(parent, model, name, attributes) {
  const words = `${model.get("description") || name}, typed`;
  const field = make("input", parent, { class: "hl-typed", name: `${name}-typed`, "aria-label": words, ...attributes });
  field.addEventListener("keydown", (event) => { // JupyterLab keeps Enter for itself
    if (event.key === "Enter") field.dispatchEvent(new Event("change"));
  });
  return field;
}

function range(parent, model, name, say) {
  const label = labelled(parent, model, name);
  const slider = make("input", label, { type: "range", name });
  const field = typed(label, model, name, { type: "number" });
  slider.addEventListener("input", () => { field.value = slider.value; tell(model, "value", Number(slider.value)); });
  field.addEventListener("change", () => {
    const [least, most] = [Number(slider.min), Number(slider.max)], wanted = Number(field.value);
    const value = Math.min(Math.max(field.step === "1" ? Math.round(wanted) : wanted, least), most);
    if (!field.value || value !== wanted) say(`${label.firstChild.textContent}: ${least} to ${most}.`);
    if (field.value) tell(model, "value", value);
    write();
  });
  function write() {
    for (const input of [slider, field]) {
      [input.min, input.max, input.step] = [model.get("min"), model.get("max"), model.get("step") ?? 1];
      input.value = model.get("value");
    }
    slider.setAttribute("aria-valuetext", `${model.get("value")} of ${model.get("max")}`);
  }
  return { write };
}

function steps(parent, model, name, say) {
  const label = labelled(parent, model, name);
  const slider = make("input", label, { type: "range", name, min: 0, step: 1 });
  const field = typed(label, model, name, { type: "text", autocomplete: "off" });
  const names = () => model.get("_options_labels");
  slider.addEventListener("input", () => {
    field.value = names()[Number(slider.value)];
    tell(model, "index", Number(slider.value));
  });
  field.addEventListener("change", () => {
    const index = nearest(names(), field.value);
    if (index < 0) say(`${label.firstChild.textContent}: from ${names()[0]} to ${names().at(-1)}, such as ${names()[1] ?? names()[0]}.`);
    else tell(model, "index", index);
    write();
  });
  function write() {
    slider.max = names().length - 1;
    slider.value = model.get("index");
    field.value = names()[model.get("index")];
    slider.setAttribute("aria-valuetext", `${field.value} of ${names().at(-1)}`);
  }
  return { write };
}

// The option that a typed text names, else the one whose number is nearest in the same unit; -1: it names none.
function nearest(names, text) {
  const plain = (one) => one.toLowerCase().replace(/[\s,]/g, "");
  const found = names.findIndex((one) => plain(one) === plain(text));
  if (found >= 0) return found;
  const UNITS = ["b", "kb", "mb", "gb", "tb"];
  const number = (one) => {
    const [, digits, unit] = /^([-+]?[\d.]+)([a-z]*)$/.exec(plain(one)) ?? [];
    return digits === undefined || (unit && !UNITS.includes(unit)) ? NaN : Number(digits) * 1024 ** Math.max(UNITS.indexOf(unit), 0);
  };
  const wanted = number(text), far = names.map((one) => Math.abs(number(one) - wanted));
  return far.some(Number.isNaN) ? -1 : far.indexOf(Math.min(...far));
}

function list(parent, model, name) {
  const label = labelled(parent, model, name);
  const select = make("select", label, { name });
  select.addEventListener("input", () => tell(model, "index", select.selectedIndex));
  function write() {
    const names = model.get("_options_labels");
    if ([...select.options].map((one) => one.text).join("\n") !== names.join("\n")) {
      select.replaceChildren();
      for (const value of names) make("option", select, { value }, value);
    }
    select.selectedIndex = model.get("index") ?? -1;
  }
  return { write };
}

function radio(parent, model, name) {
  const words = model.get("description") || name;
  const group = make("div", parent, { class: "hl-control", role: "radiogroup", "aria-label": words, title: model.get("tooltip") ?? "", "data-control": name });
  make("span", group, { "aria-hidden": "true" }, words);
  const choices = make("div", group, { class: "hl-radios" });
  const own = `${name}-${Math.random().toString(36).slice(2)}`; // two labs on a page are two groups
  function write() {
    const names = model.get("_options_labels");
    if (choices.children.length !== names.length) {
      choices.replaceChildren();
      names.forEach((value, index) => {
        const label = make("label", choices);
        const input = make("input", label, { type: "radio", name: own, value, "data-name": name });
        label.append(value);
        input.addEventListener("input", () => tell(model, "index", index));
      });
    }
    [...choices.querySelectorAll("input")].forEach((input, index) => { input.checked = index === model.get("index"); });
  }
  return { write };
}

function box(parent, model, name) {
  const label = labelled(parent, model, name);
  const input = make("input", label, { type: "checkbox", name });
  input.addEventListener("input", () => tell(model, "value", input.checked));
  return { write() { input.checked = model.get("value"); } };
}

function number(parent, model, name, say) { // whatever else has a value: a number with or without bounds, a text
  const label = labelled(parent, model, name);
  const text = typeof model.get("value") === "string";
  const input = typed(label, model, name, { type: text ? "text" : "number", name });
  input.addEventListener("change", () => {
    const value = text ? input.value : Number(input.value), [least, most] = [model.get("min") ?? value, model.get("max") ?? value];
    if (!text && (!input.value || value < least || value > most)) say(`${label.firstChild.textContent}: ${least} to ${most}.`);
    else tell(model, "value", value);
    write();
  });
  function write() { input.value = model.get("value"); }
  return { write };
}

// A button for a file. A small one goes to the kernel in one message, as ipywidgets does it; nothing above 10 MB would
// arrive (tornado's websocket_max_message_size), so a larger one goes slice by slice, each asked for by the kernel.
const ONE_MESSAGE = 8_000_000, SLICE = 1 << 20; // bytes

function upload(parent, model, lab) {
  let file = null;
  const input = make("input", parent, { type: "file", hidden: "", accept: model.get("accept") });
  const node = button(parent, model.get("description"), model.get("tooltip") ?? "", () => input.click());
  const failed = (error) => lab.send({ file: file.name, error: String(error.message ?? error) }); // gone since it was chosen
  async function slice(from) {
    try {
      const data = await file.slice(from, from + SLICE).arrayBuffer();
      lab.send({ file: file.name, size: file.size, from }, undefined, [data]);
    } catch (error) { failed(error); }
  }
  input.addEventListener("change", async () => {
    [file] = input.files;
    input.value = ""; // the same file can be chosen once more
    if (!file) return;
    if (file.size > ONE_MESSAGE) return slice(0);
    try {
      const { name, type, size, lastModified } = file;
      tell(model, "value", [{ name, type, size, last_modified: lastModified, content: new DataView(await file.arrayBuffer()) }]);
    } catch (error) { failed(error); }
  });
  lab.on("msg:custom", ({ want }) => { if (file && want !== undefined) slice(want); });
  return node;
}

// -- the lab -----------------------------------------------------------------------------------------
async function render({ model, el, host }) {
  el.classList.add("hugelab");
  const root = make("div", el);
  const ends = [];
  const say = (html, kind = "") => {
    status.innerHTML = html;
    status.dataset.kind = kind;
    if (kind === "fault") console.error(status.textContent);
  };
  const fault = (error) => {
    say(`This lab has a fault: ${escapeText(String(error))}`, "fault");
    console.error(error); // for the one who mends it, and for the tests
  };
  const guard = (action) => (...given) => { try { return action(...given); } catch (error) { fault(error); } };
  const follow = (other, events) => {
    for (const [name, action] of Object.entries(events)) {
      const guarded = guard(action);
      other.on(name, guarded);
      ends.push(() => other.off(name, guarded));
    }
  };
  const status = document.createElement("div");
  let view = null;
  ends.push(() => view?.close());

  const panel = make("div", null, { class: "hl-controls", role: "group", "aria-label": "Controls" });
  const buttons = make("div", null, { class: "hl-buttons" });
  const models = await Promise.all(Object.entries(model.get("controls")).map(async ([name, ref]) => [name, await host.getModel(ref)]));
  for (const [name, other] of models) {
    const one = (KINDS[other.get("_model_name")] ?? number)(panel, other, name, (text) => { say(escapeText(text)); own = true; });
    one.write();
    follow(other, { change: one.write });
  }

  // -- the view, once there is something to show ----------------------------------------------------
  function begin() {
    const sheets = "tables" in model.get("head");
    const numbers = models.flatMap(([, one]) => [one.get("max"), ...(one.get("_options_labels") ?? [])]);
    view = (sheets ? sheet : viewer)(root, {
      digits: String(Math.max(...numbers.map((text) => Number(String(text).replaceAll(",", "")) || 0), 0)).length,
      moved: (position) => tell(model, "position", position),
      want: (position) => safely(() => model.send({ want: position, run: model.get("head").run })),
      follow: (side, token, position) => safely(() => model.send({ follow: [side, token, position], run: model.get("head").run })),
      tab: (name) => tell(model, "tab", name),
      fault,
    });
    view.open(model.get("tab") || "owners");
    view.top.prepend(panel);
    panel.append(buttons);
    Object.entries({ class: "hl-message", role: "status" }).forEach(([name, value]) => status.setAttribute(name, value));
    view.notes.append(busy, status);
    if (models.length) {
      view.along.prepend(button(view.along, "Reset", "All controls as they were at first", () => safely(() => model.send({ reset: true }))));
    }
  }
  const busy = make("div", null, { class: "hl-busy" });
  let run, window_; // what is shown
  function show() { // head, window and position come together, in any order
    const [head, window, position] = ["head", "window", "position"].map((name) => model.get(name));
    if (head.run === undefined) return;
    if (!view) begin();
    answered();
    if (head.run !== run && window.run !== head.run) return; // its window is still to come
    const [another, more] = [head.run !== run, window !== window_];
    [run, window_] = [head.run, window];
    if (another) view.load(head, window, position);
    else {
      if (more) view.more(window);
      if (view.position !== position) view.go(position);
    }
  }

  // -- buttons and progress -------------------------------------------------------------------------
  const shown = new Map(); // reference -> its button
  async function act() {
    const wanted = Object.values(model.get("buttons"));
    const others = await Promise.all(wanted.map((ref) => host.getModel(ref)));
    for (const [ref, node] of shown) if (!wanted.includes(ref)) { node.remove(); shown.delete(ref); }
    others.forEach((other, i) => {
      if (shown.has(wanted[i])) return;
      const node = other.get("_model_name") === "FileUploadModel" ? upload(buttons, other, model)
        : button(buttons, other.get("description"), other.get("tooltip") ?? "", () => safely(() => other.send({ event: "click" })));
      node.dataset.action = Object.keys(model.get("buttons"))[i];
      shown.set(wanted[i], node);
      const write = () => {
        node.disabled = other.get("disabled");
        node.textContent = other.get("description");
        node.title = other.get("tooltip") ?? "";
      };
      write();
      follow(other, { change: write, "msg:custom": ({ do: what }) => { if (what === "focus") node.focus({ preventScroll: true }); } });
    });
  }
  let bar = null;
  async function work() { // the same button until it is over, so that it keeps the focus
    const ref = model.get("progress");
    if (!ref || bar) return;
    bar = await host.getModel(ref);
    const write = () => {
      answered();
      if (!bar.get("max")) {
        const focused = busy.contains(document.activeElement);
        busy.replaceChildren();
        if (focused) panel.querySelector("input, select, button")?.focus({ preventScroll: true });
        return;
      }
      if (!busy.firstChild) {
        make("progress", busy, { "aria-label": "Progress", max: bar.get("max") });
        make("span", busy, { role: "status" });
        button(busy, "Cancel", "Stop; what was shown stays", () => safely(() => model.send({ cancel: true })));
      }
      const [progress, said] = busy.children;
      if (bar.get("value") < 0) progress.removeAttribute("value");
      else progress.value = bar.get("value");
      said.textContent = bar.get("description");
    };
    write();
    follow(bar, { change: write });
  }

  // -- is there anybody? ----------------------------------------------------------------------------
  let asked = null, silent = false, gone = false, own = false; // own: a control has said something, until the next move
  const told = () => say(model.get("message").html ?? "", model.get("message").kind);
  const GONE = "The kernel of this notebook was restarted or shut down: run this cell again (Shift+Enter).";
  const SILENT = "The kernel of this notebook does not answer. Another cell keeps it busy; or it is gone: then restart it, and run this cell again (Shift+Enter).";
  function ask() { // after each move of a control
    if (gone) return ended();
    if (own) told();
    own = false;
    if (asked) return;
    const unheard = (words) => {
      silent = true;
      say(words, "refused");
    };
    asked = setTimeout(() => { // most moves are answered by what they show; the others by an answer to this
      asked = setTimeout(() => unheard(SILENT), CALM - WAIT);
      if (!safely(() => model.send({ ping: 1 }))) ended();
    }, WAIT);
  }
  function answered() {
    clearTimeout(asked);
    asked = null;
    if (silent) {
      silent = false;
      told();
    }
  }
  ends.push(() => clearTimeout(asked));
  const { kernel } = model.widget_manager ?? {}; // in JupyterLab and Notebook: its connection, which tells how it is
  function ended() {
    gone = true;
    for (const one of [model, ...models.map(([, other]) => other)]) dead.add(one);
    say(GONE, "refused");
  }
  const status_ = (_, now) => { if (/restarting|dead|terminating/.test(now)) ended(); };
  kernel?.statusChanged?.connect(status_);
  kernel?.disposed?.connect(ended);
  ends.push(() => kernel?.statusChanged?.disconnect(status_), () => kernel?.disposed?.disconnect(ended));
  panel.addEventListener("input", ask);
  panel.addEventListener("click", (event) => { if (event.target.closest("button")) ask(); });

  follow(model, {
    "change:head": show, "change:window": show, "change:position": show, "change:tab": () => view?.open(model.get("tab")),
    "change:message": told,
    "change:buttons": () => act().catch(fault), "change:progress": () => work().catch(fault),
    "msg:custom": (message) => { if ("pong" in message) answered(); },
  });
  guard(() => {
    if (model.get("head").run === undefined) model.send({ want: 0 }); // in a box nobody filled it
    show();
    told();
  })();
  await Promise.all([act(), work()]).catch(fault);
  hideWords(el, model.get("words"));
  return () => { for (const end of ends) end(); };
}

// The sentence (or the picture) that the cell shows until the lab is alive has done its work.
function hideWords(el, words, tries = 300) { // frames: about five seconds
  const area = el.closest(".jp-OutputArea");
  if (!area) {
    if (tries) requestAnimationFrame(() => hideWords(el, words, tries - 1));
    return;
  }
  const own = [...area.children].find((child) => child.contains(el)), before = own?.previousElementSibling;
  if (before && (before.querySelector("img") || before.textContent.trim() === words.trim())) before.classList.add("hugelab-hidden");
}

export default { render };
