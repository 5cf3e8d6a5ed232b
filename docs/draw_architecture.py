"""Draw the picture in architecture.md from today's imports: `python docs/draw_architecture.py`.

It writes docs/pictures/architecture-light.svg and architecture-dark.svg. The same imports always
give the same bytes. A new package at the root needs a place in `ROWS` and a line in `LINES`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from docs.imports import Graph, between_packages, import_graph, reduced

PICTURES = Path(__file__).parent / "pictures"

ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("doors", ("cli", "pytest_plugin")),
    ("training", ("testing", "overhead", "keras")),
    ("judging", ("logs", "auditing", "predictions")),
    ("in / out", ("formats", "report", "rules")),
    ("numbers", ("recording", "arithmetic", "errors")),
)
"""A label and the boxes of each row. Arrows lead down, or to the right inside a row."""

LINES = {
    "cli": "the commands",
    "pytest_plugin": "fixture, marker, options",
    "testing": "conformance, planted faults",
    "overhead": "what a callback costs",
    "keras": "captures the true losses",
    "logs": "batch losses from a log",
    "auditing": "claims, search, checks",
    "predictions": "truth, quantities, mistakes",
    "formats": "one reader per log format",
    "report": "findings as text and page",
    "rules": "every rule by its code",
    "recording": "series, names, run file",
    "arithmetic": "exact sums, proven bounds",
    "errors": "causes and ways out",
}
"""What each box says under its name, in at most six words."""

TRIP = frozenset({"keras", "recording", "auditing", "predictions", "report"})
"""The packages that a loss visits on the trip that architecture.md describes."""

WIDTH, MARGIN, LABELS = 760, 8, 86
BOX_WIDTH, BOX_HEIGHT = 198, 58
BETWEEN, ABOVE = 32, 46
"""Between two boxes of a row, and between two rows."""
PORT = 22
"""How far a second arrow is from the middle of a box's side."""
BEND, CROSSING, OVERLAP, OFF_CENTRE = 40, 60, 5000, 60
"""Prices, in pixels of length, of what makes an arrow hard to follow."""
NEAR_A_BOX = 1.5
"""The price of a pixel on a line that is not midway between two boxes."""
LEGEND = 36
"""The strip at the bottom that says what arrows and colours mean."""
HEIGHT = 2 * MARGIN + len(ROWS) * BOX_HEIGHT + (len(ROWS) - 1) * ABOVE + LEGEND

PALETTES = {
    "light": {
        "text": "#1f2328",
        "muted": "#59636e",
        "fill": "#f6f8fa",
        "stroke": "#d1d9e0",
        "trip_fill": "#ddf4ff",
        "trip_stroke": "#54aeff",
        "arrow": "#6e7781",
    },
    "dark": {
        "text": "#f0f6fc",
        "muted": "#9198a1",
        "fill": "#151b23",
        "stroke": "#3d444d",
        "trip_fill": "#121d2f",
        "trip_stroke": "#316dca",
        "arrow": "#9198a1",
    },
}

Point = tuple[float, float]
Segment = tuple[Point, Point]


class Box(NamedTuple):
    """A box of the picture: its name, and its left upper corner in pixels."""

    name: str
    x: float
    y: float

    def inside(self, x: float, y: float) -> bool:
        """Whether a point is inside the box or on its border."""
        return self.x <= x <= self.x + BOX_WIDTH and self.y <= y <= self.y + BOX_HEIGHT

    def ports_out(self) -> dict[Point, float]:
        """Where arrows may leave it, below and at both sides, and the price of each port."""
        return self._along(self.y + BOX_HEIGHT) | self._sides()

    def ports_in(self) -> dict[Point, float]:
        """Where arrows may reach it, above and at both sides, and the price of each port."""
        return self._along(self.y) | self._sides()

    def _along(self, y: float) -> dict[Point, float]:
        middle = self.x + BOX_WIDTH / 2
        return {(middle, y): 0, (middle - PORT, y): OFF_CENTRE, (middle + PORT, y): OFF_CENTRE}

    def _sides(self) -> dict[Point, float]:
        y = self.y + BOX_HEIGHT / 2
        return {(self.x, y): 0, (self.x + BOX_WIDTH, y): 0}


def boxes() -> dict[str, Box]:
    """Every box in its place."""
    return {
        name: Box(
            name,
            MARGIN + LABELS + column * (BOX_WIDTH + BETWEEN),
            MARGIN + row * (BOX_HEIGHT + ABOVE),
        )
        for row, (_, names) in enumerate(ROWS)
        for column, name in enumerate(names)
    }


def drawn_graph(graph: Graph) -> dict[str, frozenset[str]]:
    """The edges that are drawn: the reduction of the graph, without names that begin with `_`.

    Raises:
        ValueError: `ROWS` and `LINES` do not name the packages of the graph, or an arrow would
            lead up or to the left.
    """
    shown = {name: others for name, others in graph.items() if not name.startswith("_")}
    shown = {name: frozenset(others & shown.keys()) for name, others in shown.items()}
    order = [name for _, names in ROWS for name in names]
    if not shown.keys() == set(order) == LINES.keys():
        apart = sorted((shown.keys() ^ set(order)) | (shown.keys() ^ LINES.keys()))
        raise ValueError(f"ROWS and LINES must name the packages of the root; not so: {apart}")
    back = [
        f"{name} -> {other}"
        for name in order
        for other in sorted(shown[name])
        if order.index(other) < order.index(name)
    ]
    if back:
        raise ValueError(f"these arrows would lead up or to the left; move the boxes: {back}")
    return reduced(shown)


def arrows(graph: Graph) -> dict[tuple[str, str], list[Point]]:
    """The path of each arrow, from the box that imports to the box that it imports."""
    placed = boxes()
    pairs = [(name, other) for name in placed for other in placed if other in graph[name]]
    # Short arrows first: long ones can go around them, not the other way round.
    pairs.sort(key=lambda pair: _distance(placed[pair[0]], placed[pair[1]]))
    paths: dict[tuple[str, str], list[Point]] = {}
    for start, end in pairs:
        taken = [segment for path in paths.values() for segment in pairwise(path)]
        paths[start, end] = _route(placed[start], placed[end], taken, list(placed.values()))
    return paths


def _distance(one: Box, other: Box) -> float:
    return abs(one.x - other.x) + abs(one.y - other.y)


def _route(start: Box, end: Box, taken: list[Segment], placed: list[Box]) -> list[Point]:
    """The cheapest path of horizontal and vertical segments that passes through no box.

    Dijkstra's algorithm over the points of `_tracks`; bends and crossings cost extra, and an
    arrow on top of another one costs more than any way around it.
    """
    xs, ys = _tracks(placed)
    goals = end.ports_in()
    # A state is a point and the direction that led there; equal costs are told apart by position.
    queue: list[tuple[float, Point, Point, tuple[Point, ...]]] = [
        (price, port, _outward(start, port), (port,)) for port, price in start.ports_out().items()
    ]
    heapq.heapify(queue)
    seen: set[tuple[Point, Point]] = set()
    while queue:
        cost, point, heading, path = heapq.heappop(queue)
        if point in goals and heading == _inward(end, point):
            return _straightened(path)
        if (point, heading) in seen:
            continue
        seen.add((point, heading))
        for following, direction in _neighbours(point, xs, ys):
            if _turns_back(heading, direction) or _blocked(point, following, placed, start, end):
                continue
            # The first step leaves the box at a right angle to its side.
            if len(path) == 1 and direction != heading:
                continue
            along = xs[point[0]] if direction[1] else ys[point[1]]
            price = _length(point, following) * along + BEND * (direction != heading)
            price += sum(_price_beside(point, following, segment) for segment in taken)
            if following in goals:
                price += goals[following]
            heapq.heappush(queue, (cost + price, following, direction, (*path, following)))
    raise ValueError(f"no way for an arrow from {start.name} to {end.name}")


def _tracks(placed: list[Box]) -> tuple[dict[float, float], dict[float, float]]:
    """The x and y of all lines that arrows may run along, each with the price of a pixel."""
    xs = {x: 1.0 for box in placed for x, _ in (*box.ports_out(), *box.ports_in())}
    ys = {y: 1.0 for box in placed for _, y in (*box.ports_out(), *box.ports_in())}
    for part, price in ((1 / 2, 1.0), (1 / 4, NEAR_A_BOX), (3 / 4, NEAR_A_BOX)):
        xs |= {box.x - BETWEEN * part: price for box in placed}
        ys |= {box.y - ABOVE * part: price for box in placed if box.y > MARGIN}
    return dict(sorted(xs.items())), dict(sorted(ys.items()))


def _neighbours(
    point: Point, xs: Iterable[float], ys: Iterable[float]
) -> Iterator[tuple[Point, Point]]:
    """The next points in the four directions, each with its direction."""
    x, y = point
    columns, rows = list(xs), list(ys)
    column, row = columns.index(x), rows.index(y)
    for step in (1, -1):
        if 0 <= row + step < len(rows):
            yield (x, rows[row + step]), (0.0, float(step))
        if 0 <= column + step < len(columns):
            yield (columns[column + step], y), (float(step), 0.0)


def _outward(box: Box, port: Point) -> Point:
    if port[1] == box.y + BOX_HEIGHT:
        return (0.0, 1.0)
    return (1.0, 0.0) if port[0] > box.x else (-1.0, 0.0)


def _inward(box: Box, port: Point) -> Point:
    if port[1] == box.y:
        return (0.0, 1.0)
    return (1.0, 0.0) if port[0] == box.x else (-1.0, 0.0)


def _turns_back(heading: Point, direction: Point) -> bool:
    return heading == (-direction[0], -direction[1])


def _blocked(one: Point, other: Point, placed: list[Box], start: Box, end: Box) -> bool:
    """Whether a segment passes through a box, or along the border of one."""
    middle = ((one[0] + other[0]) / 2, (one[1] + other[1]) / 2)
    if any(box.inside(*middle) for box in placed):
        return True
    return any(box.inside(*other) for box in placed if box not in (start, end))


def _length(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _price_beside(one: Point, other: Point, segment: Segment) -> float:
    """What it costs to cross an arrow, to meet its end, or to lie on it."""
    left, right = sorted((one[0], other[0]))
    low, high = sorted((one[1], other[1]))
    other_left, other_right = sorted((segment[0][0], segment[1][0]))
    other_low, other_high = sorted((segment[0][1], segment[1][1]))
    width = min(right, other_right) - max(left, other_left)
    height = min(high, other_high) - max(low, other_low)
    if width < 0 or height < 0:
        return 0
    return OVERLAP if width > 0 or height > 0 else CROSSING


def _straightened(path: tuple[Point, ...]) -> list[Point]:
    """The path without the points at which it goes straight on."""
    kept = [path[0]]
    for before, point, after in zip(path, path[1:], path[2:], strict=False):
        if (before[0] == point[0]) != (point[0] == after[0]):
            kept.append(point)
    return [*kept, path[-1]]


def svg(graph: Graph, palette: dict[str, str]) -> str:
    """The picture of a graph between packages, as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="title">',
        '<title id="title">The packages of lossaudit and their imports</title>',
        "<style>",
        "text { font-family: -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, "
        "'Liberation Sans', sans-serif; }",
        ".name { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "
        f"'Liberation Mono', monospace; font-size: 15px; font-weight: 600; "
        f"fill: {palette['text']}; }}",
        f".line {{ font-size: 12.5px; fill: {palette['muted']}; }}",
        f".label {{ font-size: 12.5px; fill: {palette['muted']}; }}",
        f".arrow {{ fill: none; stroke: {palette['arrow']}; stroke-width: 1.5; }}",
        "</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto">'
        f'<path d="M0,0.5 L8,4 L0,7.5 Z" fill="{palette["arrow"]}"/></marker></defs>',
        *_rows(),
        *(
            f'<path class="arrow" d="{_rounded(path)}" marker-end="url(#head)">'
            f"<title>{start} imports {end}</title></path>"
            for (start, end), path in sorted(arrows(drawn_graph(graph)).items())
        ),
        *(_box(box, palette) for box in boxes().values()),
        *_legend(palette),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _rows() -> Iterator[str]:
    for row, (label, _) in enumerate(ROWS):
        y = MARGIN + row * (BOX_HEIGHT + ABOVE) + BOX_HEIGHT / 2
        yield f'<text class="label" x="{MARGIN}" y="{y + 4:g}">{escape(label)}</text>'


def _legend(palette: dict[str, str]) -> Iterator[str]:
    x, y = MARGIN + LABELS, HEIGHT - MARGIN - 5
    yield f'<path class="arrow" d="M{x},{y - 4} L{x + 30},{y - 4}" marker-end="url(#head)"/>'
    yield f'<text class="label" x="{x + 40}" y="{y}">imports</text>'
    x += 118
    yield (
        f'<rect x="{x}" y="{y - 12}" width="30" height="16" rx="4" '
        f'fill="{palette["trip_fill"]}" stroke="{palette["trip_stroke"]}" stroke-width="1.5"/>'
    )
    yield f'<text class="label" x="{x + 40}" y="{y}">a loss passes through it</text>'


def _box(box: Box, palette: dict[str, str]) -> str:
    kind = "trip_" if box.name in TRIP else ""
    middle = box.x + BOX_WIDTH / 2
    return (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" '
        f'fill="{palette[kind + "fill"]}" stroke="{palette[kind + "stroke"]}" '
        'stroke-width="1.5"/>\n'
        f'<text class="name" text-anchor="middle" x="{middle:g}" y="{box.y + 25:g}">'
        f"{escape(box.name)}</text>\n"
        f'<text class="line" text-anchor="middle" x="{middle:g}" y="{box.y + 44:g}">'
        f"{escape(LINES[box.name])}</text>"
    )


def _rounded(path: list[Point], radius: float = 7) -> str:
    """A path as SVG, with round corners."""
    parts = [f"M{path[0][0]:g},{path[0][1]:g}"]
    for before, corner, after in zip(path, path[1:], path[2:], strict=False):
        near, far = (_towards(corner, end, radius) for end in (before, after))
        parts.append(
            f"L{near[0]:g},{near[1]:g} Q{corner[0]:g},{corner[1]:g} {far[0]:g},{far[1]:g}"
        )
    return " ".join([*parts, f"L{path[-1][0]:g},{path[-1][1]:g}"])


def _towards(start: Point, end: Point, most: float) -> Point:
    """The point at most so far from one point on the way to another, no farther than half."""
    length = _length(start, end)
    part = min(most, length / 2) / length
    return (
        round(start[0] + (end[0] - start[0]) * part, 2),
        round(start[1] + (end[1] - start[1]) * part, 2),
    )


def main(folder: Path = PICTURES) -> None:
    """Write both pictures into a folder."""
    graph = between_packages(import_graph())
    for scheme, palette in PALETTES.items():
        (folder / f"architecture-{scheme}.svg").write_text(svg(graph, palette), "utf-8")


if __name__ == "__main__":
    main()
