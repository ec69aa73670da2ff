// Shows a figure of plotly (hugelab/views/plots), in the template of the page's theme; and a cursor over it that moves
// without plotly. plotly.js is loaded once a page by somebody else, and kept under a name that only labs know.

const PLOTLY = Symbol.for("hugelab.plotly");
const PATIENCE = 10_000; // milliseconds
const SHAPES = { // of the button that saves an SVG
  width: 24, height: 24, path: "M5 3h10l5 5v13H5zM14 4v5h5M8 13h8M8 16h8M8 19h5",
};

// {plotly}, or {why}: what went wrong. Waits at most PATIENCE.
function plotly() {
  const shared = (globalThis[PLOTLY] ??= {});
  shared.promise ??= new Promise((resolve) => { shared.resolve = resolve; });
  const late = new Promise((resolve) => { setTimeout(() => resolve({ why: "it did not come within 10 seconds" }), PATIENCE); });
  return Promise.race([shared.promise, late]);
}

// host: go(place) where the learner clicked (or none); fault(error); name() of a saved file.
function plot(parent, host) {
  const box = make("div", parent, { class: "hl-plot" });
  const node = make("div", box), cursor = make("div", box, { class: "hl-cursor", hidden: "" });
  const said = make("div", box, { class: "hl-noplot" }, "The plot is loading ...");
  let lib = null, figure = null, at = null, hidden = [], drawn = null;
  const dark = () => getComputedStyle(box).colorScheme === "dark";
  const template = () => (dark() ? TEMPLATES.hugelab_dark : TEMPLATES.hugelab);
  const save = (format) => lib.downloadImage(node, {
    format, filename: host.name(), width: node.clientWidth, height: figure.layout.height, scale: format === "png" ? 2 : 1,
  });
  const config = {
    displaylogo: false, responsive: false, showSendToCloud: false, displayModeBar: "hover",
    modeBarButtonsToRemove: ["sendChartToCloud", "lasso2d", "select2d", "toImage", "autoScale2d"],
    modeBarButtonsToAdd: [["png", "Save PNG"], ["svg", "Save SVG"]].map(([format, title]) => ({
      name: `hl-${format}`, title, icon: SHAPES, click: () => save(format),
    })),
  };

  async function draw() {
    if (!lib || !figure || !box.clientWidth) return;
    const layout = { ...structuredClone(figure.layout), template: template(), width: box.clientWidth, uirevision: "same" };
    const first = !node.on;
    drawn = dark();
    await lib.react(node, figure.data.map((trace) => (hidden.includes(trace.legendgroup ?? trace.name) ? { ...trace, visible: "legendonly" } : trace)), layout, config);
    if (first) listen();
    node.querySelectorAll(".modebar-btn").forEach(keys);
    move();
    box.dataset.drawn = host.run?.() ?? "";
  }
  function listen() {
    node.on("plotly_relayout", move);
    node.on("plotly_click", ({ points }) => host.go?.(points[0].x));
    node.on("plotly_legendclick", ({ curveNumber }) => {
      const trace = figure.data[curveNumber];
      toggle(trace.legendgroup ?? trace.name);
      return false;
    });
    node.on("plotly_legenddoubleclick", () => false);
  }
  function move() { // the cursor, to its place
    const room = node.layout, [from, to] = room?.xaxis?.range ?? [0, 1];
    const part = at === null || !room ? -1 : (at - from) / (to - from);
    cursor.hidden = part < -1e-9 || part > 1 + 1e-9;
    if (cursor.hidden) return;
    const { l, t, w, h } = node._fullLayout._size; // not the margins of the layout: a high legend pushes them
    cursor.style.cssText = `top:${t}px;height:${h}px;transform:translateX(${l + part * w}px)`;
  }
  function toggle(name) {
    hidden = hidden.includes(name) ? hidden.filter((one) => one !== name) : [...hidden, name];
    host.toggled?.(hidden);
    return draw();
  }
  const again = () => draw().catch(host.fault);
  function changed() { // the width, or the theme: while that changes, nothing has a width for a moment
    if (!box.clientWidth) {
      if (dark() !== drawn && box.isConnected) setTimeout(changed, 100);
    } else if (box.clientWidth !== node.layout?.width || dark() !== drawn) again();
  }
  const sized = new ResizeObserver(changed), themed = new MutationObserver(changed);
  sized.observe(box);
  for (const root of [document.body, document.documentElement]) {
    themed.observe(root, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-hl-theme"] });
  }
  plotly().then((found) => {
    lib = found.plotly ?? null;
    if (lib) said.remove();
    else said.textContent = `There is no plot: plotly.js did not load (${found.why}). The numbers are there without it.`;
    again();
  });
  return {
    box,
    load(given) {
      figure = given;
      box.style.height = `${figure.layout.height}px`;
      return draw();
    },
    cursor(place) {
      at = place;
      move();
    },
    toggle,
    close() {
      sized.disconnect();
      themed.disconnect();
      if (lib) lib.purge(node);
    },
    // The plot as SVG text, for a picture of the whole.
    async svg() {
      if (!lib || !node.layout) return null;
      const address = await lib.toImage(node, { format: "svg", width: node.clientWidth, height: figure.layout.height });
      return decodeURIComponent(address.slice(address.indexOf(",") + 1));
    },
  };
}
