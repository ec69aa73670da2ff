"""What docs/ says is what was recorded: cases, counters, values, functions, numbers of the lesson, files and links.

The notation is told at the top of docs/semantics.md.
"""

from __future__ import annotations

import ast
import json
import pkgutil
import re
from functools import cache
from itertools import chain
from typing import Any

import pytest

from hugelab import load
from hugelab.linux import flags
from hugelab.linux.kernel_bugs import KERNEL_BUGS, KernelBug
from hugelab.linux.names import all_names, function_name, function_name_310
from hugelab.linux.rules import OLDEST, RULES, Rule
from hugelab.model.kernel import run
from hugelab.record.flow import CHAINS
from tests.conftest import ARTEFACTS, DATA

ROOT = DATA.parents[1]
DOCS = ("semantics.md", "lesson.md")
SEMANTICS = "semantics.md"
PLAIN = ("scenarios", "semantics_6.18", "random_6.18", "fuzz_6.18")  # cases that need no prefix, in this order
CLAIM = re.compile(r"(?:([\w.]+):)?(\w+)\[(\d+)\]: (.+)")
COUNTERS = re.compile(r"\d+/\d+/-?\d+/\d+")


def text(name: str) -> str:
    """A page of docs/."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def spans(name: str) -> list[str]:
    """What a page has in code font."""
    return re.findall(r"`([^`]+)`", text(name))


# -- what was recorded -------------------------------------------------------------------------------
@cache
def cases(file: str) -> dict[str, list[dict[str, Any]]]:
    """Of each case of a file what the kernel answered after each step."""
    found = json.loads((DATA / f"{file}.json").read_text())["scenarios"]
    if isinstance(found, dict):  # truth_*.json
        return {name: [step["after"] for step in case["steps"]] for name, case in found.items()}
    return {case["name"]: [step["expect"] for step in case["steps"]] for case in found}


def recorded(file: str | None, name: str) -> list[dict[str, Any]]:
    """The answers of a case, a step each. Raises StopIteration when there is none of that name."""
    files = (file,) if file else PLAIN
    return next(cases(file)[name] for file in files if name in cases(file))


def said(answer: dict[str, Any], token: str) -> str:
    """What the kernel answered to what a token of a claim asks for: counters, an outcome, or ``name=value``."""
    if COUNTERS.fullmatch(token):
        rsvd = answer["rsvd"] - (answer["rsvd"] >> 63 << 64)
        return f"{answer['total']}/{answer['free']}/{rsvd}/{answer['surp']}"
    key, is_value, _value = token.partition("=")
    if not is_value:
        return str(answer["outcome"])
    if key == "1G":
        return "1G=" + said(answer["1G"], "0/0/0/0")
    return f"{key}={answer['value'][key]}".replace(" ", "")


def wrong(claim: str) -> bool:
    """Is a claim not what was recorded? True also for one that is misspelt, names no case, or hides a refusal."""
    match = CLAIM.fullmatch(claim)
    if not match:
        return True
    file, name, step, tokens = match.groups()
    try:
        answer = recorded(file, name)[int(step) - 1]
        agrees = [said(answer, token) for token in tokens.split()] == tokens.split()
    except (StopIteration, IndexError, KeyError):
        return True
    return not agrees or (answer.get("outcome", "ok") != "ok" and answer["outcome"] not in tokens.split())


@pytest.mark.parametrize("name", DOCS)
def test_claims_are_what_was_recorded(name: str) -> None:
    """`case[step]: t/f/r/s`, with an outcome or values: equal to the data of that step."""
    claims = [span for span in spans(name) if re.search(r"\w\[\d+\]", span)]
    assert len(claims) > 10
    assert not [claim for claim in claims if wrong(claim)]


@pytest.mark.parametrize(
    "claim",
    [
        "lesson_private_file[5]: 10/10/1/0",  # another number
        "lesson_private_fil[5]: 10/10/0/0",  # no such case
        "lesson_private_file[6]: 10/10/0/0",  # no such step
        "lesson_private_file[4]: size=1",  # another value
        "nodes_6.1:lesson_private_file[5]: 10/10/0/0",  # not in that file
        "surplus_limit[1]: 2/2/0/0",  # was refused, and does not say so
        "surplus_limit[1]: ENOSPC 2/2/0/0",  # was refused otherwise
        "lesson_private_file[5] 10/10/0/0",  # not the notation
    ],
)
def test_a_wrong_claim_is_found(claim: str) -> None:
    """The comparison can fail, in each way a page can be wrong."""
    assert wrong(claim)


# -- words in code font ------------------------------------------------------------------------------
@cache
def known_functions() -> frozenset[str]:
    """3.10 names of what the model emits or defines, and of what flow and names know."""
    programs = chain.from_iterable(load(DATA / f"{file}.json") for file in PLAIN[:2])
    emitted = {event.name for program in programs for event in run(program)}
    trees = (ast.parse(path.read_text()) for path in (ROOT / "hugelab/model").glob("*.py"))
    defined = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return frozenset(emitted | defined | {call.name for calls in CHAINS.values() for call in calls})


def is_known(function: str) -> bool:
    """Has the model, or ``names``, a function of this name, in any release?"""
    old = function_name_310(function)
    return old in known_functions() or len(all_names(old)) > 1 or function in known_functions()


def functions(page: str) -> set[str]:
    """The functions that some Markdown names."""
    return {name for span in re.findall(r"`([^`]+)`", page) for name in re.findall(r"^(\w+)\(\)$", span)}


def test_every_function_is_known_or_listed() -> None:
    """semantics.md ends with a list of what the model has not; it has neither too few names nor too many."""
    rules, listed = text(SEMANTICS).split("## Functions not in the model")
    assert {name for name in functions(rules) if not is_known(name)} == functions(listed)


def test_every_name_is_a_case_a_rule_or_a_function() -> None:
    """A word in code font with an underscore and no brackets: a recorded case, a rule, or a kernel bug."""
    dated = "".join((ROOT / "hugelab/linux" / file).read_text() for file in ("rules.py", "kernel_bugs.py"))
    for span in spans(SEMANTICS):
        if re.fullmatch(r"[a-z]\w*_\w+", span) and not re.search(rf"\b{span}\b", dated):
            assert any(span in cases(file) for file in PLAIN), span


# -- rules and kernel bugs with a date ---------------------------------------------------------------
PROOF = re.compile(r"`(?:[\w.]+:)?\w+\[\d+\]: |`tests/[^`]+`|source only|lesson\.md#|see order, above")


def table(heading: str) -> list[list[str]]:
    """The rows of the table below a heading of semantics.md, without its head."""
    section = text(SEMANTICS).split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [re.split(r" \| ", row) for row in re.findall(r"^\| (`.*) \|$", section, re.M)]


def holds(dated: Rule | KernelBug) -> str:
    """The dates of a rule or kernel bug, as the page says them."""
    since = "" if dated.since in ("0.0", OLDEST) else f"since {dated.since}"
    return ", ".join(filter(None, (since, dated.until and f"until {dated.until}"))) or "on 6.18"


@pytest.mark.parametrize(
    ("heading", "dated"), [("Rules that differ by release", RULES), ("Kernel bugs", KERNEL_BUGS)], ids=["rules", "bugs"]
)
def test_each_has_one_row_with_its_dates_and_a_proof(heading: str, dated: dict[str, Rule | KernelBug]) -> None:
    """No rule and no kernel bug is forgotten, and none is told twice; the proof is a case, a file, or says it has
    none. (That the case is recorded so, and that the file is there, is tested above and below.)"""
    rows = table(heading)
    assert sorted(row[0] for row in rows) == sorted(f"`{name}`" for name in dated)
    for name, when, _what, proof in rows:
        assert when == holds(dated[name.strip("`")]), name
        assert PROOF.search(proof), name


# -- the lesson --------------------------------------------------------------------------------------
def test_functions_of_the_lesson_have_the_names_of_today() -> None:
    """The table of names in lesson.md says what ``names`` says."""
    rows = re.findall(r"^\| `(\w+)\(\)` \| `(\w+)\(\)` \|$", text("lesson.md"), re.M)
    assert len(rows) > 8
    assert [(old, function_name(old, "6.18")) for old, _new in rows] == rows


def test_numbers_of_the_lesson_are_decoded_as_by_flags() -> None:
    """The bits that lesson.md names for each number are those of ``flags``; its addresses are those of the log."""
    page = text("lesson.md")
    decoded = re.findall(r"`(vm_flags|fault_flags)=(0x\w+)`(?: of (\d\.\d+))?: ([A-Z_, ]+)", page)
    assert len(decoded) >= 4
    for _kind, number, version, names in decoded:
        value = int(number, 16)
        found = flags.fault_flags(value, version) if version else flags.vm_flags(value)
        assert [name.removeprefix("VM_").removeprefix("FAULT_FLAG_") for name in found] == names.strip().split(", ")
    pages = re.findall(r"^\| ([0-9a-f]{8}) \| (\d+) \| (0x\w+) \|$", page, re.M)
    log = re.findall(r"page=(\w+), pfn=(\d+)", (DATA / "lesson.txt").read_text())
    assert len(pages) == 5
    assert (pages[0][0], pages[0][1]) in log
    for struct_page, pfn, physical in pages:
        assert flags.page_addresses(int(struct_page, 16), 0xF6BFD000, 32)[1:] == (int(pfn), int(physical, 16))


def test_freed_pages_come_back_in_reverse() -> None:
    """The free list is a stack: the pfns of runs 1, 2 and 3 of the recorded case, on both kernels."""
    for file in ("truth_k310pae", "truth_d61amd64"):
        steps = json.loads((DATA / f"{file}.json").read_text())["scenarios"]["reuse"]["steps"]
        first, second, third = ([page[1] for page in steps[at - 1]["pages"]] for at in (3, 9, 15))
        assert first == second[::-1] == third


def test_quoted_log_lines_were_logged() -> None:
    """A line `HugeTLB: ...` is one that a kernel printed at boot."""
    boots = json.loads((DATA / "boot_6.1.json").read_text())
    lines = {line for boot in boots for line in boot["dmesg"]}
    quoted = {span for name in DOCS for span in spans(name) if span.startswith("HugeTLB:")}
    assert quoted
    assert quoted <= lines


# -- files and links ---------------------------------------------------------------------------------
def anchor(heading: str) -> str:
    """A heading as a link names it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


PAGES = (
    *("README.md", "CONTRIBUTING.md", "recipes/README.md"),
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Each link inside the repository: the file is there, and so is the heading."""
    here = ROOT / page
    for link in re.findall(r"\]\(([^)\s]+)\)", here.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _hash, heading = link.partition("#")
        target = here.parent / path if path else here
        assert target.exists(), link
        if heading:
            found = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.M)
            assert heading in map(anchor, found), link


ROOMS = (".ci", "benchmarks", "docs", "hugelab", "notebooks", "recipes", "tests", "tools")
NAMED = re.compile(rf"(?:(?:{'|'.join(map(re.escape, ROOMS))})/[\w./*-]*|[\w./-]+\.(?:py|sh|md|json|toml|ipynb|yml))")


@cache
def files() -> tuple[str, ...]:
    """Every file and folder of the repository's own, each with a slash before it."""
    found = chain(ROOT.glob("*"), *((ROOT / room).rglob("*") for room in ROOMS))
    return tuple(f"/{path.relative_to(ROOT)}" for path in found)


@pytest.mark.parametrize("page", PAGES)
def test_files_are_there(page: str) -> None:
    """Each path or file name in code font is of the repository; NAME stands for one to be made. A name alone, or with
    the last of its folders, is of one file or more."""
    spans_here = re.findall(r"`([^`\s]+)`", (ROOT / page).read_text(encoding="utf-8"))
    paths = {span.rstrip("/") for span in spans_here if NAMED.fullmatch(span) and "NAME" not in span}
    assert paths
    missing = [path for path in paths if not any(file.endswith(f"/{path}") for file in files())]
    assert not [path for path in missing if ROOT / path != ARTEFACTS]


@pytest.mark.parametrize("page", PAGES)
def test_modules_are_there_and_have_what_is_said(page: str) -> None:
    """A dotted name of hugelab, and a name that is said to be computed in a file, can be imported."""
    read = (ROOT / page).read_text(encoding="utf-8")
    said = re.findall(r"computed: `(\w+)` in `(hugelab/[\w/]+)\.py`", read)
    dotted = re.findall(r"\b(hugelab(?:\.[a-z_]\w*)+)(?!\S*/)", read)
    for name in {*dotted, *(f"{file.replace('/', '.')}.{name}" for name, file in said)}:
        pkgutil.resolve_name(name)
