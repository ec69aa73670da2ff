// Looks at a lab at every frame: does any of its views move on the page, is any of them empty?
(root) => {
  const VIEWS = [".hl-plot", ".hl-notes", ".hl-timeline", ".hl-tabs", ".hl-pane", ".hl-along"];
  const panel = root.closest(".jp-WindowedPanel-outer");
  const seen = { frames: 0, empty: [], places: {}, scrolls: [panel?.scrollTop], on: true };
  const half = (number) => Math.round(2 * number) / 2;
  const place = (node) => { // from the lab's upper left corner: left, top, and how wide
    const [own, outer] = [node.getBoundingClientRect(), root.getBoundingClientRect()];
    return [own.left - outer.left, own.top - outer.top, own.width].map(half).join(" ");
  };
  const seen_ = (node) => node.getClientRects().length > 0;
  const note = (list, value) => { if (!list.includes(value)) list.push(value); };
  const look = () => {
    if (!seen.on) return;
    seen.frames += 1;
    for (const selector of VIEWS) {
      [...root.querySelectorAll(selector)].forEach((node, i) => {
        if (seen_(node)) note((seen.places[`${selector} ${i}`] ??= []), place(node));
      });
    }
    for (const name of ["flow", "owners", "layout"]) {
      for (const node of root.querySelectorAll(`.hl-${name}`)) {
        const svg = node.querySelector("svg");
        if (!svg?.childElementCount || (seen_(node) && !svg.getBoundingClientRect().height)) note(seen.empty, name);
      }
    }
    for (const node of root.querySelectorAll(".hl-plot")) {
      if (!node.querySelector(".main-svg .scatterlayer .trace path")) note(seen.empty, "plot");
    }
    for (const selector of [".hl-log", ".hl-usages tbody"]) {
      for (const node of root.querySelectorAll(selector)) if (!node.childElementCount) note(seen.empty, selector);
    }
    for (const node of root.querySelectorAll("[data-n]")) if (!node.textContent) note(seen.empty, node.dataset.n);
    if (!root.querySelector(".hl-caption").textContent) note(seen.empty, "caption");
    if (panel) note(seen.scrolls, panel.scrollTop);
    requestAnimationFrame(look);
  };
  look();
  root.seen = seen;
}
