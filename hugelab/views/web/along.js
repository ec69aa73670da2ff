// What every view has: elements, and buttons with which its reader takes along what is shown. Goes before the views.

function make(tag, parent, attributes = {}, text = "") {
  const node = document.createElement(tag);
  parent?.append(node);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  if (/^(button|input|select)$/.test(tag) || "tabindex" in attributes) keys(node);
  return node;
}

// JupyterLab leaves the keys to what has the focus. (An element around it is no help: its shortcuts ask for :focus.)
function keys(node) {
  node.setAttribute("data-lm-suppress-shortcuts", "true");
}

function button(parent, text, title, action) {
  const node = make("button", parent, { type: "button", title }, text);
  node.addEventListener("click", action);
  return node;
}

const escapeText = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

// Buttons at the end of ``along``. what: name(kind) of a file; table() -> [name, CSV]; json() (or none), python();
// words() above the picture; columns() of elements that hold pictures, or of plots. Returns say(text).
function takeAlong(along, guarded, what) {
  const root = along.parentElement;
  const said = make("span", along, { class: "hl-said", role: "status" });
  let timer = null;
  function say(text) {
    said.textContent = text;
    clearTimeout(timer);
    timer = setTimeout(() => { said.textContent = ""; }, 4000);
  }
  async function copy(kind, text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // no permission, or not a secure page
      const area = make("textarea", root, { "aria-hidden": "true" }), focused = document.activeElement;
      area.value = text;
      area.select();
      const copied = document.execCommand("copy");
      area.remove();
      focused?.focus({ preventScroll: true });
      if (!copied) return say("The browser does not let it be copied.");
    }
    say(`Copied as ${kind}.`);
  }
  function save(name, blob) {
    const link = make("a", root, { href: URL.createObjectURL(blob), download: name });
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`Saved ${name}.`);
  }

  // The views as one picture, in the colours of the page.
  async function figure() {
    const parts = [], words = what.words(), top = 20 + 16 * words.length, parser = new DOMParser();
    const style = getComputedStyle(root), paper = style.getPropertyValue("--hl-paper").trim();
    let x = 10, height = 0;
    for (const column of what.columns()) {
      let y = top, width = 0;
      for (const one of column) {
        const drawn = one.svg ? await one.svg() : null;
        const found = one.svg ? [drawn && parser.parseFromString(drawn, "image/svg+xml").documentElement]
          : [...one.querySelectorAll(":scope > svg")].map((svg) => svg.cloneNode(true));
        for (const svg of found) {
          if (!svg) continue; // plotly.js did not load
          const { width: wide, height: high } = svg.viewBox.baseVal;
          for (const [key, value] of [["x", x], ["y", y], ["width", wide], ["height", high]]) svg.setAttribute(key, value);
          parts.push(new XMLSerializer().serializeToString(svg)); // outerHTML is HTML: no XML parser knows &nbsp;
          y += high + 12;
          width = Math.max(width, wide);
        }
      }
      x += width + 20;
      height = Math.max(height, y);
    }
    const text = words.map((line, i) => `<text x="10" y="${16 + 16 * i}" class="hl-t">${escapeText(line)}</text>`);
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${x}" height="${height}" viewBox="0 0 ${x} ${height}">`
      + `<style>${STYLES[style.colorScheme === "dark" ? 1 : 0]}</style><rect width="100%" height="100%" fill="${paper}"/>${text.join("")}${parts.join("")}</svg>`;
  }

  async function png() {
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([await figure()], { type: "image/svg+xml" }));
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(image.src);
    canvas.toBlob((blob) => save(what.name("png"), blob), "image/png");
  }
  function table() {
    const [name, text] = what.table();
    save(name, new Blob([text], { type: "text/csv" }));
  }
  for (const [label, title, action] of [
    ...(what.json ? [["Copy as JSON", "The program, for hugelab run", () => copy("JSON", what.json())]] : []),
    ["Copy as Python", "What makes this, to run and change", () => copy("Python", what.python())],
    ["Save SVG", "The pictures as they are now", async () => save(what.name("svg"), new Blob([await figure()], { type: "image/svg+xml" }))],
    ["Save PNG", "The pictures as they are now", png],
    ["Save table (CSV)", "The table, for a spreadsheet", table],
  ]) along.insertBefore(button(along, label, title, guarded(action)), said);
  return say;
}
