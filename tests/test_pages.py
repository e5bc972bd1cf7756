"""The report says what the story says, as text, in one well-formed file that asks nothing of any other machine."""

from __future__ import annotations

import itertools
import math
import random
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from whorl.errors import BadInput
from whorl.pages import Arm, FunnelStep, Mark, Step, Story, TurnRow, render, report, write
from whorl.pages.charts import Axis, Line, line_chart, ticks

VOID = {"wbr", "meta", "link", "br", "hr", "img", "input"}
DIGITS = tuple("0123456789")
RECIPES = ("logistic regression", "random forest, 200 trees", "support vectors, rbf")


def sample_story(
    turns: int = 12,
    customers: tuple[str, ...] = ("acme", "north-bank", "lumen"),
    classes: tuple[str, ...] = DIGITS,
    points: int = 1000,
    control: bool = True,
) -> Story:
    """What a replay on handwritten digits might tell: 20 labels a turn, a control that labels at random."""
    chance = random.Random(7)
    wheel = _arm("wheel", chance, turns, customers, classes, points, speed=0.95)
    if not control:
        return Story(
            "digits", "digits", (wheel,), "The wheel answers nine of ten digits rightly.", (), "accuracy", "2026-03-02"
        )
    other = _arm("random", chance, turns, customers, classes, points, speed=0.6)
    most = other.rows[-1].labels
    longer = tuple((labels, _learned(labels, 0.6, chance)) for labels in range(most + 20, most * 2 + 1, 20))
    level = wheel.curve[-1][1]
    needed = next((labels for labels, worth in longer if worth >= level), 0)
    return Story(
        title="Replay: handwritten digits, three customers",
        wheel="digits",
        arms=(wheel, replace(other, curve=other.curve + longer)),
        headline=f"The wheel got to {level:.0%} with {20 * turns} labels; labelling at random needed {needed}.",
        notes=(
            "Simulated annotators answer rightly in 97 of 100 cases, at 8 seconds and €0.20 a label.",
            "Both arms see the same arrivals in the same order and train the same recipes.",
            "Accuracy is measured on 600 examples that neither arm may ask about.",
        ),
        metric="accuracy",
        made="2026-03-02 09:41 UTC",
    )


def _learned(labels: int, speed: float, chance: random.Random) -> float:
    return 0.93 - 0.62 * math.exp(-speed * labels / 88) + chance.gauss(0, 0.006)


def _arm(
    name: str,
    chance: random.Random,
    turns: int,
    customers: tuple[str, ...],
    classes: tuple[str, ...],
    points: int,
    speed: float,
) -> Arm:
    rows, steps, curve = [], [], []
    champion = RECIPES[0]
    for turn in range(1, turns + 1):
        labels = 20 * turn
        worth = _learned(labels, speed, chance)
        curve.append((labels, worth))
        measured = {
            customer: (min(worth - 0.05 * (place % 4) + chance.gauss(0, 0.012), 1.0), 14 * turn + 9 * place)
            for place, customer in enumerate(customers)
            if not (turn == 1 and place == 1)
        }
        decision = "first" if turn == 1 else chance.choice(["promote", "promote", "promote", "hold", "reject"])
        if turn == 8:
            decision = "rollback"
        recipe = RECIPES[0] if turn < 4 else RECIPES[2] if turn > 6 else RECIPES[1]
        sentence = {
            "first": "first champion: nothing to compare with yet",
            "promote": f"refresh, no harm: +0.0{chance.randrange(10, 40)} (−0.004 to +0.041) on {labels} examples",
            "hold": f"+0.006 (−0.019 to +0.031) on {labels} paired examples; a change needs a lower bound above 0",
            "reject": f"lumen loses: −0.052 (−0.091 to −0.013) on {14 * turn} paired examples",
            "rollback": "agreement fell from 0.93 to 0.81 in two turns; the model before serves again",
        }[decision]
        steps.append(Step(turn, f"m{turn:02d}-{chance.randrange(16**6):06x}", recipe, decision, sentence, "gate"))
        if turn in (3, 5, 6):
            other = RECIPES[1] if turn == 3 else RECIPES[2]
            steps.append(Step(turn, f"m{turn:02d}b", other, "hold", "no proof yet: e-value 3.1, needs 20", "gate"))
        champion = recipe if decision in ("first", "promote", "rollback") else champion
        rows.append(
            TurnRow(
                number=turn,
                at=1_767_600_000_000_000 + turn * 86_400_000_000,
                arrived=120 + chance.randrange(40),
                kept=58 + chance.randrange(20),
                asked=20,
                labels=labels,
                coverage=1 - 0.8 * math.exp(-speed * turn / 5),
                measured=measured,
                balanced=worth,
                overall=worth + 0.012,
                decision=decision,
                verdict=sentence,
                champion=champion,
                cost=4.0 + chance.random(),
            )
        )
    examples = sum(row.arrived for row in rows)
    return Arm(
        name=name,
        rows=tuple(rows),
        steps=tuple(steps),
        confusion=_confusion(chance, len(classes)),
        classes=classes,
        funnel=_funnel(examples),
        marks=_marks(chance, classes, points, spread=name == "wheel"),
        holes=(
            "Cell 17 (mostly 8): 41 examples arrived in the last three turns and none has a label; "
            "the next turn asks for 4 of them.",
            "Class 9 is in deficit: 11 labels where balance wants 24.",
            "lumen is served worst: 81.3 % on 186 judged examples, 7.9 points below the others.",
        ),
        curve=tuple(curve),
    )


def _confusion(chance: random.Random, size: int) -> tuple[tuple[int, ...], ...]:
    table = [[0] * size for _ in range(size)]
    for truth in range(size):
        table[truth][truth] = 50 + chance.randrange(12)
        for _ in range(3):
            table[truth][chance.randrange(size)] += chance.randrange(4)
    if size > 8:
        table[8][1], table[3][8], table[7][min(9, size - 1)] = 9, 6, 5
    return tuple(map(tuple, table))


def _funnel(examples: int) -> tuple[FunnelStep, ...]:
    return (
        FunnelStep("arrived", examples, examples * 1024, examples * 3.2, 0.0, "every decision that was served"),
        FunnelStep(
            "admitted", int(examples * 0.97), examples * 990, examples * 3.1, 0.04, "known right to train on it"
        ),
        FunnelStep(
            "not a copy", int(examples * 0.71), examples * 730, examples * 2.9, 0.31, "near-duplicates together"
        ),
        FunnelStep("kept", int(examples * 0.44), examples * 450, examples * 2.6, 0.35, "news of at least one bit"),
        FunnelStep("labelled", 240, 245_760, 1130.0, 48.0, "within the budget of 20 a turn"),
        FunnelStep("trained on", 192, 196_608, 940.0, 1.9, "the others judge"),
    )


def _marks(chance: random.Random, classes: tuple[str, ...], points: int, spread: bool) -> tuple[Mark, ...]:
    marks = []
    for number in range(points):
        group = number % len(classes)
        angle = group * math.tau / len(classes)
        far = 1.0 if group % 2 else 0.62
        x = far * math.cos(angle) + chance.gauss(0, 0.14)
        y = far * math.sin(angle) + chance.gauss(0, 0.14)
        cell = 20 * int(4 * (x + 2)) + int(4 * (y + 2))
        labelled = chance.random() < (0.24 if spread or group < 5 else 0.1) and cell % 17 != 3
        marks.append(Mark(x, y, classes[group], labelled, cell))
    return tuple(marks)


def empty_story() -> Story:
    return Story("digits", "digits", (Arm("wheel"),), "", (), "utility", "")


class Page(HTMLParser):
    """Collects what a test asks about, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "action", "srcset", "xlink:href"):
                self.addresses.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


STORIES = {
    "replay": sample_story(),
    "one arm": sample_story(control=False),
    "short": sample_story(turns=3, customers=("acme",), classes=("cat", "deer"), points=40),
    "long": sample_story(
        turns=60,
        customers=tuple(f"customer number {n}" for n in range(12)),
        classes=tuple(f"intent_{n}_of_the_bank" for n in range(77)),
        points=6000,
    ),
    "empty": empty_story(),
    "no arm": replace(empty_story(), arms=()),
    "one turn": sample_story(turns=1, points=1),
}


@pytest.fixture(scope="module", params=STORIES, ids=str)
def html(request: pytest.FixtureRequest) -> str:
    return render(STORIES[request.param])


def test_every_page_is_well_formed_and_small(html: str) -> None:
    page = Page(html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert len(html.encode()) < 600_000
    assert not re.search(r"nan|inf", " ".join(re.findall(r'(?: d|x|y|width|height)="([^"]*)"', html)))


def test_every_chart_is_xml_and_names_itself(html: str) -> None:
    ids = Page(html).ids
    for text in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        svg = ElementTree.fromstring(text)
        if svg.get("aria-hidden") == "true":
            continue
        assert svg.get("role") == "img"
        assert svg.find("title") is not None
        assert svg.find("desc") is not None
        assert all(name in ids for name in svg.get("aria-labelledby", "missing").split())


def test_a_page_asks_nothing_of_any_other_machine(html: str) -> None:
    page = Page(html)
    assert "script" not in page.tags
    assert all(address.startswith(("#", "data:image/svg+xml,")) for address in page.addresses)
    assert re.findall(r"""url\(\s*['"]?(?!#)""", html) == []
    assert "@import" not in html
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*['"]?\s*(?:https?:)?//""", html)


def test_every_chart_has_its_numbers_in_a_table(html: str) -> None:
    figures = re.findall(r"<figure>.*?</figure>", html, re.DOTALL)
    assert all("<details>" in figure and "<table>" in figure for figure in figures)


def test_the_report_holds_the_numbers_of_the_story() -> None:
    story = sample_story()
    text = Page(render(story)).text
    wheel, control = story.arms
    last = wheel.rows[-1]
    assert story.headline in text
    assert f"{100 * wheel.curve[-1][1]:.1f}" in text
    assert f"{last.arrived:,}" in text
    for found in (*wheel.holes, *story.notes, *(step.sentence for step in (*wheel.steps, *control.steps))):
        assert found in text
    needed = next(labels for labels, worth in control.curve if worth >= wheel.curve[-1][1])
    assert f"random needs {needed} for this, {needed / 240:.1f}×" in text


def test_an_empty_wheel_says_what_to_do_next() -> None:
    html = render(empty_story())
    page = Page(html)
    assert "figure" not in page.tags
    assert "table" not in page.tags
    for words in (
        "No turn has run yet",
        "Nothing is measured yet",
        "No challenger has been judged yet",
        "whorl ingest",
    ):
        assert words in page.text


def test_a_control_that_never_gets_there_is_said_to() -> None:
    story = sample_story()
    wheel, control = story.arms
    short = replace(control, curve=control.curve[:8])
    text = Page(render(replace(story, arms=(wheel, short)))).text
    assert "random has not got there with 160" in text
    assert "Random needs" not in text


def test_hostile_text_stays_text() -> None:
    hostile = "<script>alert(1)</script>\"'&]]>{{ 7*7 }}\x00\x1b\ud800 " + "x" * 300
    row = replace(
        sample_story().arms[0].rows[0],
        measured={hostile: (0.5, 9)},
        decision=hostile,
        verdict=hostile,
        champion=hostile,
    )
    arm = Arm(
        hostile,
        rows=(row,),
        steps=(Step(1, hostile, hostile, hostile, hostile, hostile), Step(2, "m", hostile, "promote", hostile, "x")),
        confusion=((1, 2), (3, 4)),
        classes=(hostile, "b"),
        funnel=(FunnelStep(hostile, 1, 2, 3.0, 4.0, hostile),),
        marks=(Mark(0.0, 0.0, hostile, True, 1), Mark(1.0, 1.0, hostile, False, 2)),
        holes=(hostile,),
        curve=((20, 0.5), (40, 0.6)),
    )
    html = render(
        Story(hostile, hostile, (arm, replace(arm, name="b")), hostile, (hostile,), hostile, hostile, hostile)
    )
    page = Page(html)
    assert page.open == []
    assert "script" not in page.tags
    assert "49" not in re.findall(r"\d+", page.text.split("x" * 300)[0])
    assert "alert(1)" in page.text
    for text in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ElementTree.fromstring(text)
    html.encode("utf-8")


def test_numbers_that_are_none_leave_the_page_whole() -> None:
    nan = float("nan")
    story = sample_story(turns=4)
    rows = tuple(
        replace(
            row, coverage=nan, balanced=None, overall=nan, cost=nan, measured={"acme": (nan, 3), "b": (0.5, 0)}, at=0
        )
        for row in story.arms[0].rows
    )
    arm = replace(
        story.arms[0],
        rows=rows,
        curve=((20, nan),),
        confusion=((0,) * 10,) * 10,
        marks=(Mark(nan, 0.0, "a", True, 0),),
        funnel=(FunnelStep("arrived", 0, 0, nan, nan, ""),),
    )
    html = render(replace(story, arms=(arm,)))
    assert Page(html).open == []
    assert "nan" not in re.findall(r"[a-z]+", html.split("</style>")[1])


def test_a_regression_shows_overall_utility_and_no_confusion() -> None:
    story = sample_story(turns=4, control=False)
    rows = tuple(replace(row, balanced=None) for row in story.arms[0].rows)
    arm = replace(story.arms[0], rows=rows, curve=(), classes=(), confusion=())
    text = Page(render(replace(story, arms=(arm,), metric="utility"))).text
    assert "Overall utility" in text
    assert "This task has no classes" in text


def test_the_same_story_makes_the_same_bytes() -> None:
    assert render(sample_story()) == render(sample_story())


def test_write_replaces_the_old_page_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "report.html"
    assert write(empty_story(), target) == target
    write(sample_story(), str(target))
    assert target.read_text("utf-8") == render(sample_story())
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (0.533, 0.911), (3, 3), (0, 1e9), (-5.2, 4.1), (0.99991, 0.99999)]
)
def test_ticks_are_round_and_enclose_what_they_measure(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 12
    assert found == sorted(set(found))


def test_names_of_lines_that_end_together_do_not_cover_each_other() -> None:
    lines = [Line(f"arm {n}", ((0.0, 0.5), (10.0, 0.9 - 0.001 * n))) for n in range(4)]
    chart = line_chart("k", "t", "d", lines, Axis("x", str), Axis("y", str), (840, 400))
    found = re.findall(r'<text class="label accent (\w+)" x="([^"]*)" y="([^"]*)">arm', chart)
    # A name of five letters is about 40 wide and starts at its place, or ends there.
    boxes = [(float(x) - {"start": 0, "mid": 20, "end": 40}[anchor], float(y)) for anchor, x, y in found]
    assert len(boxes) == 4
    for (x0, y0), (x1, y1) in itertools.combinations(boxes, 2):
        assert abs(y0 - y1) >= 11 or abs(x0 - x1) >= 40


def test_a_confusion_of_another_size_than_its_classes_is_refused() -> None:
    with pytest.raises(BadInput, match="must be 3 by 3"):
        Arm("wheel", confusion=((1, 2), (3, 4)), classes=("a", "b", "c"))


@pytest.mark.parametrize("scheme", [0, 1], ids=["by day", "by night"])
@pytest.mark.parametrize("name", ["ink", "soft", "faint", "accent"])
def test_letters_stand_out_from_the_paper(scheme: int, name: str) -> None:
    style = Path(report.__file__).with_name("style.css").read_text("utf-8")

    def light(name: str) -> float:
        colour = re.findall(rf"--{name}: #(\w{{6}});", style)[scheme]
        parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(name), light("paper")))
    assert (high + 0.05) / (low + 0.05) >= 4.5
