"""Charts as SVG text, drawn by plain functions: no script, no library, the same bytes for the same numbers.

Colours are classes that `style.css` fills in, so a chart follows its page into the dark and onto paper.
Covered: lines with bands, map, confusion matrix, funnel, thread of decisions. Not covered: dates, logarithms.
"""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from whorl.pages.story import Mark, Step

COLOURS = 10
"""How many classes get a colour of their own; the palette is in `style.css` (.c0, .c1 ...)."""

MAX_DOTS = 2000
"""Of each kind on a map: more are thinned out evenly, because nobody sees them and everybody loads them."""

CHAMPIONS = frozenset({"first", "promote", "rollback"})
"""Decisions after which another model serves."""

Point = tuple[float, float]
Size = tuple[int, int]


@dataclass(frozen=True)
class Axis:
    """How numbers are named and written along one side.

    `low` and `high` are bounds that ticks never cross; `cover` is what the axis spans, where that is not simply all
    that is drawn; a `tight` axis ends with its values and not with the next round numbers.
    """

    label: str
    say: Callable[[float], str]
    low: float | None = None
    high: float | None = None
    whole: bool = False
    cover: tuple[float, ...] = ()
    tight: bool = False


@dataclass(frozen=True)
class Line:
    """A series. `tone` is a class of `style.css`; `band` holds (x, low, high)."""

    name: str
    points: tuple[Point, ...]
    tone: str = "accent"
    band: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True)
class Reach:
    """A level that one line has at `start` and another at `end`; `end` is None where it never gets there."""

    level: float
    start: float
    end: float | None
    text: str


@dataclass(frozen=True)
class Bar:
    """A row of a funnel: a name, a remark and one number with its text per column."""

    name: str
    remark: str
    values: tuple[float, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Scale:
    """Maps [low, high] onto [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


Box = tuple[float, float, float, float]
"""left, top, right, bottom"""


def safe(text: str) -> str:
    """`text` as XML text or attribute: escaped, without the characters that XML does not have.

    >>> safe('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return html.escape("".join(mark if _is_xml(mark) else "\ufffd" for mark in text))


def _is_xml(mark: str) -> bool:
    code = ord(mark)
    return mark in "\t\n" or 0x20 <= code < 0x7F or 0xA0 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF


def cut(text: str, length: int) -> str:
    """`text` in at most `length` characters.

    >>> cut("gradient boosting", 9)
    'gradient…'
    """
    flat = " ".join(text.split())
    return flat if len(flat) <= length else flat[: max(length - 1, 1)].rstrip() + "…"


def ticks(low: float, high: float, about: int = 5, whole: bool = False) -> list[float]:
    """About `about` round numbers (1, 2 or 5 times a power of ten) that enclose [low, high].

    >>> ticks(0.53, 0.91, 4)
    [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    >>> ticks(0, 480)
    [0.0, 100.0, 200.0, 300.0, 400.0, 500.0]
    """
    if not high > low:
        # A single value stands in the middle of its chart.
        spread = max(abs(low) * 0.1, 1.0 if whole else 0.01)
        low, high = low - spread, high + spread
    rough = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    if whole:
        step = max(step, 1.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, 1 - math.floor(math.log10(step)))
    return [round(count * step, digits) for count in range(first, last + 1)]


def line_chart(
    key: str,
    title: str,
    desc: str,
    lines: Sequence[Line],
    x: Axis,
    y: Axis,
    size: Size,
    reach: Reach | None = None,
    small: bool = False,
) -> str:
    """Series over a common axis, each named at its end. `small`: a panel among others, its name stands outside."""
    plot = _plot([line for line in lines if line.points], x, y, size, small)
    parts = [*_frame(plot, size), *_bands(key, plot), *_strokes(plot)]
    taken = [_around(*spot, 3) for line in plot.lines for spot in _dense(plot.spots(line))]
    inside: Box = (plot.across.start, 14, size[0], plot.up.start)
    if reach is not None:
        marks, more = _reach_marks(plot, reach)
        parts += marks
        taken += more
    for line in [] if small else plot.lines:
        spot, box = _place(plot.names[line.name], 13, _beside(*plot.spots(line)[-1]), taken, inside)
        parts.append(_text(*spot[:2], plot.names[line.name], f"label {line.tone} {spot[2]}"))
        taken += [box] * 12  # a name on a name is worse than a name on a line
    if reach is not None:
        spot, _ = _place(reach.text, 12.5, _along(plot, reach), taken, inside)
        parts.append(_text(*spot[:2], reach.text, f"remark {spot[2]}"))
    return _svg(key, size, title, desc, parts)


@dataclass(frozen=True)
class _Plot:
    lines: list[Line]
    names: dict[str, str]
    x: Axis
    y: Axis
    x_ticks: list[float]
    y_ticks: list[float]
    across: Scale
    up: Scale
    small: bool

    def spots(self, line: Line) -> list[Point]:
        return [(self.across(x), self.up(y)) for x, y in line.points]


def _plot(lines: list[Line], x: Axis, y: Axis, size: Size, small: bool) -> _Plot:
    width, height = size
    x_ticks, x_span = _span([at for line in lines for at, _ in line.points], x, 4 if small else max(5, width // 110))
    values = [value for line in lines for _, value in line.points]
    values += [end for line in lines for _, *ends in line.band for end in ends]
    y_ticks, y_span = _span(values, y, 4 if small else max(4, height // 56))
    names = {line.name: cut(line.name, 22 if width > 500 else 14) for line in lines}
    at_edge = [line for line in lines if x_span[1] - line.points[-1][0] < 0.02 * (x_span[1] - x_span[0])]
    left = max(_width(y.say(tick), 12) for tick in y_ticks) + 10
    right = max(_width(x.say(x_ticks[-1]), 12) / 2, 10.0)
    if not small:
        right = max([_width(names[line.name], 13) + 12 for line in at_edge] + [right])
    top, bottom = (8, 24) if small else (30, 46)
    across, up = Scale(*x_span, left, width - right), Scale(*y_span, height - bottom, top)
    return _Plot(lines, names, x, y, x_ticks, y_ticks, across, up, small)


def _frame(plot: _Plot, size: Size) -> list[str]:
    """Ticks, grid and what the axes show."""
    left, right, floor = plot.across.start, plot.across.end, plot.up.start
    parts = [f'<path class="axis" d="M{_n(left)} {_n(floor)}H{_n(right)}"/>']
    for tick in plot.y_ticks:
        at = plot.up(tick)
        if at < floor - 0.5:
            parts.append(f'<path class="grid" d="M{_n(left)} {_n(at)}H{_n(right)}"/>')
        parts.append(_text(left - 8, at + 4, plot.y.say(tick), "tick end"))
    for tick in plot.x_ticks:
        at = plot.across(tick)
        if plot.small and at < left + 36:
            continue  # here stands what the axis shows
        parts.append(f'<path class="axis" d="M{_n(at)} {_n(floor)}v{4 if plot.small else 5}"/>')
        parts.append(_text(at, floor + 18, plot.x.say(tick), "tick mid"))
    if plot.small:
        parts.append(_text(left, floor + 18, plot.x.label, "name start"))
    else:
        parts.append(_text(0, 12, plot.y.label, "name start"))
        parts.append(_text(right, size[1] - 6, plot.x.label, "name end"))
    return parts


def _bands(key: str, plot: _Plot) -> list[str]:
    """Intervals, cut off at the edges of the plot."""
    across, up = plot.across, plot.up
    parts = []
    for line in plot.lines:
        if len(line.band) == 1:
            x, low, high = line.band[0]
            parts.append(f'<path class="whisker {line.tone}" d="M{_n(across(x))} {_n(up(low))}V{_n(up(high))}"/>')
        elif line.band:
            over = " ".join(f"{_n(across(x))} {_n(up(high))}" for x, _, high in line.band)
            back = " ".join(f"{_n(across(x))} {_n(up(low))}" for x, low, _ in reversed(line.band))
            clip = f'clip-path="url(#{key}-clip)"'
            parts.append(f'<path class="band {line.tone}" {clip} d="M{over} L{back}Z"/>')
    if parts:
        place = f'x="{_n(across.start)}" y="{_n(up.end)}"'
        size = f'width="{_n(across.end - across.start)}" height="{_n(up.start - up.end)}"'
        parts.insert(0, f'<clipPath id="{key}-clip"><rect {place} {size}/></clipPath>')
    return parts


def _strokes(plot: _Plot) -> list[str]:
    """The lines; the first is the one that matters, so it is drawn last, on top."""
    parts = []
    for line in reversed(plot.lines):
        spots = plot.spots(line)
        parts.append(f'<path class="line {line.tone}" d="M{"L".join(f"{_n(x)} {_n(y)}" for x, y in spots)}"/>')
        for place, (x, y) in enumerate(spots):
            last = place == len(spots) - 1
            if not last and (plot.small or len(spots) > 24):
                continue
            radius = (3.2 if plot.small else 4.5) if last else 2.6
            value_x, value_y = line.points[place]
            tip = f"{line.name}: {plot.y.say(value_y)}, {plot.x.label} {plot.x.say(value_x)}"
            circle = f'<circle class="dot {line.tone}" cx="{_n(x)}" cy="{_n(y)}" r="{radius}">'
            parts.append(f"{circle}<title>{safe(tip)}</title></circle>")
    return parts


def _reach_marks(plot: _Plot, reach: Reach) -> tuple[list[str], list[Box]]:
    """A dotted level from where one line has it to where the other gets it, and the room that it takes."""
    level, floor = plot.up(reach.level), plot.up.start
    low, high = _reach_ends(plot, reach)
    drops = [plot.across(at) for at in (reach.start, reach.end) if at is not None]
    parts = [f'<path class="drop" d="M{_n(at)} {_n(level)}V{_n(floor)}"/>' for at in drops]
    parts.append(f'<path class="reach" d="M{_n(low)} {_n(level)}H{_n(high)}"/>')
    if reach.end is not None:
        parts.append(f'<circle class="ring" cx="{_n(drops[-1])}" cy="{_n(level)}" r="6.5"/>')
    taken = [_around(low + (high - low) * part / 40, level, 2) for part in range(41)]
    taken += [_around(at, level + (floor - level) * part / 20, 2) for at in drops for part in range(21)]
    return parts, taken


def _reach_ends(plot: _Plot, reach: Reach) -> Point:
    start = plot.across(reach.start)
    end = plot.across.end if reach.end is None else plot.across(reach.end)
    return min(start, end), max(start, end)


def _along(plot: _Plot, reach: Reach) -> list[tuple[float, float, str]]:
    """Places for the text of `reach`, the best first."""
    low, high = _reach_ends(plot, reach)
    sides = (((low + high) / 2, "mid"), (low + 12, "start"), (high - 12, "end"), (plot.across.end, "end"))
    return [(x, plot.up(reach.level) + dy, anchor) for dy in (-9, 20, -24, 36, 52, 68) for x, anchor in sides]


def scatter_map(
    key: str,
    title: str,
    desc: str,
    marks: Sequence[Mark],
    size: Size,
    colours: Mapping[str, int],
    span: tuple[Point, Point] | None = None,
) -> str:
    """Examples where they lie: labelled ones strong, others faint, cells without a label ringed, classes named.

    Args:
        colours: class -> number of its colour; classes without one are grey. Empty: no class is told from another.
        span: ((x low, x high), (y low, y high)), to draw several maps alike.
    """
    width, height = size
    across, up = _equal_scales(span or extent(marks), width, height, 26)
    spots = {mark: (across(mark.x), up(mark.y)) for mark in marks}
    parts = [f'<rect class="frame" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="3"/>']
    parts += _dots(marks, spots, colours, 1.0 if len(marks) <= 1500 else 0.75)
    inside: Box = (8, 8, width - 8, height - 8)
    tags, taken = _tags(marks, spots, colours, inside)
    return _svg(key, size, title, desc, [*parts, *_rings(marks, spots, taken, inside), *tags])


def _dots(marks: Sequence[Mark], spots: Mapping[Mark, Point], colours: Mapping[str, int], scale: float) -> list[str]:
    """One path a colour, a dot being a line of no length with round ends: ten bytes each."""
    by_tone: dict[tuple[bool, int], str] = {}
    for labelled in (False, True):
        for mark in thinned([mark for mark in marks if mark.labelled == labelled], MAX_DOTS):
            tone, (x, y) = (labelled, colours.get(mark.group, -1)), spots[mark]
            by_tone[tone] = by_tone.get(tone, "") + f"M{_n(x)} {_n(y)}h0"
    faint = {colour: path for (labelled, colour), path in sorted(by_tone.items()) if not labelled}
    strong = {colour: path for (labelled, colour), path in sorted(by_tone.items()) if labelled}
    layers = (("faint", 3.6, faint), ("halo", 9.5, strong), ("strong", 6.5, strong))
    # Without colours for classes there is one for what has a label.
    grey = {"faint": "plain", "halo": "", "strong": "plain" if colours else "accent"}
    return [
        f'<path class="{layer} {_tone(colour) if colour >= 0 else grey[layer]}" stroke-width="{_n(width * scale)}" d="{path}"/>'
        for layer, width, paths in layers
        for colour, path in paths.items()
    ]


def _tags(
    marks: Sequence[Mark], spots: Mapping[Mark, Point], colours: Mapping[str, int], inside: Box
) -> tuple[list[str], list[Box]]:
    """The name of each coloured class in its midst, the largest first; who finds no room stays without."""
    groups: dict[str, list[Point]] = {}
    for mark in marks:
        if mark.group:
            groups.setdefault(mark.group, []).append(spots[mark])
    order = sorted(groups, key=lambda group: (-len(groups[group]), group))
    parts: list[str] = []
    taken: list[Box] = []
    for group in [group for group in order if group in colours]:
        x, y = _median([x for x, _ in groups[group]]), _median([y for _, y in groups[group]])
        name = cut(group, 16)
        places = [(x + dx, y + 5 + dy, "mid") for dy in (0, -24, 24) for dx in (0, -28, 28)]
        (x, y, _), box = _place(name, 15, places, taken, inside)
        if _hits(box, taken):
            continue
        half = max((box[2] - box[0]) / 2 + 4, 10.0)
        box = (x - half, y - 15, x + half, y + 5)
        place = f'x="{_n(box[0])}" y="{_n(box[1])}" width="{_n(2 * half)}" height="20" rx="10"'
        parts.append(f'<rect class="tag {_tone(colours.get(group, -1))}" {place}/>')
        parts.append(_text(x, y - 0.5, name, "group mid", group))
        taken.append(box)
    return parts, taken


def _rings(marks: Sequence[Mark], spots: Mapping[Mark, Point], tags: Sequence[Box], inside: Box) -> list[str]:
    """The largest holes, with the number of examples in each."""
    parts: list[str] = []
    taken = list(tags)
    for found in holes(marks)[:8]:
        x, y = _median([spots[mark][0] for mark in found]), _median([spots[mark][1] for mark in found])
        # A cell may be torn apart by the projection: the ring goes round the near half of it.
        far = sorted(math.dist(spots[mark], (x, y)) for mark in found)[int(0.6 * (len(found) - 1))]
        radius = min(max(far + 5, 12), inside[2] / 14)
        text = f"{len(found):,}"
        tip = f"{text} example{'' if len(found) == 1 else 's'} and no label"
        ring = f'<circle class="hole" cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}">'
        parts.append(f"{ring}<title>{tip}</title></circle>")
        places = [(x, y - radius - 5, "mid"), (x, y + radius + 14, "mid")]
        places += [(x + radius + 5, y + 4, "start"), (x - radius - 5, y + 4, "end")]
        spot, box = _place(text, 12, places, taken, inside)
        parts.append(_text(*spot[:2], text, f"count {spot[2]}"))
        taken.append(box)
    return parts


def holes(marks: Sequence[Mark]) -> list[list[Mark]]:
    """The cells that have examples and no label, the most crowded first."""
    cells: dict[int, list[Mark]] = {}
    for mark in marks:
        if mark.cell >= 0:
            cells.setdefault(mark.cell, []).append(mark)
    empty = [cell for cell, found in cells.items() if not any(mark.labelled for mark in found)]
    return [cells[cell] for cell in sorted(empty, key=lambda cell: (-len(cells[cell]), cell))]


def extent(marks: Iterable[Mark]) -> tuple[Point, Point]:
    """((x low, x high), (y low, y high)) of all marks."""
    found = [(mark.x, mark.y) for mark in marks] or [(0.0, 0.0)]
    return (min(x for x, _ in found), max(x for x, _ in found)), (min(y for _, y in found), max(y for _, y in found))


def heat_table(
    key: str, title: str, desc: str, classes: Sequence[str], counts: Sequence[Sequence[int]], width: int
) -> str:
    """Truth (row) against answer (column). A shade is the share of its row; mistakes carry the accent."""
    crowded = width / len(classes) < 24
    size, small = (9.5, " tiny") if crowded else (12, "")
    names = [cut(name, 12 if width > 380 or crowded else 8) for name in classes]
    longest = max(_width(name, size) for name in names)
    turned = longest > 22  # column names stand upright where they are too wide for their column
    left, found = longest + 30, 46
    cell = min((width - left - found) / len(names), 52.0)
    top = (longest if turned else 14) + 32
    side = cell * len(names)
    height = math.ceil(top + side + 4)
    inner = _n(cell - 1.5)
    shares = [[count / max(sum(row), 1) for count in row] for row in counts]
    # Darkest at the worst confusion, but never darker than the number deserves: 20 % of a class is a dark cell.
    worst = max([share for r, row in enumerate(shares) for c, share in enumerate(row) if r != c] + [0.2])

    parts = [_text(left, 12, "answered", "name start"), _text(left + side + found, top - 10, "found", "name end")]
    parts.append(
        f'<text class="name mid" transform="translate(12 {_n(top + side / 2)}) rotate(-90)">{safe("true class")}</text>'
    )
    for c, name in enumerate(names):
        at = left + cell * (c + 0.5)
        if turned:
            parts.append(
                f'<text class="tick start{small}" transform="translate({_n(at + 4)} {_n(top - 8)}) rotate(-90)">'
                f"{safe(name)}</text>"
            )
        else:
            parts.append(_text(at, top - 10, name, "tick mid" + small))
    for r, row in enumerate(counts):
        middle = top + cell * (r + 0.5)
        parts.append(_text(left - 8, middle + 4, names[r], "tick end" + small))
        for c, count in enumerate(row):
            at = left + cell * c
            right = r == c
            shade = 0.05 + 0.2 * shares[r][c] if right else 0.12 + 0.88 * math.sqrt(shares[r][c] / worst)
            box = f'x="{_n(at + 0.75)}" y="{_n(top + cell * r + 0.75)}" width="{inner}" height="{inner}"'
            if count == 0 and not right:
                parts.append(f'<rect class="none" {box}/>')
                continue
            tip = f"{classes[r]} answered {classes[c]}: {count:,} of {sum(row):,}"
            kind = "right" if right else "wrong"
            parts.append(f'<rect class="{kind}" {box} fill-opacity="{shade:.2f}"><title>{safe(tip)}</title></rect>')
            # A number that does not fit stays in the table and in the tip.
            if cell >= 9 + 6.5 * len(str(count)) * (0.8 if cell < 26 else 1):
                # Two steps, because the page at night turns to dark letters earlier than the one by day to light ones.
                strong = "" if right or shade < 0.63 else " over" if shade > 0.8 else " almost"
                tiny = " tiny" if cell < 26 else ""
                parts.append(_text(at + cell / 2, middle + 4, str(count), f"cell mid{strong}{tiny}"))
        judged = f"{100 * shares[r][r]:.0f}\u202f%" if sum(row) else "–"
        parts.append(_text(left + side + found, middle + 4, judged, "tick end" + small))
    return _svg(key, (math.ceil(left + side + found), height), title, desc, parts)


def funnel_bars(key: str, title: str, desc: str, heads: Sequence[str], bars: Sequence[Bar], width: int) -> str:
    """One row a stage, one column of bars a measure, each column on its own scale from zero."""
    wide = width > 500
    names, gap = (238, 22) if wide else (0, 14)
    column = (width - names - gap * (len(heads) - 1)) / len(heads)
    row, top = (54, 34) if wide else (82, 8)
    parts = []
    for place, bar in enumerate(bars):
        y = top + place * row
        parts.append(f'<path class="grid" d="M0 {_n(y - 2)}H{width}"/>')
        parts.append(_text(0, y + 18, cut(bar.name, 28 if wide else 40), "row start", bar.name))
        if wide:
            parts.append(_text(0, y + 34, cut(bar.remark, 36), "tick start", bar.remark))
    for at, head in enumerate(heads):
        left = names + at * (column + gap)
        most = max([bar.values[at] for bar in bars if bar.values[at] > 0], default=1.0)
        if wide:
            parts.append(_text(left, 14, head, "name start"))
        for place, bar in enumerate(bars):
            y = top + place * row + (24 if wide else 48)
            parts.append(f'<rect class="track" x="{_n(left)}" y="{y}" width="{_n(column)}" height="8" rx="1"/>')
            if bar.values[at] > 0:
                # However little it is, it is seen not to be nothing.
                length = max(column * bar.values[at] / most, 1.5)
                tone = "first" if at == 0 else "rest"
                parts.append(
                    f'<rect class="bar {tone}" x="{_n(left)}" y="{y}" width="{_n(length)}" height="8" rx="1"/>'
                )
            parts.append(_text(left, y - 7, bar.texts[at], "value start"))
            if not wide:
                parts.append(_text(left, y + 22, head, "tick start"))
    return _svg(key, (width, top + row * len(bars)), title, desc, parts)


def thread(key: str, title: str, desc: str, steps: Sequence[Step], last_turn: int, width: int) -> str:
    """A lane a recipe and a bead a verdict; the thick thread runs along the recipe that serves."""
    wide = width > 500
    lane_of, names = _lanes(steps)
    row, top = (40, 12) if wide else (52, 22)
    left = (min(max(_width(cut(name, 26), 13) for name in names), 200) + 28) if wide else 12
    first = min(step.turn for step in steps)
    last = max(last_turn, *(step.turn for step in steps))
    across = Scale(first, last if last > first else first + 1, left, width - 16)
    radius = min(max((across.end - left) / max(last - first, 1) * 0.36, 2.2), 6.5)

    parts = []
    for place in range(len(names)):
        y = top + row * place + row / 2
        parts.append(f'<path class="grid" d="M{_n(left)} {_n(y)}H{_n(across.end)}"/>')
    level = {recipe: top + row * lane + row / 2 for recipe, lane in lane_of.items()}
    served = [(across(step.turn), level[step.recipe]) for step in steps if step.decision in CHAMPIONS]
    if served:
        parts.append(f'<path class="thread" d="{_wound(served, across(last))}"/>')
    for place, name in enumerate(names):
        y = top + row * place + row / 2
        parts.append(_text(0, y + (4 if wide else -14), cut(name, 26 if wide else 44), "row start", name))
    crowd: dict[tuple[int, int], int] = {}
    for step in steps:
        spot = (step.turn, lane_of[step.recipe])
        crowd[spot] = crowd.get(spot, -1) + 1
        # Several verdicts on one recipe in one turn hang below each other.
        sign = bead(step.decision, across(step.turn), level[step.recipe] + crowd[spot] * radius * 1.6, radius)
        parts.append(f"<g>{sign}<title>{safe(f'turn {step.turn}, {step.decision}: {step.model}')}</title></g>")
    axis = top + row * len(names) + 6
    parts.append(f'<path class="axis" d="M{_n(left)} {_n(axis)}H{_n(across.end)}"/>')
    for tick in ticks(first, last, max(3, int((across.end - left) // 90)), whole=True):
        if first <= tick <= last:
            parts.append(f'<path class="axis" d="M{_n(across(tick))} {_n(axis)}v5"/>')
            parts.append(_text(across(tick), axis + 18, f"{tick:.0f}", "tick mid"))
    word = (0, axis + 18, "turn", "name start") if wide else (across.end, axis + 34, "turn", "name end")
    parts.append(_text(*word))
    return _svg(key, (width, axis + (28 if wide else 40)), title, desc, parts)


def _lanes(steps: Sequence[Step]) -> tuple[dict[str, int], list[str]]:
    """The lane of each recipe, and the names of the lanes. Past ten, those judged least share the last one."""
    recipes = list(dict.fromkeys(step.recipe for step in steps))
    often = sorted(recipes, key=lambda recipe: -sum(step.recipe == recipe for step in steps))
    own = set(often if len(often) <= 10 else often[:9])
    names = [recipe for recipe in recipes if recipe in own]
    lane_of = {recipe: names.index(recipe) if recipe in own else len(names) for recipe in recipes}
    rest = len(recipes) - len(names)
    return lane_of, [*names, f"{rest} other recipes"] if rest else names


def _wound(served: Sequence[Point], end: float) -> str:
    """A path along the points of `served`, from lane to lane in a soft bend, on to `end`."""
    path = f"M{_n(served[0][0])} {_n(served[0][1])}"
    for (x, y), (until, then) in itertools.pairwise([*served, (end, served[-1][1])]):
        bend = min(14.0, max(until - x, 0.0) / 2) if then != y else 0.0
        path += f"H{_n(until - bend)}"
        if then != y:
            path += f"C{_n(until)} {_n(y)} {_n(until - bend)} {_n(then)} {_n(until)} {_n(then)}"
    return path


def bead(decision: str, x: float, y: float, radius: float) -> str:
    """The sign of a decision: full (promote), a whorl (first), an open ring (hold), a cross (reject), an arrow back."""
    place = f'cx="{_n(x)}" cy="{_n(y)}"'
    if decision == "promote":
        return f'<circle class="bead full" {place} r="{_n(radius)}"/>'
    if decision == "first":
        return (
            f'<circle class="bead full" {place} r="{_n(radius)}"/>'
            f'<circle class="pith" {place} r="{_n(radius * 0.38)}"/>'
        )
    if decision == "reject":
        arm = radius * 0.72
        return (
            f'<path class="bead cross" d="M{_n(x - arm)} {_n(y - arm)}l{_n(2 * arm)} {_n(2 * arm)}'
            f'm0 {_n(-2 * arm)}l{_n(-2 * arm)} {_n(2 * arm)}"/>'
        )
    if decision == "rollback":
        return (
            f'<circle class="bead full" {place} r="{_n(radius)}"/>'
            f'<path class="pith-line" d="M{_n(x + radius * 0.3)} {_n(y - radius * 0.5)}'
            f'l{_n(-radius * 0.6)} {_n(radius * 0.5)}l{_n(radius * 0.6)} {_n(radius * 0.5)}"/>'
        )
    return f'<circle class="bead open" {place} r="{_n(radius * 0.82)}"/>'


def logo(size: int) -> str:
    """The mark of Whorl: a disc on its spindle, and the thread that it winds."""
    return (
        f'<svg class="logo" width="{size}" height="{size}" viewBox="0 0 32 32" aria-hidden="true" focusable="false">'
        f"{LOGO_SHAPES}</svg>"
    )


def _spiral(turns: float, inner: float, outer: float, steps: int) -> str:
    points = []
    for step in range(steps + 1):
        part = step / steps
        angle, radius = turns * math.tau * part - math.pi / 2, inner + (outer - inner) * part
        points.append(f"{_n(16 + radius * math.cos(angle))} {_n(16 + radius * math.sin(angle))}")
    return "M" + "L".join(points)


def _svg(key: str, size: tuple[float, float], title: str, desc: str, parts: Iterable[str]) -> str:
    width, height = math.ceil(size[0]), math.ceil(size[1])
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        f' aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{safe(title)}</title><desc id="{key}-d">{safe(desc)}</desc>{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, kind: str, whole: str = "") -> str:
    tip = f"<title>{safe(whole)}</title>" if whole and whole != text else ""
    return f'<text class="{kind}" x="{_n(x)}" y="{_n(y)}">{safe(text)}{tip}</text>'


def _n(value: float) -> str:
    """One decimal is a tenth of a pixel: enough, and short."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _width(text: str, size: float) -> float:
    """About how wide `text` runs, on the generous side: the reader's font is not known here."""
    return sum(_share_of_em(mark) for mark in text) * size


def _share_of_em(mark: str) -> float:
    if mark in "il.,:;|!' \u202f":
        return 0.36
    if ord(mark) >= 0x2E80:  # from here on letters are square: Chinese, Japanese, Korean, emoji
        return 1.0
    return 0.88 if mark in "mwMW%@" else 0.58


def _tone(colour: int) -> str:
    return f"c{colour}" if colour >= 0 else "plain"


def _span(values: Sequence[float], axis: Axis, about: int) -> tuple[list[float], Point]:
    """Ticks and ends of an axis: round numbers around `values`, clipped to what the axis can have."""
    values = axis.cover or values
    floor = -math.inf if axis.low is None else axis.low
    roof = math.inf if axis.high is None else axis.high
    low, high = (min(max(value, floor), roof) for value in (min(values), max(values)))
    if axis.tight and low == high:
        return [low], (low - 1, low + 1)
    if axis.tight:
        floor, roof = low, high
    marks = [mark for mark in ticks(low, high, about, axis.whole) if floor - 1e-9 <= mark <= roof + 1e-9]
    return marks, (min([low, *marks]), max([high, *marks]))


def _equal_scales(span: tuple[Point, Point], width: float, height: float, pad: float) -> tuple[Scale, Scale]:
    """Scales with one unit for both directions: on a map a distance means the same everywhere."""
    (x_low, x_high), (y_low, y_high) = span
    unit = max((x_high - x_low) / (width - 2 * pad), (y_high - y_low) / (height - 2 * pad)) or 1.0
    x_mid, y_mid = (x_low + x_high) / 2, (y_low + y_high) / 2
    half_x, half_y = unit * (width / 2 - pad), unit * (height / 2 - pad)
    return (
        Scale(x_mid - half_x, x_mid + half_x, pad, width - pad),
        Scale(y_mid - half_y, y_mid + half_y, height - pad, pad),
    )


def thinned(marks: Sequence[Mark], most: int) -> Sequence[Mark]:
    """Every so many of `marks`, so that at most `most` are left."""
    return marks if len(marks) <= most else [marks[at * len(marks) // most] for at in range(most)]


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _around(x: float, y: float, by: float) -> Box:
    return (x - by, y - by, x + by, y + by)


def _dense(spots: Sequence[Point]) -> list[Point]:
    """Points every few pixels along a line, so that a text can keep clear of what lies between two of them."""
    found = list(spots[:1])
    for (x0, y0), (x1, y1) in itertools.pairwise(spots):
        pieces = max(1, int(math.hypot(x1 - x0, y1 - y0) / 6))
        found += [(x0 + (x1 - x0) * part / pieces, y0 + (y1 - y0) * part / pieces) for part in range(1, pieces + 1)]
    return found


def _beside(x: float, y: float) -> list[tuple[float, float, str]]:
    """Places for the name of a line that ends at (x, y), the best first."""
    near = [(x + 10, y + 4, "start"), (x + 2, y - 12, "end"), (x, y - 12, "mid"), (x + 2, y + 22, "end")]
    moved = [(x + 10, y + 4 + dy, "start") for dy in (-9, 9, -16, 16, -24, 24, -32, 32)]
    return [*near, *moved, (x, y - 28, "end"), (x, y + 38, "end"), (x + 4, y + 22, "start")]


def _place(
    text: str, size: float, spots: Sequence[tuple[float, float, str]], taken: Sequence[Box], inside: Box
) -> tuple[tuple[float, float, str], Box]:
    """The spot where `text` covers least of what is drawn already; among equals, the first."""
    found = []
    for rank, spot in enumerate(spots):
        box = _box(text, size, spot)
        outside = sum(
            max(0.0, edge) for edge in (inside[0] - box[0], inside[1] - box[1], box[2] - inside[2], box[3] - inside[3])
        )
        found.append((_hits(box, taken) + 20 * outside, rank, spot, box))
    _, _, spot, box = min(found)
    return spot, box


def _box(text: str, size: float, spot: tuple[float, float, str]) -> Box:
    x, y, anchor = spot
    wide = _width(text, size)
    left = x - {"start": 0.0, "mid": wide / 2, "end": wide}[anchor]
    return (left, y - size * 0.85, left + wide, y + size * 0.25)


def _hits(box: Box, taken: Sequence[Box]) -> int:
    return sum(box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken)


LOGO_SHAPES = (
    # The spindle comes out above and below; the groove is the thread, two and a half turns.
    '<path class="spindle" d="M16 0V32"/>'
    '<circle class="disc" cx="16" cy="16" r="12.6"/>'
    f'<path class="groove" d="{_spiral(2.5, 3.4, 9.8, 60)}"/>'
    '<circle class="eye" cx="16" cy="16" r="1.7"/>'
)
