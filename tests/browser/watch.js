// Looks at a lab at every frame: does any of its views move on the page, is any of them empty?
(root) => {
  const VIEWS = [".hl-timeline", ".hl-flow", ".hl-owners", ".hl-layout", ".hl-log", ".hl-usages", ".hl-along"];
  const panel = root.closest(".jp-WindowedPanel-outer");
  const seen = { frames: 0, empty: [], tops: {}, scrolls: [panel?.scrollTop], on: true };
  const top = (node) => Math.round(2 * (node.getBoundingClientRect().top - root.getBoundingClientRect().top)) / 2;
  const drawn = (svg) => svg && svg.childElementCount > 0 && svg.getBoundingClientRect().height > 0;
  const note = (list, value) => { if (!list.includes(value)) list.push(value); };
  const look = () => {
    if (!seen.on) return;
    seen.frames += 1;
    for (const selector of VIEWS) {
      [...root.querySelectorAll(selector)].forEach((node, i) => note((seen.tops[`${selector} ${i}`] ??= []), top(node)));
    }
    for (const name of ["plot", "flow", "owners", "layout"]) {
      for (const node of root.querySelectorAll(`.hl-${name}`)) {
        if (!drawn(node.querySelector("svg"))) note(seen.empty, name);
      }
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
