"""What the documentation shows is what the program does, and its links lead somewhere."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lossaudit.rules.examples import EXAMPLES

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
RULE_PAGES = sorted((ROOT / "docs" / "rules").glob("*.md"))
PAGES = [*DOCS, *RULE_PAGES, *sorted(ROOT.glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
RUN_BY = {
    "README.md": "test_readme.py",
    "pytest.md": "test_plugin.py",
    "adding-a-check.md": "test_docs.py",
}
"""Pages with programs that are no doctests, and the tests that run them; those of rules are in
test_rules.py.
"""


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text("utf-8")) if kind == language]


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", BLOCK.sub("", text))


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text("utf-8")), flags=re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain
    }


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead within the repository."""
    text = without_code(page.read_text("utf-8"))
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(
        r"(?:src|srcset|href)=\"([^\"\s]+)\"", text
    )
    return [target for target in found if not re.match(r"[a-z]+:", target)]


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.stem)
def test_every_example_of_a_page_prints_what_it_says(page):
    assert doctest.testfile(str(page), module_relative=False).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_inside_the_repository_leads_somewhere(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(there), target


def test_the_test_sees_links_pictures_and_anchors(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        '# What `it` costs, and why\n[a](b.md#c) ![d](e.png) <img src="f.png">\n`[no](no.md)`\n',
        "utf-8",
    )
    assert links(page) == ["b.md#c", "e.png", "f.png"]
    assert anchors(page) == {"what-it-costs-and-why"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_program_of_a_page_is_run_by_a_test(page):
    programs = [text for text in blocks(page, "python") if not text.startswith(">>>")]
    if page in RULE_PAGES:
        played = EXAMPLES.get(page.stem)
        assert [text.strip() for text in programs] == (
            [played.wrong, played.right] if played else []
        )
    else:
        assert not programs or page.name in RUN_BY, page


def test_every_page_stands_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    assert all(f"]({page.name})" in index for page in DOCS if page.name != "README.md")


def test_the_page_about_checks_is_a_program_that_prints_what_it_says():
    page = ROOT / "docs" / "adding-a-check.md"
    program = "\n".join(blocks(page, "python"))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(blocks(page, "text"))


def test_what_the_page_about_checks_adds_is_not_there_already():
    from lossaudit.predictions.mistakes import MISTAKES
    from lossaudit.rules.catalogue import RULES

    assert "last-batch-but-one-shown-as-epoch" not in MISTAKES
    assert "LA304" not in RULES
