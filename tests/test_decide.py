"""Verdicts rest on paired evidence: chance is bounded, harm is refused, proof is carried over turns."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from whorl import ProofOrNoHarm
from whorl.checks.gate import toy_case
from whorl.checks.journal import sample
from whorl.decide import (
    Contender,
    Judgement,
    Standing,
    champion,
    judge,
    predecessors,
    promote,
    reasons_asked,
    report,
    roll_back,
    sign_test,
    wealth,
    wilson,
)
from whorl.decide.evidence import BETS, fewer_than_before
from whorl.decide.judge import recipe_gain
from whorl.decide.standing import CONFIRMED_AFTER
from whorl.errors import DeclarationError
from whorl.protocols import Ruling
from whorl.records import LabelRequest, Model, Promotion, Report, Turn
from whorl.stores import MemoryJournal

counts = st.integers(0, 60)
GATE = ProofOrNoHarm()


def turn(number, **given):
    return sample(Turn, 1, number=number, event_time=number * 1000, known_time=number * 1000, **given)


# --- how strong is the evidence


@pytest.mark.parametrize(
    "differences",
    [
        lambda rng: rng.choice([-1.0, 1.0], size=(2000, 400)),
        lambda rng: rng.choice([-1.0, 0.0, 1.0], p=[0.05, 0.9, 0.05], size=(2000, 400)),
        lambda rng: rng.choice([-0.1, 0.9], p=[0.9, 0.1], size=(2000, 400)),
        lambda rng: rng.uniform(-1, 1, size=(2000, 400)),
    ],
    ids=["fair coin", "rare differences", "seldom but large", "any size"],
)
def test_without_a_gain_wealth_passes_20_in_at_most_5_of_100_wheels_however_often_one_looks(differences):
    found = differences(np.random.default_rng(0))
    running = np.exp(np.log1p(BETS[:, None, None] * found).cumsum(axis=2)).mean(axis=0)
    assert running[0, -1] == pytest.approx(wealth(found[0]))
    ever = (running.max(axis=1) >= 20).mean()
    assert ever <= 0.05


def test_a_gain_is_found_sooner_the_larger_it_is():
    def labels_needed(better):
        rng, gain = np.random.default_rng(1), []
        while wealth(np.array(gain)) < 20:
            gain.append(float(rng.choice([-1.0, 0.0, 1.0], p=[0.05, 0.95 - 0.05 - better, 0.05 + better])))
        return len(gain)

    assert labels_needed(0.5) < labels_needed(0.1) < 1000


@given(st.lists(st.floats(-1, 1), max_size=50), st.randoms(use_true_random=False))
def test_wealth_does_not_depend_on_the_order_within_a_turn(differences, random):
    turned = random.sample(differences, len(differences))
    assert wealth(np.array(turned)) == pytest.approx(wealth(np.array(differences)))
    assert wealth(np.array(differences)) > 0


def test_wealth_survives_a_hundred_thousand_labels():
    assert wealth(np.zeros(100_000)) == pytest.approx(1.0)
    assert wealth(np.full(100_000, -1.0)) < 1e-300


@given(counts, counts)
def test_the_sign_test_is_that_of_the_textbook(lost, won):
    expected = stats.binomtest(lost, lost + won, alternative="greater").pvalue if lost + won else 1.0
    assert sign_test(lost, won) == pytest.approx(expected)


@given(st.floats(0, 60), st.floats(0, 60))
def test_parts_of_a_loss_never_count_for_more_than_whole_ones(lost, won):
    assert 0 < sign_test(lost, won) <= 1
    assert sign_test(lost, won) >= sign_test(math.ceil(lost), math.floor(won)) - 1e-12


def test_the_sign_test_takes_thousands():
    assert sign_test(600, 500) == pytest.approx(stats.binomtest(600, 1100, alternative="greater").pvalue)
    assert 0 < sign_test(20_000, 10_000) < 1e-300 or sign_test(20_000, 10_000) == 0


@given(st.data(), st.integers(1, 60), counts)
def test_fewer_than_before_is_fishers_exact_test(data, n, n_before):
    hits, hits_before = data.draw(st.integers(0, n)), data.draw(st.integers(0, n_before))
    expected = stats.hypergeom(n + n_before, hits + hits_before, n).cdf(hits)
    assert fewer_than_before(hits, n, hits_before, n_before) == pytest.approx(expected)


@given(st.data(), st.integers(1, 40), st.integers(1, 40))
def test_parts_of_a_hit_are_no_reason_for_alarm(data, n, n_before):
    hits, hits_before = data.draw(st.floats(0, n)), data.draw(st.floats(0, n_before))
    found = fewer_than_before(hits, n, hits_before, n_before)
    assert 0 < found <= 1 + 1e-12
    assert found >= fewer_than_before(math.floor(hits), n, math.ceil(hits_before), n_before) - 1e-12


def test_one_answer_that_is_a_little_off_is_no_surprise():
    assert fewer_than_before(0.9, 1, 59.9, 60) > 0.5
    assert sign_test(0.4, 0.0) == 1.0


def test_fewer_than_before_takes_thousands_in_no_time():
    found = fewer_than_before(5400, 6000, 5520, 6000)
    assert found == pytest.approx(stats.hypergeom(12_000, 10_920, 6000).cdf(5400), rel=1e-6)


@given(st.data(), st.integers(1, 200))
def test_wilsons_interval_is_that_of_the_textbook(data, n):
    hits = data.draw(st.integers(0, n))
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits / n, n, z=stats.norm.ppf(0.975)) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_nothing_is_known_from_nothing():
    assert wilson(0.5, 0) == (0.0, 1.0)
    assert fewer_than_before(0, 0, 10, 20) == 1.0


# --- the default gate, branch by branch


def ones_but(n, *zeros):
    made = np.ones(n)
    made[list(zeros)] = 0.0
    return made


def test_a_sound_refresh_is_promoted():
    ruling = GATE(toy_case())
    assert ruling.decision == "promote"
    assert ruling.sentence.startswith("same recipe, 120 lessons, 100.0% of them taken in; on 20 new labels")


@pytest.mark.parametrize("claim", ["refresh", "change"])
def test_a_challenger_that_lost_half_of_a_group_is_rejected(claim):
    now = ones_but(100, *range(0, 50, 5))  # ten of the twenty of group 0
    ruling = GATE(toy_case(claim, learned=(np.ones(100), now)))
    assert ruling.decision == "reject"
    assert "it lost 10 of the 20 lessons about 0" in ruling.sentence


def test_one_lost_lesson_of_many_is_no_reason_to_reject():
    assert GATE(toy_case(learned=(np.ones(100), ones_but(100, 3)))).decision == "promote"


def test_a_challenger_that_lost_all_that_the_champion_knows_of_a_group_is_rejected():
    known = ones_but(100, *range(0, 100, 5))
    for claim in ("refresh", "change"):
        ruling = GATE(toy_case(claim, known=(np.ones(100), known), recipe_gain=np.ones(100)))
        assert ruling.decision == "reject"
        assert "it lost 20 of the 20 lessons about 0" in ruling.sentence


def test_a_group_counts_as_lost_only_beyond_the_unrest_that_a_recipe_shows_elsewhere():
    groups = ("rare",) * 2 + ("usual",) * 98
    calm = toy_case(learned=(np.ones(100), ones_but(100, 0, 1)), learned_groups=groups)
    assert "it lost 2 of the 2 lessons about rare" in GATE(calm).sentence
    # A recipe that fits loosely loses and wins lessons all the time: two more are no news.
    before, now = ones_but(100, *range(10, 40)), ones_but(100, 0, 1, *range(40, 70))
    restless = toy_case(learned=(before, now), learned_groups=groups, taught=np.ones(120))
    assert GATE(restless).decision == "promote"


@pytest.mark.parametrize(("wins", "decision"), [(4, "reject"), (12, "promote")])
def test_a_bet_on_new_labels_that_is_won_overrules_what_was_learned(wins, decision):
    fresh = (ones_but(20, *range(wins)), np.ones(20))
    lost = ones_but(100, *range(0, 50, 5))
    assert GATE(toy_case(fresh=fresh, learned=(np.ones(100), lost))).decision == decision


def test_losses_all_over_are_rejected_when_they_are_no_accident():
    spread = [group + 5 * step for group in range(5) for step in range(2)]
    ruling = GATE(toy_case(learned=(np.ones(100), ones_but(100, *spread))))
    assert ruling.decision == "reject"
    assert "of what it was taught before it lost 10 and won 0" in ruling.sentence
    balanced = (ones_but(100, *range(50, 60)), ones_but(100, *spread))
    assert GATE(toy_case(learned=balanced)).decision == "promote"


def test_a_challenger_that_did_not_take_in_its_lessons_is_rejected():
    even = (np.ones(60), np.ones(60))
    nothing_now = np.zeros(160, dtype=bool)
    ruling = GATE(toy_case(new=60, fresh=even, taught=ones_but(160, *range(100, 118)), taught_now=nothing_now))
    assert ruling.decision == "reject"
    assert "it took in 88.8% of its lessons, and 100.0% when it was last sound" in ruling.sentence


def test_a_challenger_that_missed_the_lessons_of_this_turn_is_rejected():
    ruling = GATE(toy_case(new=10, old=600, taught=ones_but(610, *range(600, 606))))
    assert ruling.decision == "reject"
    assert "it missed 6 of the 10 lessons of this turn" in ruling.sentence
    assert GATE(toy_case(new=10, old=600, taught=ones_but(610, *range(600, 604)))).decision == "promote"


def test_labels_that_contradict_the_champion_hold_learning_up():
    ruling = GATE(toy_case(agreed=np.zeros(20), agreed_before=ones_but(60, 1, 2, 3)))
    assert ruling.decision == "hold"
    assert ruling.numbers["surprise"] == 1.0
    assert ruling.sentence.startswith("the champion agrees with 0 of the 20 new labels, before with 95%")
    assert GATE(toy_case(agreed=np.zeros(20), agreed_before=np.zeros(0))).decision == "promote"


def test_a_refresh_that_is_worse_on_new_labels_is_held():
    ruling = GATE(toy_case(fresh=(np.ones(20), ones_but(20, *range(8)))))
    assert ruling.decision == "hold"
    assert "on 20 new labels -0.400: odds of harm" in ruling.sentence
    assert ruling.numbers["harm"] > 5


def test_a_refresh_without_new_labels_has_nothing_to_offer():
    ruling = GATE(toy_case(new=0))
    assert (ruling.decision, ruling.sentence) == (
        "hold",
        "none of 100 lessons is newer than the champion: nothing to refresh it with",
    )


def test_a_change_is_promoted_once_it_has_won_enough():
    held, proven = (GATE(toy_case("change", recipe_gain=np.ones(wins))) for wins in (3, 12))
    assert (held.decision, proven.decision) == ("hold", "promote")
    assert "another recipe, not proven: +1.000 per label over 3 labels" in held.sentence
    assert "another recipe, proven: +1.000 per label over 12 labels" in proven.sentence
    assert proven.strength == proven.numbers["proof"] > 20


def test_more_rivals_need_more_proof():
    gain = np.ones(8)
    assert GATE(toy_case("change", recipe_gain=gain)).decision == "promote"
    assert GATE(toy_case("change", recipe_gain=gain, rivals=10)).decision == "hold"


def test_a_proven_change_that_is_harmful_on_new_labels_is_held():
    assert GATE(toy_case("change", recipe_gain=np.ones(50), fresh=(np.ones(20), np.zeros(20)))).decision == "hold"


def test_a_change_may_fit_its_lessons_less_closely():
    looser = ones_but(120, *range(0, 30, 7))
    ruling = GATE(toy_case("change", taught=looser, learned=(looser[:100], looser[:100]), recipe_gain=np.ones(50)))
    assert ruling.decision == "promote"


@pytest.mark.parametrize("field", ["false_change", "false_harm", "false_break", "false_surprise"])
@pytest.mark.parametrize("wrong", [0, 1, -0.1, float("nan"), True, "0.05", None])
def test_a_chance_that_is_none_cannot_be_declared(field, wrong):
    with pytest.raises(DeclarationError, match=f"gate.{field} is .*; it must be a probability above 0 and below 1"):
        ProofOrNoHarm(**{field: wrong})


# --- the judge


def model(name, recipe="r", number=1):
    return sample(Model, 1, id=name, version=name, recipe=f"recipe {recipe}", recipe_hash=recipe, turn=number)


def said(model_, basis, number, worth, role="challenger", **given):
    """A report: example -> utility."""
    return report(model_, role, basis, turn(number), list(worth), list(worth.values()), ["g"] * len(worth), **given)


LESSONS = [f"e{row}" for row in range(10)]
OLD = model("old", "r")


def standing(utilities=None, learned=LESSONS[:6]):
    return Standing(OLD, np.ones(10) if utilities is None else utilities, frozenset(learned))


class Spy:
    """A gate that remembers its cases and rules as it is told: recipe claim -> ruling."""

    def __init__(self, **rulings):
        self.cases, self.rulings = [], rulings

    def __call__(self, case):
        self.cases.append(case)
        return self.rulings.get(case.claim, Ruling("hold", "0 of 0", {}))


def judged(contenders, champion_=None, gate=GATE, reports=(), failures=None, surprised=False, number=4):
    return judge(contenders, failures or {}, champion_, LESSONS, ["g"] * 10, reports, surprised, gate, turn(number))


def contender(name, recipe, out_of_fold=None, taught=None):
    return Contender(
        model(name, recipe),
        np.ones(10) if out_of_fold is None else out_of_fold,
        np.ones(10) if taught is None else taught,
    )


def test_the_first_champion_is_the_best_out_of_fold():
    found = judged([contender("a", "ra", np.full(10, 0.5)), contender("b", "rb", np.full(10, 0.8))])
    assert found.promoted == "b"
    assert [verdict.decision for verdict in found.verdicts] == ["hold", "promote"]
    assert "recipe rb: first of all: 0.800 out of fold on 10 labels" in [verdict.sentence for verdict in found.verdicts]


def test_of_equal_first_champions_the_first_declared_serves():
    assert judged([contender("b", "rb"), contender("a", "ra")]).promoted == "b"


def test_a_failed_candidate_is_rejected_and_hurts_nobody_else():
    found = judged([contender("a", "ra")], failures={"broken": "RuntimeError: out of luck"})
    assert found.promoted == "a"
    rejected = found.verdicts[-1]
    assert (rejected.decision, rejected.sentence) == (
        "reject",
        "broken: could not be trained. RuntimeError: out of luck",
    )
    assert judged([], failures={"broken": "why"}).promoted is None
    assert judged([]) == Judgement()


def test_the_champions_recipe_claims_a_refresh_and_any_other_a_change():
    gate = Spy()
    found = judged([contender("new", "r"), contender("other", "r2"), contender("third", "r3")], standing(), gate)
    assert sorted(case.claim for case in gate.cases) == ["change", "change", "refresh"]
    assert {case.rivals for case in gate.cases} == {2}
    assert {verdict.challenger: verdict.claim for verdict in found.verdicts} == {
        "new": "refresh",
        "other": "change",
        "third": "change",
    }
    assert {verdict.champion for verdict in found.verdicts} == {"old"}


def test_a_case_sets_what_is_fresh_apart_from_what_was_learned():
    gate = Spy()
    ours, theirs, taught = np.arange(10) / 10, np.arange(10) / 20, np.arange(10) / 15
    judged([contender("new", "r", theirs, taught)], standing(ours), gate)
    (case,) = gate.cases
    assert case.fresh[0].tolist() == ours[6:].tolist()
    assert case.fresh[1].tolist() == theirs[6:].tolist(), "on what is fresh a challenger answers out of fold"
    assert case.known[0].tolist() == ours[:6].tolist()
    assert case.known[1].tolist() == taught[:6].tolist()
    assert len(case.known_groups) == 6
    assert case.taught.tolist() == taught.tolist()
    assert case.out_of_fold.tolist() == theirs.tolist()


def test_a_challenger_is_held_to_what_its_own_recipe_had_taken_in():
    gate = Spy()
    reports = [
        said(model("earlier", "r"), "learned", 2, {"e0": 0.0, "e1": 1.0}),
        said(model("sound", "r"), "learned", 3, {"e0": 1.0, "e2": 0.5, "gone": 1.0}),
        said(model("stranger", "r2"), "learned", 3, {"e3": 0.0}),
    ]
    judged([contender("new", "r", taught=np.arange(10) / 10)], standing(), gate, reports)
    assert [part.tolist() for part in gate.cases[0].learned] == [[1.0, 0.5], [0.0, 0.2]]
    assert gate.cases[0].learned_groups == ("g", "g")


def test_the_judge_knows_how_often_the_champion_agreed():
    reports = [
        said(OLD, "prequential", 0, {"long ago": 0.0}, "champion"),
        said(OLD, "prequential", 2, {"e0": 1.0, "e1": 0.0}, "champion"),
        said(model("shadow"), "prequential", 4, {"e8": 0.5}, "shadow"),
        said(OLD, "prequential", 4, {"e8": 1.0, "e9": 0.25}, "champion"),
    ]
    gate = Spy()
    judged([contender("new", "r")], standing(), gate, reports)
    assert gate.cases[0].agreed.tolist() == [1.0, 0.25]
    assert gate.cases[0].agreed_before.tolist() == [1.0, 0.0]
    assert np.flatnonzero(gate.cases[0].taught_now).tolist() == [8, 9]


def test_a_surprise_holds_up_once_and_asks_again():
    reports = [said(OLD, "prequential", 4, {"e9": 0.0, "e8": 0.0}, "champion")]
    gate = Spy(refresh=Ruling("hold", "1 surprise", {"surprise": 1.0}))
    assert judged([contender("new", "r")], standing(), gate, reports).again == ("e8", "e9")
    judged([contender("new", "r")], standing(), gate, reports, surprised=True)
    assert gate.cases[-1].agreed_before.tolist() == []


def test_of_several_that_may_be_promoted_the_strongest_serves():
    rulings = {
        "change": Ruling("promote", "odds 30", {}, strength=30.0),
        "refresh": Ruling("promote", "20 labels", {}, strength=1.0),
    }
    both = [contender("new", "r"), contender("other", "r2")]
    assert judged(both, standing(), Spy(**rulings)).promoted == "other"
    assert judged(both, standing(), Spy(refresh=rulings["refresh"])).promoted == "new"
    assert judged(both, standing(), Spy()).promoted is None


def test_a_change_is_judged_against_the_champions_recipe_with_each_label_once():
    reports = [
        said(model("a1", "a"), "out_of_fold", 1, {"e0": 1.0, "e1": 1.0}),
        said(model("b1", "b"), "out_of_fold", 1, {"e0": 0.0, "e1": 1.0}),
        said(model("a2", "a"), "out_of_fold", 2, {"e0": 0.0, "e1": 0.0, "e2": 0.25}),
        said(model("b2", "b"), "out_of_fold", 2, {"e0": 1.0, "e1": 1.0, "e2": 1.0}),
        said(model("a2", "a"), "learned", 2, {"e5": 1.0}),
        said(model("b2", "b"), "prequential", 2, {"e5": 1.0}),
    ]
    assert recipe_gain(reports, "a", "b").tolist() == [1.0, 0.0, -0.75]
    assert recipe_gain(reports, "b", "a").tolist() == [-1.0, 0.0, 0.75]
    assert recipe_gain(reports, "a", "unknown").tolist() == []


def test_a_label_from_before_the_recipe_was_tried_does_not_count_later():
    reports = [
        said(model("b1", "b"), "out_of_fold", 1, {"e0": 1.0}),
        said(model("a2", "a"), "out_of_fold", 2, {"e0": 1.0, "e1": 1.0}),
        said(model("b2", "b"), "out_of_fold", 2, {"e0": 0.0, "e1": 0.5}),
    ]
    assert recipe_gain(reports, "a", "b").tolist() == [0.5]


# --- rollback


def watched(gains, predecessors_=1):
    """What the judge sees when a predecessor was `gains` better than the champion, label by label."""
    new, shadows = model("new"), [model(f"shadow {n}") for n in range(predecessors_)]
    worth = {f"e{row}": 0.5 - gain / 2 for row, gain in enumerate(gains)}
    reports = [said(new, "prequential", 4, worth, "champion")]
    better = {f"e{row}": 0.5 + gain / 2 for row, gain in enumerate(gains)}
    reports += [said(shadow, "prequential", 4, better, "shadow") for shadow in shadows]
    ended = sample(Promotion, 1, turn=3, model="new")
    return roll_back(new, [(shadow, ended) for shadow in shadows], reports, turn(4))


def test_a_predecessor_that_is_better_serves_again():
    verdict = watched([1.0] * 12)
    assert (verdict.challenger, verdict.champion, verdict.claim, verdict.decision) == (
        "shadow 0",
        "new",
        "rollback",
        "promote",
    )
    assert "recipe r of before turn 3 answers +1.000 better on 12 fresh labels" in verdict.sentence
    assert verdict.evidence["odds"] > verdict.evidence["needed"] == 20


@pytest.mark.parametrize("gains", [[], [0.0] * 200, [1.0, -1.0] * 100, [-1.0] * 50, [1.0] * 3])
def test_a_predecessor_that_is_not_shown_to_be_better_stays_away(gains):
    assert watched(gains) is None


def test_more_predecessors_need_more_evidence():
    assert watched([1.0] * 7) is not None
    assert watched([1.0] * 7, predecessors_=3) is None


def test_only_labels_that_both_predicted_before_learning_count():
    new, shadow = model("new"), model("shadow")
    reports = [
        said(new, "prequential", 4, {f"e{row}": 0.0 for row in range(30)}, "champion"),
        said(shadow, "prequential", 4, {f"f{row}": 1.0 for row in range(30)}, "shadow"),
        said(shadow, "learned", 4, {f"e{row}": 1.0 for row in range(30)}),
    ]
    assert roll_back(new, [(shadow, sample(Promotion, 1))], reports, turn(4)) is None


# --- who stands where


@pytest.fixture
def served():
    """A journal in which models were promoted: (model, turn, reason)."""

    def made(*promotions):
        journal = MemoryJournal()
        for place, (name, number, reason) in enumerate(promotions):
            journal.append(
                model(name),
                sample(Promotion, 1, id=f"p{place}", model=name, turn=number, reason=reason, arm="champion"),
            )
        return journal

    return made


def before(journal, number):
    return [model_.version for model_, _ in predecessors(journal, turn(number, watermark=journal.last()))]


def test_the_champion_is_the_last_that_was_promoted(served):
    assert champion(served()) is None
    journal = served(("a", 1, "first"), ("b", 2, "refresh"), ("a", 3, "rollback"))
    assert champion(journal).version == "a"
    assert champion(journal, until=4).version == "b"


def test_predecessors_are_watched_for_some_turns_newest_first(served):
    journal = served(("a", 1, "first"), ("b", 2, "refresh"), ("c", 3, "refresh"))
    assert before(journal, 4) == ["b", "a"]
    assert before(journal, 3 + CONFIRMED_AFTER) == ["b"]
    assert before(journal, 4 + CONFIRMED_AFTER) == []


def test_nobody_is_watched_before_there_was_a_second(served):
    assert before(served(), 1) == []
    assert before(served(("a", 1, "first")), 2) == []


def test_a_model_that_was_rolled_back_is_not_watched(served):
    journal = served(("a", 1, "first"), ("b", 2, "refresh"), ("a", 3, "rollback"), ("c", 4, "refresh"))
    assert before(journal, 5) == ["a"]


def test_a_promotion_says_what_was_claimed():
    found = judged([contender("a", "ra")])
    record = promote(found, turn(4))
    assert (record.model, record.reason, record.turn, record.by, record.share) == ("a", "first", 4, "gate", 1.0)


def test_an_example_is_reported_under_the_reason_for_which_it_was_first_asked():
    first = sample(LabelRequest, 1, id="1", example="e", reason="audit")
    assert reasons_asked([first, replace(first, id="2", reason="second opinion")]) == {"e": "audit"}


def test_reports_hold_plain_numbers():
    made = report(OLD, "champion", "prequential", turn(1), ["e"], np.array([0.5]), ["g"], ["acme"], ["audit"])
    assert isinstance(made, Report)
    assert type(made.utilities[0]) is float
    assert (made.recipe, made.customers, made.reasons) == ("r", ("acme",), ("audit",))
