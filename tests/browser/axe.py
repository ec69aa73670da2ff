"""axe-core on parts of a page: what it finds that keeps people out."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT

KEEPS_OUT = ("serious", "critical")
RUN = """
async (selectors) => {
  const found = await axe.run({ include: selectors }, { resultTypes: ["violations", "passes"] });
  const where = ({ target, failureSummary }) => `${target}: ${failureSummary}`;
  const told = ({ id, impact, nodes }) => [impact, id, ...nodes.map(where)];
  return { violations: found.violations.map(told), rules: found.passes.map(({ id }) => id) };
}
"""


def violations_of(lab: Any) -> list[Any]:
    """Those of the lab on the page. All of it is brought into view: axe judges no contrast that it cannot see."""
    before = lab.page.viewport_size
    height = lab.root.evaluate("(root) => root.getBoundingClientRect().height")
    lab.page.set_viewport_size({**before, "height": int(height) + 300})
    lab.root.evaluate(
        """(root) => new Promise((done) => requestAnimationFrame(() => {
            root.scrollIntoView();
            requestAnimationFrame(done);
        }))"""
    )
    try:
        return violations(lab.page, [".hugelab"])
    finally:
        lab.page.set_viewport_size(before)


def violations(page: Any, selectors: list[str]) -> list[Any]:
    """The serious and critical violations inside the elements of some selectors. Fails if nothing was looked at."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(RUN, selectors)
    assert len(found["rules"]) > 3, f"axe looked at nothing: {found['rules']}"
    return [violation for violation in found["violations"] if violation[0] in KEEPS_OUT]
