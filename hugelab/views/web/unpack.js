// plotly.js out of gzip, as a module: a lab gets it from the kernel, a page has it in itself.
async function unpack(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const address = URL.createObjectURL(new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" }));
  const others = globalThis.Plotly; // the page may have one of its own
  try {
    const module = await import(/* webpackIgnore: true */ address);
    return module.default?.react ? module.default : globalThis.Plotly;
  } finally {
    URL.revokeObjectURL(address);
    if (others) globalThis.Plotly = others;
    else delete globalThis.Plotly;
  }
}

