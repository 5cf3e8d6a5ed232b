"""The documentation: what it shows is what the program does, and its links lead somewhere."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from docs import draw_architecture as drawing
from docs.imports import between_packages, import_graph, reduced, top
from lossaudit.rules.examples import EXAMPLES
from tests.test_readme import blocks as blocks_of_readme
from tests.test_readme import train_with_losses_1_2_and_9

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
RULE_PAGES = sorted((ROOT / "docs" / "rules").glob("*.md"))
PAGES = [*DOCS, *RULE_PAGES, *sorted(ROOT.glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
RUN_BY = {
    "README.md": "test_readme.py",
    "pytest.md": "test_pytest_plugin.py",
    "adding-a-check.md": "test_docs.py",
}
"""Pages with programs that are not doctests, and the tests that run them. Those of rules are in
test_rules.py."""


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
    """The targets of the links and pictures of a page inside the repository."""
    text = without_code(page.read_text("utf-8"))
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(
        r"(?:src|srcset|href)=\"([^\"\s]+)\"", text
    )
    return [target for target in found if not re.match(r"[a-z]+:", target)]


@pytest.mark.slow
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


def test_every_page_is_in_the_index():
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


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
STATIONS = re.findall(
    r"^\| \d+ \| \[`(.+?)`\]\(\.\./lossaudit/(.+?)\) \| `(.+?)` \|",
    ARCHITECTURE,
    flags=re.MULTILINE,
)
"""The file, the target of its link, and the function of each station of the trip."""


def test_the_trip_of_a_loss_is_the_one_that_the_program_makes(tmp_path):
    import keras

    from lossaudit.keras import LossAudit

    namespace = {"keras": keras}
    exec(blocks_of_readme("python")[0], namespace)
    calls, package = [], str(ROOT / "lossaudit")

    def note(frame, event, argument):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(package):
            calls.append(
                (Path(code.co_filename).relative_to(package).as_posix(), code.co_qualname)
            )

    audit = LossAudit("ignore")
    sys.setprofile(note)
    try:
        train_with_losses_1_2_and_9([namespace["BatchLossHistory"](), audit])
        audit.report.to_html(tmp_path / "report.html")
    finally:
        sys.setprofile(None)
    assert "LA102" in (tmp_path / "report.html").read_text("utf-8")
    assert len(STATIONS) == len(re.findall(r"^\| \d+ \|", ARCHITECTURE, flags=re.MULTILINE)) > 10
    left = iter(calls)
    for file, target, function in STATIONS:
        assert file == target
        # The constructor of a dataclass is in no file; what it calls first is.
        wanted = {function, f"{function}.__post_init__"}
        assert any(call[0] == file and call[1] in wanted for call in left), function


def test_the_picture_marks_the_packages_of_the_trip():
    assert {file.partition("/")[0] for file, _, _ in STATIONS} == drawing.TRIP


def test_the_pictures_of_the_architecture_are_those_of_todays_imports(tmp_path):
    drawing.main(tmp_path)
    written = sorted(tmp_path.iterdir())
    assert [one.name for one in written] == ["architecture-dark.svg", "architecture-light.svg"]
    for one in written:
        committed = drawing.PICTURES / one.name
        assert committed.read_bytes() == one.read_bytes(), "run python docs/draw_architecture.py"


def test_every_import_between_packages_follows_from_the_arrows():
    graph = between_packages(import_graph())
    picture = (drawing.PICTURES / "architecture-light.svg").read_text("utf-8")
    edges = set(re.findall(r"<title>(\w+) imports (\w+)</title>", picture))
    assert edges == {
        (name, other) for name, others in drawing.drawn_graph(graph).items() for other in others
    }
    reached = dict.fromkeys(graph, frozenset())
    for name in reversed([name for _, names in drawing.ROWS for name in names]):
        near = {other for start, other in edges if start == name}
        reached[name] = frozenset(near).union(*(reached[other] for other in near))
        assert {other for other in graph[name] if not other.startswith("_")} <= reached[name], name


def test_a_reduction_leaves_out_what_follows_from_other_imports():
    graph = {"d": {"a", "b", "c"}, "c": {"a"}, "b": {"a"}, "a": set()}
    assert reduced(graph) == {"d": {"b", "c"}, "c": {"a"}, "b": {"a"}, "a": set()}


def test_no_arrow_touches_a_box_between_its_ends_or_lies_on_another():
    placed = drawing.boxes()
    paths = drawing.arrows(drawing.drawn_graph(between_packages(import_graph())))
    assert len(paths) > 10
    for path in paths.values():
        points = [point for one, other in pairwise(path) for point in between(one, other)]
        assert not [
            (point, box.name) for point in points for box in placed.values() if box.inside(*point)
        ]
        assert all(0 < x < drawing.WIDTH and 0 < y < drawing.HEIGHT for x, y in points)
    for one, other in combinations(paths.values(), 2):
        shared = set(whole(one)) & set(whole(other))
        assert len(shared) <= 1, shared


def between(one, other):
    """Points on a segment, one a pixel, without its ends."""
    steps = int(abs(one[0] - other[0]) + abs(one[1] - other[1]))
    for step in range(1, steps):
        part = step / steps
        yield one[0] + (other[0] - one[0]) * part, one[1] + (other[1] - one[1]) * part


def whole(path):
    """The pixels of a path."""
    return [(round(x), round(y)) for one, other in pairwise(path) for x, y in between(one, other)]


def test_what_a_box_says_is_short_enough_for_it():
    for name, line in drawing.LINES.items():
        assert len(line.split()) <= 6
        # The widest fonts of browsers take 6.6 and 9.1 px a letter in these sizes.
        assert max(6.6 * len(line), 9.1 * len(name)) < drawing.BOX_WIDTH, name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"new": frozenset({"errors"})}, "must name the packages"),
        ({"errors": frozenset({"cli"})}, r"up or to the left.*errors -> cli"),
    ],
)
def test_a_package_without_a_place_and_an_arrow_upwards_are_refused(change, said):
    graph = {**between_packages(import_graph()), **change}
    with pytest.raises(ValueError, match=said):
        drawing.drawn_graph(graph)


def test_the_map_of_the_package_names_what_the_picture_shows():
    assert set(drawing.LINES) <= {top(name) for name in import_graph()}
