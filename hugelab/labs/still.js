// Goes before the script of every widget that takes the place of a still picture.

// The still picture that the cell shows until it is run has done its work.
function hideStill(el, tries = 300) { // frames: about five seconds
  const area = el.closest(".jp-OutputArea");
  if (!area) {
    if (tries) requestAnimationFrame(() => hideStill(el, tries - 1));
    return;
  }
  const own = [...area.children].find((child) => child.contains(el));
  const still = own?.previousElementSibling;
  if (still?.querySelector("img")) still.classList.add("hugelab-hidden");
}
