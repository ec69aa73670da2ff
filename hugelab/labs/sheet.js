function render({ model, el }) {
  el.classList.add("hugelab");
  const node = el.appendChild(document.createElement("div"));
  node.className = model.get("announce") ? "hl-status" : "hl-sheet";
  node.setAttribute("aria-label", model.get("label"));
  node.setAttribute("role", model.get("announce") ? "status" : "region");
  if (!model.get("announce")) {
    node.tabIndex = 0;
    node.setAttribute("data-lm-suppress-shortcuts", "true");
  }
  const draw = () => { node.innerHTML = model.get("value"); };
  draw();
  model.on("change:value", draw);
  hideStill(el);
  return () => model.off("change:value", draw);
}

export default { render };
