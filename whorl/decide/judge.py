"""Judge a turn's challengers against the champion, and the champion against its predecessors.

Every model predicts a new label before it is learned from: the champion and its predecessors (in shadow) as they are, a
challenger out of fold. From these reports come the pairs that the gate rules on, and the rollback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whorl.decide.evidence import wealth
from whorl.protocols import Case, Floats, Gate
from whorl.records import Json, Model, Promotion, Report, Turn, Verdict, derived_id

FALSE_ROLLBACK = 0.05
"""Chance that a promotion that did no harm is ever rolled back."""

RECENT = 3
"""Turns whose labels say how often the champion usually agrees with new ones."""


@dataclass(frozen=True)
class Judgement:
    """The verdicts of a turn, and which model serves from now on."""

    verdicts: tuple[Verdict, ...] = ()
    promoted: str | None = None
    """Version of the model to promote; None when the champion stays."""
    again: tuple[str, ...] = ()
    """Examples whose labels should be asked for once more, because they surprised."""


NOTHING = Judgement()


@dataclass(frozen=True)
class Contender:
    """A challenger as the judge needs it. Utilities are on the lessons of this turn's dataset, in its order."""

    model: Model
    out_of_fold: Floats  # (N,)
    taught: Floats  # (N,)


@dataclass(frozen=True)
class Standing:
    """The champion as the judge needs it, on the same lessons."""

    model: Model
    utilities: Floats  # (N,)
    learned: frozenset[str]
    """Examples in its training set."""


def judge(
    contenders: Sequence[Contender],
    failures: Mapping[str, str],
    champion: Standing | None,
    lessons: Sequence[str],
    groups: Sequence[str],
    reports: Sequence[Report],
    held_for_surprise: bool,
    gate: Gate,
    turn: Turn,
) -> Judgement:
    """Rule on each of `contenders`; at most one is promoted.

    Args:
        failures: recipe -> why it could not be trained; it is rejected, and hurts nobody else.
        lessons: (N,) example ids of this turn's dataset, in its order; `groups` (N,) their groups.
        reports: all so far, this turn's included, in order of arrival.
        held_for_surprise: whether the last turn was: a surprise holds learning up once.
    """
    rejected = tuple(_failed(name, why, champion, turn) for name, why in failures.items())
    if not contenders:
        return Judgement(rejected)
    if champion is None:
        return _first(contenders, rejected, turn)
    changes = [c for c in contenders if c.model.recipe_hash != champion.model.recipe_hash]
    refresh = next((c for c in contenders if c.model.recipe_hash == champion.model.recipe_hash), None)
    new_now = _new_in(reports, turn.number)
    agreed, agreed_before = _agreement(reports, champion.model, turn.number)
    fresh = np.array([example not in champion.learned for example in lessons], dtype=bool)

    verdicts: list[Verdict] = []
    promotable: list[tuple[float, str]] = []
    again: tuple[str, ...] = ()
    for contender in (*changes, *([refresh] if refresh else [])):
        claim = "refresh" if contender is refresh else "change"
        sound = when_sound(reports, contender.model.recipe_hash)
        rows = np.array([row for row, example in enumerate(lessons) if example in sound], dtype=np.intp)
        both = [lessons[row] for row in rows]
        case = Case(
            claim=claim,
            rivals=len(changes),
            fresh=(champion.utilities[fresh], contender.out_of_fold[fresh]),
            known=(champion.utilities[~fresh], contender.taught[~fresh]),
            known_groups=tuple(group for group, new in zip(groups, fresh, strict=True) if not new),
            learned=(np.array([sound[example] for example in both]), contender.taught[rows]),
            learned_groups=tuple(groups[row] for row in rows),
            taught=contender.taught,
            out_of_fold=contender.out_of_fold,
            taught_now=np.array([example in new_now for example in lessons], dtype=bool),
            recipe_gain=recipe_gain(reports, contender.model.recipe_hash, champion.model.recipe_hash),
            agreed=agreed,
            agreed_before=np.zeros(0) if held_for_surprise else agreed_before,
        )
        ruling = gate(case)
        verdicts.append(_verdict(contender, champion, claim, ruling.decision, ruling.sentence, ruling.numbers, turn))
        if ruling.decision == "promote":
            promotable.append((ruling.strength, contender.model.version))
        if ruling.numbers.get("surprise"):
            again = tuple(sorted(new_now))
    # Of several to promote, the strongest serves.
    return Judgement((*verdicts, *rejected), max(promotable)[1] if promotable else None, again)


def _first(contenders: Sequence[Contender], rejected: tuple[Verdict, ...], turn: Turn) -> Judgement:
    """There is nothing to compare with: the best out of fold serves, the first declared of equals."""
    best = max(contenders, key=lambda contender: contender.out_of_fold.mean())
    verdicts = []
    for contender in contenders:
        mean, n = contender.out_of_fold.mean(), len(contender.out_of_fold)
        said = f"first of all: {mean:.3f} out of fold on {n} labels"
        if contender is not best:
            said = f"{mean:.3f} out of fold on {n} labels; {best.model.recipe} has {best.out_of_fold.mean():.3f}"
        decision = "promote" if contender is best else "hold"
        verdicts.append(_verdict(contender, None, "first", decision, said, {"out_of_fold": float(mean)}, turn))
    return Judgement((*verdicts, *rejected), best.model.version)


def when_sound(reports: Sequence[Report], recipe: str) -> dict[str, float]:
    """Example -> utility of the recipe's last model that was not rejected, on what it was taught."""
    last = next((each for each in reversed(reports) if each.basis == "learned" and each.recipe == recipe), None)
    return dict(zip(last.examples, last.utilities, strict=True)) if last else {}


def recipe_gain(reports: Sequence[Report], challenger: str, champion: str) -> Floats:
    """(P,) how much better the challenger's recipe answered each label than the champion's, when the label was new.

    Both out of fold and trained on the same lessons, so that the recipes are compared and not the amount of data. Each
    label counts once, in the turn in which it came: then these are fair bets.

    Args:
        challenger, champion: recipe hashes; reports name them in `recipe`.
    """
    by_turn: dict[int, dict[str, Report]] = {}
    for report in reports:
        if report.basis == "out_of_fold":
            by_turn.setdefault(report.turn, {})[report.recipe] = report
    seen: set[str] = set()
    gain: list[float] = []
    for turn in sorted(by_turn):
        mine, theirs = by_turn[turn].get(challenger), by_turn[turn].get(champion)
        if mine and theirs:
            other = dict(zip(theirs.examples, theirs.utilities, strict=True))
            gain += [
                utility - other[example]
                for example, utility in zip(mine.examples, mine.utilities, strict=True)
                if example not in seen and example in other
            ]
        for report in by_turn[turn].values():
            seen.update(report.examples)
    return np.array(gain, dtype=np.float64)


def roll_back(
    champion: Model, predecessors: Sequence[tuple[Model, Promotion]], reports: Sequence[Report], turn: Turn
) -> Verdict | None:
    """Whether fresh labels show that a predecessor is better than the champion; then it serves again.

    Args:
        predecessors: models that served before the champion and are still in shadow, newest first, each with the
            promotion that ended its service.
    """
    for model, ended in predecessors:
        gain = np.array(paired(reports, model.version, champion.version))
        odds, needed = wealth(gain), len(predecessors) / FALSE_ROLLBACK
        if odds > needed:
            sentence = (
                f"{model.recipe} of before turn {ended.turn} answers {gain.mean():+.3f} better on {len(gain)} fresh labels, "
                f"odds {odds:.0f}; needs {needed:.0f}: rolled back"
            )
            return Verdict(
                id=derived_id(turn.event_time, turn.number, "rollback"),
                event_time=turn.event_time,
                known_time=turn.event_time,
                challenger=model.version,
                champion=champion.version,
                claim="rollback",
                decision="promote",
                sentence=sentence,
                turn=turn.number,
                evidence={"odds": odds, "needed": needed, "pairs": len(gain), "gain": float(gain.mean())},
            )
    return None


def paired(reports: Sequence[Report], model: str, other: str) -> list[float]:
    """Utility of `model` minus that of `other` on labels that both predicted before learning, in order of arrival."""
    utilities: dict[str, dict[str, float]] = {model: {}, other: {}}
    for report in reports:
        if report.basis == "prequential" and report.model in utilities:
            utilities[report.model].update(zip(report.examples, report.utilities, strict=True))
    return [
        utilities[model][example] - theirs
        for example, theirs in utilities[other].items()
        if example in utilities[model]
    ]


def _new_in(reports: Sequence[Report], turn: int) -> set[str]:
    return {e for report in reports if report.turn == turn and report.basis == "prequential" for e in report.examples}


def _agreement(reports: Sequence[Report], champion: Model, turn: int) -> tuple[Floats, Floats]:
    """Utility, before learning, of whoever was champion: on the labels of `turn`, and of the few turns before it."""
    now: list[float] = []
    before: list[float] = []
    for report in reports:
        if report.basis == "prequential" and report.role == "champion":
            if report.turn == turn:
                now += report.utilities
            elif turn - RECENT <= report.turn:
                before += report.utilities
    return np.array(now), np.array(before)


def _failed(recipe: str, why: str, champion: Standing | None, turn: Turn) -> Verdict:
    return Verdict(
        id=derived_id(turn.event_time, turn.number, "failed", recipe),
        event_time=turn.event_time,
        known_time=turn.event_time,
        challenger=recipe,
        champion=champion.model.version if champion else "",
        claim="change",
        decision="reject",
        sentence=f"{recipe}: could not be trained. {why}",
        turn=turn.number,
    )


def _verdict(
    contender: Contender,
    champion: Standing | None,
    claim: str,
    decision: str,
    sentence: str,
    numbers: Mapping[str, float],
    turn: Turn,
) -> Verdict:
    evidence: Json = {name: float(value) for name, value in numbers.items()}
    return Verdict(
        id=derived_id(turn.event_time, turn.number, "verdict", contender.model.version, claim),
        event_time=turn.event_time,
        known_time=turn.event_time,
        challenger=contender.model.version,
        champion=champion.model.version if champion else "",
        claim=claim,
        decision=decision,
        sentence=f"{contender.model.recipe}: {sentence}",
        turn=turn.number,
        evidence=evidence,
    )
