// Unpacks plotly.js and keeps it for every lab of the page, under a name that only labs know. See library.py; goes
// behind unpack.js.

const KEY = Symbol.for("hugelab.plotly");

export default {
  initialize({ model }) { // returns at once, and fails never: whoever waits for plotly is told
    globalThis[KEY] ??= {};
    const shared = globalThis[KEY];
    shared.promise ??= new Promise((resolve) => { shared.resolve = resolve; });
    const bytes = model.get("script");
    if (!bytes?.byteLength) {
      if (model.get("missing")) shared.resolve({ why: model.get("missing") });
      return;
    }
    if (shared.begun) return;
    shared.begun = true;
    unpack(bytes).then(
      (plotly) => {
        shared.resolve(plotly?.react ? { plotly } : { why: "plotly.js is not what it should be" });
        model.set("script", new DataView(new ArrayBuffer(0))); // in this page alone, so that no saved state has it
      },
      (error) => shared.resolve({ why: String(error) }),
    );
  },
};
