// Shows a sheet (hugelab/views/sheet.py): numbers, a plot, pictures and tables that Python made for the values of the controls.

// A sentence in lines that fit a picture.
function wrapped(text) {
  return text.match(/.{1,92}(?=\s|$)/g)?.map((line) => line.trim()) ?? [];
}

function sheet(root, host) {
  root.dataset.hl = "explorer";
  const top = make("div", root, { class: "hl-top" });
  const notes = make("div", root, { class: "hl-notes" });
  const caption = make("div", root, { class: "hl-caption", role: "status" });
  const numbers = make("div", root, { class: "hl-numbers hl-figures", role: "group", "aria-label": "Numbers" });
  const plotted = make("div", root, { class: "hl-chart" });
  const pictures = make("div", root, { class: "hl-pictures" });
  const tables = make("div", root, { class: "hl-tables" });
  const along = make("div", root, { class: "hl-along", role: "group", "aria-label": "Take it along" });
  const guarded = (action) => async (event) => {
    try { await action(event); } catch (error) { host.fault(error); }
  };
  let head = null, chart = null;
  const say = takeAlong(along, guarded, {
    name: (kind) => `hugelab-${head.name}.${kind}`,
    table: () => [`hugelab-${head.name}.csv`, head.csv],
    python: () => head.python,
    words: () => wrapped(head.words),
    columns: () => [[...(chart ? [chart] : []), ...pictures.children]],
  });

  // The elements stay, so that nothing moves and the focus is kept; what is in them changes.
  function fill(parent, wanted, create) {
    while (parent.children.length > wanted.length) parent.lastChild.remove();
    while (parent.children.length < wanted.length) create(parent);
    return [...parent.children];
  }

  function load(given) {
    head = given;
    caption.textContent = head.words;
    fill(numbers, head.numbers, (parent) => {
      const pair = make("span", parent);
      make("span", pair);
      make("b", pair);
    }).forEach((pair, i) => {
      const [name, label, value] = head.numbers[i], [words, number] = pair.children;
      words.textContent = label;
      number.dataset.n = name;
      number.textContent = value;
    });
    if (head.figure) {
      chart ??= plot(plotted, { fault: host.fault, name: () => `hugelab-${head.name}`, run: () => head.run });
      chart.load(head.figure).catch(host.fault);
    }
    fill(pictures, head.pictures, (parent) => make("div", parent, { class: "hl-picture hl-diagram", role: "group", tabindex: 0 }))
      .forEach((node, i) => {
        const [label, svg] = head.pictures[i];
        node.setAttribute("aria-label", label);
        if (node.svg !== svg) node.innerHTML = node.svg = svg;
      });
    tables.innerHTML = head.tables;
    root.dataset.values = JSON.stringify(head.values ?? {});
    root.dataset.shown = `${head.run}:0`;
  }

  return { top, notes, along, load, say, position: 0, more() {}, go() {}, open() {}, close() { chart?.close(); } };
}
