"""The report of a wheel or a replay: one HTML file without scripts that asks nothing of any other machine.

The functions turn a story into sections (what is said, charts, tables); the template only sets them out.
"""

from __future__ import annotations

import math
import os
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from whorl.pages import charts
from whorl.pages.charts import Axis, Bar, Line, Reach
from whorl.pages.story import Arm, Mark, Story, TurnRow

HERE = Path(__file__).parent
WIDE, HALF, NARROW = 840, 408, 350
"""Every large chart is drawn twice, for a desk and for a hand: scaled down, its letters could not be read."""

MATRIX = 20
"""More classes than this make a matrix nobody can read and colours nobody can tell apart; there are lists instead."""

SIGNS = ("first", "promote", "hold", "reject", "rollback")

Say = Callable[[float], str]


@dataclass(frozen=True)
class Table:
    """`kinds`, a letter a column: t text, w text in one line, n number, d decision, s sentence."""

    caption: str
    head: tuple[str, ...]
    kinds: str
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A chart, drawn for two widths (or once, where it fits both), and its numbers."""

    wide: str
    table: Table
    narrow: str = ""
    caption: str = ""
    heading: str = ""
    aside: str = ""
    signs: tuple[str, ...] = ()
    """Decisions whose beads are explained below the chart."""


@dataclass(frozen=True)
class Section:
    """A heading, a sentence that says what is to be seen, and what shows it. `layout` is a class of the style sheet."""

    key: str
    heading: str
    lede: str = ""
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()
    points: tuple[str, ...] = ()
    advice: str = ""
    layout: str = "stack"


def render(story: Story) -> str:
    """The whole page. Texts of the story are shown as text, whatever they hold."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    loader = FileSystemLoader(HERE)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # Names made of parts may break between them, before they break anywhere.
    environment.filters["parted"] = lambda text: Markup(re.sub("([_/])(?=.)", r"\1<wbr>", str(escape(text))))
    environment.filters["coded"] = lambda text: Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))
    environment.filters["bead"] = lambda decision: charts.bead(decision, 6, 6, 5)
    page = environment.get_template("report.html.j2").render(
        story=story,
        figures=_key_figures(story),
        sections=_sections(story),
        style=(HERE / "style.css").read_text("utf-8"),
        logo=charts.logo(36),
        icon=_icon(),
    )
    # A lone surrogate in some customer's name must not keep the report from being written.
    return page.encode("utf-8", "replace").decode("utf-8")


def write(story: Story, path: str | Path) -> Path:
    """Render to `path`, which holds either the old page or the new one, never half of one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        part.write_text(render(story), "utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _sections(story: Story) -> list[Section]:
    arms = tuple(replace(arm, name=charts.cut(arm.name, 40)) for arm in story.arms[:2]) or (Arm("wheel"),)
    return [
        _learning(story, arms),
        _customers(story, arms),
        _map(arms),
        _confusion(arms),
        _funnel(story, arms),
        _decisions(arms),
        _wants(arms),
        _turns(story, arms),
    ]


def _key_figures(story: Story) -> list[tuple[str, str, str]]:
    """At most four of (label, number, remark): how good, for how many labels, for whom worst, against chance."""
    arm = story.arms[0] if story.arms else Arm("wheel")
    if not arm.rows:
        return []
    say, last = _say(story), arm.rows[-1]
    found = []
    curve = _curve(arm)
    if curve:
        gain = curve[-1][1] - curve[0][1]
        found.append(
            (
                _measure(story, arm),
                say(curve[-1][1]),
                f"{_signed(gain, story)} since {_count(curve[0][0], 'label')}"
                if len(curve) > 1
                else "first measurement",
            )
        )
    cost = sum(row.cost for row in arm.rows if math.isfinite(row.cost))
    found.append(("Labels", f"{last.labels:,}", f"{_money(cost, story)} in {_count(len(arm.rows), 'turn')}"))
    worst = _worst(last)
    if worst:
        name, value, judged = worst
        found.append(("Lowest customer", say(value), f"{charts.cut(name, 40)}, {judged:,} judged"))
    if math.isfinite(last.coverage):
        found.append(("Coverage", _percent(last.coverage), "of what arrives"))
    reach = _reach(story)
    if reach and reach.end and reach.start:
        control = charts.cut(story.arms[1].name, 20)
        remark = f"{reach.end:,.0f} labels instead of {reach.start:,.0f}"
        found.insert(1, (_sentence(f"{control} needs"), f"{reach.end / reach.start:.1f}×", remark))
    return found[:4]


def _learning(story: Story, arms: Sequence[Arm]) -> Section:
    key, heading = "learning", "Learning"
    curves = [_curve(arm) for arm in arms]
    if not any(curves):
        return Section(
            key,
            heading,
            advice="Nothing is measured yet: answer the open requests with `whorl label`, then run `whorl turn`.",
        )
    say, measure, reach = _say(story), _measure(story, arms[0]), _reach(story)
    lines = [
        Line(arm.name, tuple((float(labels), value) for labels, value in curve), tone)
        for arm, curve, tone in zip(arms, curves, ("accent", "quiet"), strict=False)
    ]
    x = Axis("labels", lambda value: f"{value:,.0f}", low=0, whole=True)
    y = Axis(measure, _tick(story), low=0, high=1)
    said = []
    own = curves[0]
    if reach is not None:
        got = f"{arms[0].name} reached {say(reach.level)} with {_count(round(reach.start), 'label')}"
        if reach.end is None:
            most = curves[1][-1][0]
            said.append(f"{got}; {arms[1].name} has not got there with {most:,}.")
        else:
            times = f", {reach.end / reach.start:.1f} times as many" if reach.start else ""
            said.append(f"{got}; {arms[1].name} needed {reach.end:,.0f}{times}.")
    elif own:
        said.append(f"{say(own[-1][1])} with {_count(own[-1][0], 'label')}.")
    if any(arm.curve or any(row.balanced is not None for row in arm.rows) for arm in arms):
        said.append("Balanced: every class counts alike, however rare it is.")
    lede = _sentence(" ".join(said))
    by_labels = sorted({labels for curve in curves for labels, _ in curve})
    lookup = [dict(curve) for curve in curves]
    table = Table(
        f"{measure} by number of labels",
        ("Labels", *(arm.name for arm in arms)),
        "n" * (1 + len(arms)),
        tuple(
            (f"{labels:,}", *(say(found[labels]) if labels in found else "–" for found in lookup))
            for labels in by_labels
        ),
    )
    title = f"{measure} against labels"
    wide = charts.line_chart("learning-w", title, lede, lines, x, y, (WIDE, 400), reach)
    narrow = charts.line_chart("learning-n", title, lede, lines, x, y, (NARROW, 300), _short(reach))
    return Section(key, heading, lede, (Figure(wide, table, narrow),))


def _customers(story: Story, arms: Sequence[Arm]) -> Section:
    key, heading = "customers", "Every customer"
    rows = arms[0].rows
    named = sorted({name for row in rows for name in row.measured}, key=_natural)
    series = {name: found for name in named if (found := _measured(rows, name))}
    names = list(series)
    if not names:
        return Section(
            key,
            heading,
            advice="No customer is measured yet: pass `customer=` to `decide`, then send outcomes or answer requests.",
        )
    say = _say(story)
    others = {name: _measured(arms[1].rows, name) if len(arms) > 1 else [] for name in names}
    bands = {
        name: tuple((float(turn), *_interval(value, judged)) for turn, value, judged in found)
        for name, found in series.items()
    }
    # One scale for all panels, so that a low line is a low customer. Wide intervals of the first turns may be cut off:
    # a panel that shows all of them shows nothing else.
    values = [value for found in (*series.values(), *others.values()) for _, value, _ in found]
    values += [end for band in bands.values() for end in band[-1][1:]]
    y = Axis("", _tick(story), low=0, high=1, cover=(min(values), max(values)))
    turns = [row.number for row in rows]
    x = Axis("turn", lambda at: f"{at:.0f}", whole=True, cover=(min(turns), max(turns)), tight=True)
    few = len(names) <= 2
    figures = []
    for place, name in enumerate(names):
        found, other = series[name], others[name]
        lines = [Line(arms[0].name, tuple((float(turn), value) for turn, value, _ in found), "accent", bands[name])]
        if other:
            lines.append(Line(arms[1].name, tuple((float(turn), value) for turn, value, _ in other), "quiet"))
        turn, value, judged = found[-1]
        low, high = _interval(value, judged)
        desc = (
            f"{say(found[0][1])} at turn {found[0][0]}, {say(value)} at turn {turn}, judged on {judged:,};"
            f" 95\u202f% interval {say(low)} to {say(high)}."
        )
        charted = [
            charts.line_chart(f"customer-{place}{key}", f"{name} over turns", desc, lines, x, y, size, small=True)
            for key, size in (("w", (HALF, 220) if few else (264, 168)), ("n", (NARROW, 190)))
        ]
        against = {at: worth for at, worth, _ in other}
        table = Table(
            f"{name}, turn by turn",
            ("Turn", arms[0].name, "judged", *((arms[1].name,) if other else ())),
            "nnnn" if other else "nnn",
            tuple(
                (str(at), say(worth), f"{count:,}", *((say(against[at]) if at in against else "–",) if other else ()))
                for at, worth, count in found
            ),
        )
        figures.append(Figure(charted[0], table, charted[1], heading=name, aside=say(value)))
    worst = min(names, key=lambda name: series[name][-1][1])
    turn, value, judged = series[worst][-1]
    low, high = _interval(value, judged)
    lede = (
        f"Lowest: {charts.cut(worst, 60)} with {say(value)} on {_count(judged, 'example')},"
        f" 95\u202f% interval {say(low)} to {say(high)}."
    )
    if len(arms) > 1:
        lede += f" Grey: {arms[1].name}."
    lede += " Shaded: the interval that the number of judged examples allows."
    return Section(key, heading, lede, tuple(figures), layout="pair" if few else "multiples")


def _map(arms: Sequence[Arm]) -> Section:
    key, heading = "map", "Coverage map"
    shown = [(arm, _finite_marks(arm)) for arm in arms]
    shown = [(arm, marks) for arm, marks in shown if marks]
    if not shown:
        return Section(
            key,
            heading,
            advice="No example is on the map yet: send some through `decide` or `whorl ingest`, then run `whorl turn`.",
        )
    every = [mark for _, marks in shown for mark in marks]
    sizes: dict[str, int] = {}
    for mark in every:
        if mark.group:
            sizes[mark.group] = sizes.get(mark.group, 0) + 1
    largest = sorted(sizes, key=lambda group: (-sizes[group], group))[: charts.COLOURS]
    # By name and not by size, so that a class keeps its colour from report to report.
    colours = {group: at for at, group in enumerate(sorted(largest, key=_natural))} if len(sizes) <= MATRIX else {}
    span = charts.extent(every)
    lede = "Every point is an example; near means alike. Strong ones have a label, faint ones have none."
    rings = len(charts.holes(shown[0][1]))
    if rings:
        lede += f" Dashed: cells with traffic and no label ({rings} in all), with the number of examples in them."
    if len(sizes) > MATRIX:
        lede += f" {len(sizes)} classes are too many for colours."
    elif len(sizes) > charts.COLOURS:
        lede += f" The {charts.COLOURS} largest of {len(sizes)} classes have a colour."
    figures = []
    side = HALF
    for place, (arm, marks) in enumerate(shown):
        labelled = sum(mark.labelled for mark in marks)
        empty = charts.holes(marks)
        desc = f"{len(marks):,} examples, {labelled:,} with a label; {_count(len(empty), 'cell')} without one."
        wide = charts.scatter_map(
            f"map-{place}", f"Coverage map of {arm.name}", desc, marks, (side, side), colours, span
        )
        cells = len({mark.cell for mark in marks if mark.cell >= 0})
        thinned = len(marks) > charts.MAX_DOTS
        figures.append(
            Figure(
                wide,
                _map_table(arm, marks),
                heading=arm.name if len(shown) > 1 else "",
                aside=f"{_count(len(empty), 'hole')} in {_count(cells, 'cell')}" if len(shown) > 1 and cells else "",
                caption=f"Thinned out evenly to at most {charts.MAX_DOTS:,} points of each kind." if thinned else "",
            )
        )
    tables = (_hole_table(shown[0][1]),) if len(shown) == 1 and rings else ()
    return Section(key, heading, lede, tuple(figures), tables, layout="pair")


def _map_table(arm: Arm, marks: Sequence[Mark]) -> Table:
    counts: dict[str, list[int]] = {}
    for mark in marks:
        found = counts.setdefault(mark.group, [0, 0])
        found[0] += 1
        found[1] += mark.labelled
    order = sorted(counts, key=lambda group: (group == "", -counts[group][0], group))
    return Table(
        f"Examples on the map of {arm.name}",
        ("Class", "Examples", "Labelled"),
        "tnn",
        tuple((group or "not known", f"{counts[group][0]:,}", f"{counts[group][1]:,}") for group in order),
    )


def _hole_table(marks: Sequence[Mark]) -> Table:
    rows = []
    for found in charts.holes(marks)[:12]:
        groups = [mark.group for mark in found if mark.group]
        # dict.fromkeys rather than set: the order of a set differs from run to run.
        most = max(dict.fromkeys(groups), key=groups.count, default="")
        rows.append((str(found[0].cell), f"{len(found):,}", most or "not known"))
    return Table("Largest holes", ("Cell", "Examples", "Mostly"), "tnt", tuple(rows))


def _confusion(arms: Sequence[Arm]) -> Section:
    key, heading = "confusion", "What is taken for what"
    drawn = [arm for arm in arms if arm.classes and any(any(row) for row in arm.confusion)]
    if not drawn:
        advice = "Nothing to compare yet: once a champion has answered labelled examples, its mistakes stand here."
        if arms[0].rows and not arms[0].classes:
            advice = "This task has no classes, so there is no confusion to show; see the utility per customer instead."
        return Section(key, heading, advice=advice)
    arm = drawn[0]
    total = sum(map(sum, arm.confusion))
    right = sum(row[at] for at, row in enumerate(arm.confusion) if at < len(row))
    lede = f"{right:,} of {total:,} judged examples are answered rightly."
    worst = _confusions(arm)
    if worst:
        count, share, truth, answer = worst[0]
        lede += f" Most often {_quoted(truth)} is taken for {_quoted(answer)}: {_count(count, 'time')},"
        lede += f" {_percent(share)} of its examples."
    folded = tuple(_confusion_table(other) for other in drawn[1:])
    top = Table(
        "Most frequent confusions",
        ("True", "Answered", "Times", "Share"),
        "ttnn",
        _worst_rows(worst[:10]),
        note="Share: of all judged examples of the true class.",
    )
    if len(arm.classes) > MATRIX:
        return Section(
            key,
            heading,
            lede,
            (),
            (replace(top, rows=_worst_rows(worst[:20])), _hardest(arm)),
            (_confusion_table(arm), *folded),
            layout="pair",
        )
    title = f"Confusion matrix of {arm.name}"
    few = len(arm.classes) <= 12  # then the matrix fits into half the width, the list beside it
    wide = charts.heat_table("confusion-w", title, lede, arm.classes, arm.confusion, HALF if few else 700)
    narrow = charts.heat_table("confusion-n", title, lede, arm.classes, arm.confusion, NARROW)
    figure = Figure(wide, _confusion_table(arm), narrow)
    return Section(key, heading, lede, (figure,), (top,) if worst else (), folded, layout="pair" if few else "stack")


def _confusions(arm: Arm) -> list[tuple[int, float, str, str]]:
    """(times, share of the true class, true, answered), the most frequent first."""
    found = [
        (count, count / sum(row), r, c)
        for r, row in enumerate(arm.confusion)
        for c, count in enumerate(row)
        if r != c and count > 0
    ]
    found.sort(key=lambda item: (-item[0], -item[1], item[2], item[3]))
    return [(count, share, arm.classes[r], arm.classes[c]) for count, share, r, c in found]


def _worst_rows(worst: Sequence[tuple[int, float, str, str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (charts.cut(truth, 60), charts.cut(answer, 60), f"{count:,}", _percent(share))
        for count, share, truth, answer in worst
    )


def _hardest(arm: Arm) -> Table:
    shares = sorted(
        (row[at] / sum(row), name, sum(row))
        for at, (row, name) in enumerate(zip(arm.confusion, arm.classes, strict=False))
        if sum(row)
    )
    return Table(
        "Hardest classes",
        ("Class", "Judged", "Found"),
        "tnn",
        tuple((name, f"{judged:,}", _percent(share)) for share, name, judged in shares[:20]),
    )


def _confusion_table(arm: Arm) -> Table:
    if len(arm.classes) > MATRIX:
        found = _confusions(arm)
        rows = tuple((truth, answer, f"{count:,}", _percent(share)) for count, share, truth, answer in found[:200])
        return Table(
            f"The {len(rows)} most frequent confusions of {arm.name}",
            ("True", "Answered", "Times", "Share"),
            "ttnn",
            rows,
        )
    return Table(
        f"Confusion matrix of {arm.name}: true class by row, answer by column",
        ("True", *arm.classes),
        "t" + "n" * len(arm.classes),
        tuple((name, *(f"{count:,}" for count in row)) for name, row in zip(arm.classes, arm.confusion, strict=False)),
    )


def _funnel(story: Story, arms: Sequence[Arm]) -> Section:
    key, heading = "funnel", "From raw to used"
    steps = arms[0].funnel
    if not steps:
        return Section(
            key, heading, advice="Nothing has come through the funnel yet: `whorl turn` sends the first examples."
        )
    heads = ("examples", "size", "information", "cost")
    bars = [
        Bar(
            step.stage,
            step.reason,
            tuple(map(_positive, (step.examples, step.bytes, step.bits, step.cost))),
            (f"{step.examples:,}", _bytes(step.bytes), _bits(step.bits), _money(step.cost, story)),
        )
        for step in steps
    ]
    first, last = steps[0], steps[-1]
    lede = f"{first.examples:,} examples came in; {last.examples:,} reached “{charts.cut(last.stage, 40)}”"
    if first.bits > 0 and first.examples > 0 and len(steps) > 1:
        lede += f": {_percent(last.examples / first.examples)} of the examples"
        lede += f" with {_percent(last.bits / first.bits)} of the information"
    lede += "."
    title = "What is left after every stage"
    wide = charts.funnel_bars("funnel-w", title, lede, heads, bars, WIDE)
    narrow = charts.funnel_bars("funnel-n", title, lede, heads, bars, NARROW)
    return Section(
        key,
        heading,
        lede,
        (Figure(wide, _funnel_table(story, arms[0]), narrow),),
        folded=tuple(_funnel_table(story, arm) for arm in arms[1:] if arm.funnel),
    )


def _funnel_table(story: Story, arm: Arm) -> Table:
    return Table(
        f"Funnel of {arm.name}",
        ("Stage", "Examples", "Size", "Information", "Cost", "Why"),
        "tnnnns",
        tuple(
            (
                step.stage,
                f"{step.examples:,}",
                _bytes(step.bytes),
                _bits(step.bits),
                _money(step.cost, story),
                step.reason,
            )
            for step in arm.funnel
        ),
    )


def _decisions(arms: Sequence[Arm]) -> Section:
    key, heading = "decisions", "Decisions"
    steps = arms[0].steps
    if not steps:
        return Section(
            key,
            heading,
            advice="No challenger has been judged yet: a turn trains and judges one as soon as there are labels.",
        )
    counts = {word: sum(step.decision == word for step in steps) for word in ("promote", "hold", "reject", "rollback")}
    words = {"promote": "promotion", "hold": "hold", "reject": "rejection", "rollback": "rollback"}
    said = [_count(count, words[word]) for word, count in counts.items() if count]
    lede = f"{_count(len(steps), 'verdict')}" + (f": {', '.join(said)}." if said else ".")
    serving = next((step for step in reversed(steps) if step.decision in charts.CHAMPIONS), None)
    if serving:
        lede += f" Serving since turn {serving.turn}: {charts.cut(serving.recipe, 60)}."
    last = max([row.number for row in arms[0].rows] + [step.turn for step in steps])
    title = "Verdicts by turn and recipe"
    wide = charts.thread("thread-w", title, lede, steps, last, WIDE)
    narrow = charts.thread("thread-n", title, lede, steps, last, NARROW)
    used = {step.decision for step in steps}
    changes = [step for step in steps if step.decision in charts.CHAMPIONS] or list(steps)
    newest = changes[-8:][::-1]
    table = Table(
        "Who serves, and why: the newest changes first" if serving else "Newest verdicts first",
        ("Turn", "Decision", "Recipe", "Why", "By"),
        "ndtsw",
        tuple((str(step.turn), step.decision, charts.cut(step.recipe, 60), step.sentence, step.by) for step in newest),
    )
    return Section(
        key,
        heading,
        lede,
        (Figure(wide, _step_table(arms[0]), narrow, signs=tuple(word for word in SIGNS if word in used)),),
        (table,),
        tuple(_step_table(arm) for arm in arms[1:] if arm.steps),
    )


def _step_table(arm: Arm) -> Table:
    return Table(
        f"All verdicts of {arm.name}",
        ("Turn", "Decision", "Recipe", "Model", "Why", "By"),
        "ndttsw",
        tuple((str(step.turn), step.decision, step.recipe, step.model, step.sentence, step.by) for step in arm.steps),
    )


def _turns(story: Story, arms: Sequence[Arm]) -> Section:
    key, heading = "turns", "Turn by turn"
    if not arms[0].rows:
        return Section(key, heading, advice="No turn has run yet: `whorl turn` runs the first one.")
    rows = arms[0].rows
    kept, arrived = sum(row.kept for row in rows), sum(row.arrived for row in rows)
    asked = sum(row.asked for row in rows)
    turns = _count(len(rows), "turn")
    lede = f"{_count(arrived, 'example')} arrived in {turns}; {kept:,} were kept, {asked:,} asked about."
    return Section(
        key,
        heading,
        lede,
        tables=(_turn_table(story, arms[0]),),
        folded=tuple(_turn_table(story, arm) for arm in arms[1:] if arm.rows),
        layout="full",
    )


def _turn_table(story: Story, arm: Arm) -> Table:
    say = _say(story)
    when = _when([row.at for row in arm.rows])
    # Columns that would hold dashes only are left out.
    columns: list[tuple[str, str, list[str]]] = [
        ("Turn", "n", [str(row.number) for row in arm.rows]),
        ("Ended", "w", when),
        ("Arrived", "n", [f"{row.arrived:,}" for row in arm.rows]),
        ("Kept", "n", [f"{row.kept:,}" for row in arm.rows]),
        ("Asked", "n", [f"{row.asked:,}" for row in arm.rows]),
        ("Labels", "n", [f"{row.labels:,}" for row in arm.rows]),
        ("Coverage", "n", [_percent(row.coverage) for row in arm.rows]),
        ("Balanced", "n", [_maybe(say, row.balanced) for row in arm.rows]),
        ("Overall", "n", [_maybe(say, row.overall) for row in arm.rows]),
        ("Cost", "n", [_money(row.cost, story) for row in arm.rows]),
        ("Decision", "d", [row.decision or "–" for row in arm.rows]),
        ("Champion", "t", [row.champion or "–" for row in arm.rows]),
        ("Verdict", "s", [row.verdict or "–" for row in arm.rows]),
    ]
    used = [column for column in columns if any(cell != "–" for cell in column[2])]
    return Table(
        f"The turns of {arm.name}",
        tuple(head for head, _, _ in used),
        "".join(kind for _, kind, _ in used),
        tuple(zip(*(cells for _, _, cells in used), strict=True)),
    )


def _wants(arms: Sequence[Arm]) -> Section:
    key, heading = "next", "What the wheel wants next"
    if arms[0].holes:
        return Section(key, heading, "In the order of what they are worth to the next turn.", points=arms[0].holes)
    if arms[0].rows:
        return Section(
            key,
            heading,
            advice="No hole is known: every region with traffic has labels. Keep it turning with `whorl run`.",
        )
    return Section(
        key, heading, advice="Examples first: send inputs through `decide`, or load a log with `whorl ingest`."
    )


def _curve(arm: Arm) -> list[tuple[int, float]]:
    """Labels -> the figure that counts: as told, else balanced, else overall figures of the turns."""
    told = [(labels, value) for labels, value in arm.curve if math.isfinite(value)]
    for found in (
        told,
        [(row.labels, row.balanced) for row in arm.rows if row.balanced is not None and math.isfinite(row.balanced)],
        [(row.labels, row.overall) for row in arm.rows if row.overall is not None and math.isfinite(row.overall)],
    ):
        if found:
            return sorted(dict(found).items())  # two turns without a new label between them: the later one counts
    return []


def _measure(story: Story, arm: Arm) -> str:
    word = "accuracy" if story.metric == "accuracy" else "utility"
    balanced = bool(arm.curve) or any(row.balanced is not None for row in arm.rows) or not arm.rows
    return f"Balanced {word}" if balanced else f"Overall {word}"


def _reach(story: Story) -> Reach | None:
    """How many labels each arm had when it was first as good as the wheel is now.

    Both by the same rule, so that on a plateau, where curves only tremble, neither is favoured.
    """
    if len(story.arms) < 2:
        return None
    wheel, control = _curve(story.arms[0]), _curve(story.arms[1])
    if not wheel or not control:
        return None
    level = wheel[-1][1]
    at = next(labels for labels, value in wheel if value >= level)
    end = next((labels for labels, value in control if value >= level), None)
    if end is None:
        text = f"{charts.cut(story.arms[1].name, 24)}: not reached with {control[-1][0]:,} labels"
    else:
        text = f"{charts.cut(story.arms[1].name, 24)} needs {end:,} for this" + (f", {end / at:.1f}×" if at else "")
    return Reach(level, at, end, text)


def _short(reach: Reach | None) -> Reach | None:
    if reach is None:
        return None
    text = "not reached" if reach.end is None else f"{reach.end:,.0f} labels"
    return Reach(reach.level, reach.start, reach.end, text)


def _worst(row: TurnRow) -> tuple[str, float, int] | None:
    found = [
        (value, name, judged) for name, (value, judged) in row.measured.items() if judged > 0 and math.isfinite(value)
    ]
    if not found:
        return None
    value, name, judged = min(found)
    return name, value, judged


def _measured(rows: Sequence[TurnRow], name: str) -> list[tuple[int, float, int]]:
    """(turn, value, judged) where the customer was judged at all."""
    found = [(row.number, *row.measured[name]) for row in rows if name in row.measured]
    return [(turn, value, judged) for turn, value, judged in found if judged > 0 and math.isfinite(value)]


def _interval(value: float, judged: int) -> tuple[float, float]:
    """95 % interval of a mean of `judged` values in [0, 1]; exact enough for shares, generous for other utilities.

    Ref: Wilson (1927), Probable inference, the law of succession, and statistical inference.

    >>> [round(end, 3) for end in _interval(0.9, 30)]
    [0.744, 0.965]
    """
    z = 1.96
    share = min(max(value, 0.0), 1.0)
    middle = (share + z * z / (2 * judged)) / (1 + z * z / judged)
    half = z / (1 + z * z / judged) * math.sqrt(share * (1 - share) / judged + z * z / (4 * judged * judged))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _finite_marks(arm: Arm) -> list[Mark]:
    return [mark for mark in arm.marks if math.isfinite(mark.x) and math.isfinite(mark.y)]


def _say(story: Story) -> Say:
    return _percent if story.metric == "accuracy" else lambda value: f"{value:.3f}"


def _tick(story: Story) -> Say:
    """As `_say`, without zeros behind the point: a scale has round numbers."""
    if story.metric == "accuracy":
        return lambda value: f"{100 * value:.6g}\u202f%"
    return lambda value: f"{value:.6g}"


def _maybe(say: Say, value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else say(value)


def _percent(value: float) -> str:
    """
    >>> _percent(0.9125), _percent(0.9), _percent(float("nan"))
    ('91.2\u202f%', '90.0\u202f%', '–')
    """
    return f"{100 * value:.1f}\u202f%" if math.isfinite(value) else "–"


def _signed(gain: float, story: Story) -> str:
    sign = "−" if gain < 0 else "+"
    return sign + (f"{100 * abs(gain):.1f} points" if story.metric == "accuracy" else f"{abs(gain):.3f}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _positive(value: float) -> float:
    return value if math.isfinite(value) and value > 0 else 0.0


def _bytes(count: float) -> str:
    """
    >>> _bytes(0), _bytes(812), _bytes(1_234_567)
    ('0 B', '812 B', '1.2 MB')
    """
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 99.5 else f"{size:.1f} {units[0]}"


def _bits(bits: float) -> str:
    if not math.isfinite(bits):
        return "–"
    return f"{bits:,.0f} bits" if abs(bits) < 99_999.5 else f"{bits / 1e6:,.2f} Mbit"


def _money(amount: float, story: Story) -> str:
    if not math.isfinite(amount):
        return "–"
    digits = 2 if abs(amount) < 999.995 else 0
    apart = " " if story.currency[-1:].isalpha() else ""
    return f"{'−' if amount < 0 else ''}{story.currency}{apart}{abs(amount):,.{digits}f}"


def _when(moments: Sequence[int]) -> list[str]:
    """Dates; times of day too where one date would stand in several rows."""
    days, hours = [], []
    for at in moments:
        try:
            moment = datetime.fromtimestamp(at / 1e6, UTC) if at > 0 else None
        except (OverflowError, ValueError, OSError):
            moment = None
        days.append(f"{moment:%Y-%m-%d}" if moment else "–")
        hours.append(f"{moment:%Y-%m-%d %H:%M}" if moment else "–")
    return days if len(set(days)) == len(days) else hours


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts names as people count.

    >>> sorted(["v10", "v9", "a"], key=_natural)
    ['a', 'v9', 'v10']
    """
    return tuple((len(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name))


def _quoted(text: str) -> str:
    return f"“{charts.cut(text, 40)}”"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _icon() -> str:
    """The mark as an address of its own, so that no browser asks for /favicon.ico."""
    mark = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><style>'
        ".spindle{stroke:#0b6b74;stroke-width:2.4}.disc{fill:#0b6b74}"
        ".groove{fill:none;stroke:#fff;stroke-width:1.7}.eye{fill:#fff}</style>" + charts.LOGO_SHAPES + "</svg>"
    )
    return "data:image/svg+xml," + quote(mark)
