"""The default gate: a refresh must show no harm, a change must bring proof.

A refresh (the champion's recipe, on the champion's data and more) has a strong prior: more data helps. So its claim is
*checked* where it can fail. What both models were taught, it must still know, in total and in each group; what it was
taught, it must have taken in; and on what is new it must not be harmful. A pipeline that broke fails the first two however
few labels are new, because they need no new labels. A recipe that fits its lessons loosely may fail them by itself; then a
bet on the new labels that is won 20 to 1 overrules them. A change has no such prior and must win a bet on every new label.

What it costs and what it catches, measured: `bench/gate.py`; how it came about: LOG.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whorl.decide.evidence import at_least, fewer_than_before, sign_test, wealth
from whorl.errors import DeclarationError
from whorl.protocols import Case, Floats, Ruling


@dataclass(frozen=True)
class ProofOrNoHarm:
    """Promote a refresh without evidence of harm, and a change with proof.

    A change is promoted when its wealth is above (changes judged)/`false_change`: an equal one is promoted in at most
    this share of wheels. A refresh is held when the wealth of betting against it is above 1/`false_harm`. `false_break`
    is the chance that a sound model fails one of the checks of what was learned.
    """

    false_change: float = 0.05
    false_harm: float = 0.2
    false_break: float = 0.02
    false_surprise: float = 0.001

    def __post_init__(self) -> None:
        for name in ("false_change", "false_harm", "false_break", "false_surprise"):
            found = getattr(self, name)
            if isinstance(found, bool) or not isinstance(found, int | float) or not 0 < found < 1:
                raise DeclarationError(f"gate.{name}", found=found, needed="a probability above 0 and below 1")

    def __call__(self, case: Case) -> Ruling:
        champion, challenger = case.fresh
        gain = challenger - champion
        numbers = {
            "pairs": float(len(gain)),
            "gain": float(gain.mean()) if len(gain) else 0.0,
            "harm": wealth(-gain),
            "benefit": wealth(gain),
            "proof": wealth(case.recipe_gain) if case.claim == "change" else 1.0,
            "needed": case.rivals / self.false_change if case.claim == "change" else 1.0,
        }
        on_new = f"on {len(gain)} new labels {numbers['gain']:+.3f}"
        surprise = self.surprise(case)
        if surprise:  # before anything else: if the labels are wrong, so is whatever learned from them
            return Ruling("hold", surprise, {**numbers, "surprise": 1.0})
        broken = self.broken(case)
        if broken and numbers["benefit"] <= 1 / self.false_change:  # what was learned stands for what will be asked
            return Ruling("reject", f"{broken}; {on_new}", numbers)
        if numbers["harm"] > 1 / self.false_harm:
            odds = f"odds of harm {numbers['harm']:.1f}, at most {1 / self.false_harm:.0f} allowed"
            return Ruling("hold", f"{on_new}: {odds}", numbers)
        if case.claim == "change":
            return self.proven(case, numbers)
        if not len(gain):
            return Ruling(
                "hold",
                f"none of {len(case.taught)} lessons is newer than the champion: nothing to refresh it with",
                numbers,
            )
        taught = f"{len(case.taught)} lessons, {case.taught.mean():.1%} of them taken in"
        return Ruling("promote", f"same recipe, {taught}; {on_new}, no harm shown", numbers, strength=1.0)

    def proven(self, case: Case, numbers: dict[str, float]) -> Ruling:
        """Whether a change has won enough."""
        pairs = len(case.recipe_gain)
        mean = float(case.recipe_gain.mean()) if pairs else 0.0
        proof = f"{mean:+.3f} per label over {pairs} labels, odds {numbers['proof']:.1f}; needs {numbers['needed']:.0f}"
        if numbers["proof"] > numbers["needed"]:
            return Ruling("promote", f"another recipe, proven: {proof}", numbers, strength=numbers["proof"])
        return Ruling("hold", f"another recipe, not proven: {proof}", numbers)

    def broken(self, case: Case) -> str:
        """What the challenger lost or never took in; empty when nothing.

        Each recipe is held to what it took in itself when it was last sound: another recipe than the champion's may
        rightly fit its lessons less closely, and only must not lose a whole group.
        """
        lost_group = _lost_group(case.learned, case.learned_groups, 1.0, 0.5, self.false_break)
        lost_group = lost_group or _lost_group(case.known, case.known_groups, 2.0, 1.0, self.false_break)
        if lost_group:
            return lost_group
        then, now = case.learned
        lost, won = np.clip(then - now, 0, 1).sum(), np.clip(now - then, 0, 1).sum()
        if sign_test(lost, won) < self.false_break:
            return f"of what it was taught before it lost {lost:g} and won {won:g}"
        if not len(then):
            return ""
        missed, usual = 1.0 - case.taught, float((1.0 - then).mean())
        unusual = fewer_than_before(case.taught.sum(), len(missed), then.sum(), len(then))
        if missed.mean() - usual > 0.02 and unusual < self.false_break:
            return f"it took in {1 - missed.mean():.1%} of its lessons, and {1 - usual:.1%} when it was last sound"
        latest = missed[case.taught_now]
        if latest.sum() >= 3 + (0.2 + usual) * len(latest):
            return f"it missed {latest.sum():g} of the {len(latest)} lessons of this turn"
        return ""

    def surprise(self, case: Case) -> str:
        """The new labels contradict the champion as earlier ones never did: labels or world have changed."""
        now, before = case.agreed, case.agreed_before
        if not len(now) or not len(before):
            return ""
        if fewer_than_before(now.sum(), len(now), before.sum(), len(before)) >= self.false_surprise:
            return ""
        return (
            f"the champion agrees with {now.sum():g} of the {len(now)} new labels, before with {before.mean():.0%}: "
            "either they are wrong or the world has changed; learning waits for one more turn of labels"
        )


def _lost_group(pair: tuple[Floats, Floats], groups: Sequence[str], least: float, share: float, chance: float) -> str:
    """The first group of which too much of what was held is lost; empty when none.

    Too much is at least `least`, at least this `share`, and more than the recipe's own unrest explains: if each lesson
    were lost as often as those of all other groups are, so many would be lost with a probability below `chance`.
    """
    held: dict[str, float] = defaultdict(float)
    down: dict[str, float] = defaultdict(float)
    gross: dict[str, float] = defaultdict(float)
    for group, before, after in zip(groups, *pair, strict=True):
        held[group] += before
        down[group] += before - after
        gross[group] += max(before - after, 0.0)
    for group, lost in down.items():
        elsewhere = sum(held.values()) - held[group], sum(gross.values()) - gross[group]
        usual = (elsewhere[1] + 0.5) / (elsewhere[0] + 1.0)
        if lost >= max(least, share * held[group]) and at_least(lost, held[group], usual) < chance:
            return f"it lost {lost:g} of the {held[group]:g} lessons about {group} that were held before"
    return ""
