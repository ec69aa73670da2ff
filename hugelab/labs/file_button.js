// Goes in the place of the last line of explorer.js: a lab with one more button, which hands a file to the kernel slice
// by slice. (In one message nothing above 10 MB arrives: tornado's websocket_max_message_size.)

const SLICE = 1 << 20; // bytes

function fileButton(model, parent) {
  let file = null;
  async function slice(from) {
    try {
      const data = await file.slice(from, from + SLICE).arrayBuffer();
      model.send({ file: file.name, size: file.size, from }, undefined, [data]);
    } catch (error) { // gone since it was chosen, or it may not be read
      model.send({ file: file.name, error: String(error.message ?? error) });
    }
  }
  const box = make("div", parent, { class: "hl-buttons" });
  const input = make("input", box, { type: "file", hidden: "" });
  const title = "A log, also compressed; it goes to the kernel of this notebook, and nowhere else";
  button(box, "Examine a log of your own ...", title, () => input.click());
  input.addEventListener("change", () => {
    [file] = input.files;
    input.value = ""; // the same file can be chosen once more
    if (file) slice(0);
  });
  const next = ({ want }) => { if (file && want !== undefined) slice(want); };
  model.on("msg:custom", next);
  return () => model.off("msg:custom", next);
}

export default {
  render(given) {
    const ends = [render(given), fileButton(given.model, given.el.querySelector(".hl-controls"))];
    return () => { for (const end of ends) end(); };
  },
};
