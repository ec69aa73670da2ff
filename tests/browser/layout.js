// What is wrong with how a lab lies on the page: a line of text for each thing that overlaps, is cut off, or is empty.
(root) => {
  const wrong = [];
  const SLACK = 2; // pixels: glyphs fill less than their boxes
  const name = (node) => `${node.localName}.${node.getAttribute("class") ?? ""} '${node.textContent.trim().slice(0, 40)}'`;
  const box = (node) => node.getBoundingClientRect();
  const common = (a, b) => [
    Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top),
  ];
  const overlapping = (nodes, slack, what) => {
    const boxes = nodes.map((node) => [node, box(node)]).filter(([, { width, height }]) => width && height);
    boxes.forEach(([one, a], i) => {
      for (const [other, b] of boxes.slice(i + 1)) {
        const [x, y] = common(a, b);
        if (x > slack && y > slack && !one.contains(other) && !other.contains(one)) {
          wrong.push(`${what}: ${name(one)} and ${name(other)} overlap by ${x.toFixed(1)} x ${y.toFixed(1)}`);
        }
      }
    });
  };

  // -- pictures -------------------------------------------------------------------------------
  for (const svg of root.querySelectorAll("svg[viewBox]")) {
    const around = box(svg), scale = around.width / svg.viewBox.baseVal.width;
    const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent);
    const label = svg.getAttribute("aria-label")?.slice(0, 30) ?? "svg";
    if (svg.closest(".hl-usage") && !svg.getClientRects().length) continue; // no room for that column
    if (!around.width || !around.height) {
      wrong.push(`${label}: nothing to be seen`);
      continue;
    }
    for (const text of texts) {
      const own = box(text), over = Math.max(
        around.left - own.left, own.right - around.right, around.top - own.top, own.bottom - around.bottom,
      );
      if (over > scale) wrong.push(`${label}: ${name(text)} sticks out by ${over.toFixed(1)}`);
    }
    overlapping(texts, SLACK * Math.min(scale, 1), label);
  }
  for (const plot of root.querySelectorAll(".hl-plot svg")) {
    const areas = [...plot.querySelectorAll("path[class^=hl-a-]")].map((path) => path.getBBox());
    if (!areas.some(({ width, height }) => width > 1 && height > 1)) wrong.push("plot: no area in it");
  }
  for (const view of root.querySelectorAll(".hl-plot, .hl-flow, .hl-owners, .hl-layout")) {
    const svg = view.querySelector("svg");
    if (!svg?.querySelector("text")) wrong.push(`${view.className}: empty`);
    else if (view.querySelector(".hl-spacer") && box(svg).bottom > box(view).bottom + 1) wrong.push(`${view.className}: cut off`);
  }

  // -- everything around them -----------------------------------------------------------------
  const scrolls = ".hl-log, .hl-usages"; // these may scroll sideways; what is in them is looked at on its own
  const pieces = root.querySelectorAll(
    `.hl-control > *, button, .hl-timeline input, .hl-caption > *, .hl-unlike > *, .hl-title, .hl-numbers > span,
     .hl-message, .hl-busy > *, .hl-said, .hl-picture, ${scrolls}`,
  );
  overlapping([...pieces].filter((node) => !node.parentElement.closest(scrolls)), SLACK, "page");
  for (const table of root.querySelectorAll(".hl-usages table")) {
    overlapping([...table.querySelectorAll("caption, th, td")], SLACK, "table");
    for (const cell of table.querySelectorAll("th, td")) {
      if (cell.scrollWidth > cell.clientWidth + 1) wrong.push(`table: ${name(cell)} is wider than its column`);
    }
  }
  const outer = box(root);
  for (const node of [root, ...root.querySelectorAll("*")]) {
    if (node.closest("svg") || (node.closest(scrolls) && node.parentElement.closest(scrolls)) || !node.clientWidth) continue;
    if (!node.matches(scrolls) && node.scrollWidth > node.clientWidth + 1) {
      wrong.push(`${name(node)} is ${node.scrollWidth} wide in a room of ${node.clientWidth}`);
    }
    if (box(node).right > outer.right + 1) wrong.push(`${name(node)} sticks out of the lab by ${(box(node).right - outer.right).toFixed(1)}`);
  }
  return wrong;
}
