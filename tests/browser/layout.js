// What is wrong with how a lab lies on the page, each of its pictures open in turn: a line of text for each thing that
// overlaps, is cut off, or is empty.
(root) => {
  const SLACK = 2; // pixels: glyphs fill less than their boxes
  const name = (node) => `${node.localName}.${node.getAttribute("class") ?? ""} '${node.textContent.trim().slice(0, 40)}'`;
  const box = (node) => node.getBoundingClientRect();
  const seen = (node) => node.getClientRects().length > 0;
  const common = (a, b) => [
    Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top),
  ];

  function look(wrong) {
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
    const inside = (texts, around, slack, what) => {
      for (const text of texts) {
        const own = box(text), over = Math.max(
          around.left - own.left, own.right - around.right, around.top - own.top, own.bottom - around.bottom,
        );
        if (over > slack) wrong.push(`${what}: ${name(text)} sticks out by ${over.toFixed(1)}`);
      }
    };

    // -- pictures ------------------------------------------------------------------------------
    for (const svg of root.querySelectorAll("svg[viewBox]")) {
      if (svg.closest(".hl-plot")) continue;
      const around = box(svg), scale = around.width / svg.viewBox.baseVal.width;
      const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent);
      const label = svg.getAttribute("aria-label")?.slice(0, 30) ?? "svg";
      if (svg.closest(".hl-usage, .hl-pane:not(.hl-picture)") && !seen(svg)) continue; // no room for that column
      if (svg.closest(".hl-pane") && !seen(svg.closest(".hl-pane"))) continue; // it is another one's turn
      if (!around.width || !around.height) {
        wrong.push(`${label}: nothing to be seen`);
        continue;
      }
      inside(texts, around, scale, label);
      overlapping(texts, SLACK * Math.min(scale, 1), label);
    }
    for (const view of root.querySelectorAll(".hl-flow, .hl-owners, .hl-layout")) {
      if (seen(view) && !view.querySelector("svg text")) wrong.push(`${view.className}: empty`);
    }
    for (const plot of root.querySelectorAll(".hl-plot")) {
      const node = plot.querySelector(".js-plotly-plot"), around = box(plot);
      const texts = [...node.querySelectorAll("svg text")].filter((text) => text.textContent.trim() && seen(text));
      if (!texts.length) wrong.push("plot: no text in it");
      inside(texts, around, 1, "plot");
      overlapping(texts, SLACK, "plot");
      const drawn = [...node.querySelectorAll(".trace path, .point path, .js-fill")].map((path) => path.getBBox());
      const any = node.data.some(({ type, mode, x, y }) => mode !== "text" && (type === "bar" ? x : y)?.some((value) => value));
      if (any && !drawn.some(({ width, height }) => width > 1 && height > 1)) wrong.push("plot: no area in it");
      const wide = box(node.querySelector(".main-svg")).width;
      if (Math.abs(wide - around.width) > 1) wrong.push(`plot: ${wide} wide in a room of ${around.width}`);
    }

    // -- everything around them ----------------------------------------------------------------
    // These may scroll sideways, a picture where the lab is narrow; what is in them is looked at on its own.
    const scrolls = `.hl-log, .hl-usages, .hl-tables, .hl-chart${root.clientWidth < 930 || root.dataset.sides === "2" ? ", .hl-picture" : ""}`;
    const pieces = root.querySelectorAll(
      `.hl-control > *, .hl-radios label, button:not(.modebar-btn, .hl-refusal *), .hl-timeline input, .hl-caption > *, .hl-unlike > *,
       .hl-title, .hl-numbers > *, .hl-plot, .hl-message, .hl-refusal > *, .hl-busy > *, .hl-said, .hl-pane, ${scrolls}`,
    );
    overlapping([...pieces].filter((node) => !node.parentElement.closest(scrolls)), SLACK, "page");
    for (const table of root.querySelectorAll(".hl-usages table")) {
      if (!seen(table)) continue;
      overlapping([...table.querySelectorAll("caption, th, td")], SLACK, "table");
      for (const cell of table.querySelectorAll("th, td")) {
        if (cell.scrollWidth > cell.clientWidth + 1) wrong.push(`table: ${name(cell)} is wider than its column`);
      }
    }
    const outer = box(root);
    for (const node of [root, ...root.querySelectorAll("*")]) {
      if (node.closest("svg, .hl-plot > *") || node.parentElement.closest(scrolls) || !node.clientWidth) continue;
      if (!node.matches(`${scrolls}, .hl-typed, select`) && node.scrollWidth > node.clientWidth + 1) {
        wrong.push(`${name(node)} is ${node.scrollWidth} wide in a room of ${node.clientWidth}`);
      }
      if (box(node).right > outer.right + 1) wrong.push(`${name(node)} sticks out of the lab by ${(box(node).right - outer.right).toFixed(1)}`);
    }
  }

  const found = new Set(), open = root.dataset.tab, tabs = [...root.querySelectorAll(".hl-tabs [data-tab]")].filter(seen);
  for (const tab of tabs.length ? tabs.map(({ dataset }) => dataset.tab) : [undefined]) {
    const wrong = [];
    if (tab) root.dataset.tab = tab;
    look(wrong);
    wrong.forEach((line) => found.add(line));
  }
  if (open) root.dataset.tab = open;
  return [...found];
}
