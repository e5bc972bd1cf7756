"""One turn of the wheel: what production left behind becomes a better model, or a reason why not.

Stages never import one another. They meet here, and each appends what it made before the next starts. Everything that a
turn makes has an id and a time that follow from the turn, and looks only at what arrived before the turn was opened: a
turn that was killed is simply run again. What is there already is skipped, and the rest comes out the same to the byte.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whorl import decide, label, learn, observe, organize, reinforce, steps
from whorl.crew import Crew
from whorl.protocols import Blobs, Journal
from whorl.records import Label, LabelRequest, Report, Turn
from whorl.wheel import Wheel


def turn(
    wheel: Wheel, journal: Journal, blobs: Blobs, at: int, say: Callable[[str], None] = lambda stage: None
) -> Turn:
    """Run one turn, or finish the one that was interrupted; the caller sees to it that only one runs at a time.

    Args:
        at: now, in microseconds since 1970-01-01 UTC; an interrupted turn keeps the time at which it was opened.
        say: called with the name of each stage as it begins.

    Returns:
        The record that closes the turn, with its account and the plan for the next.
    """
    this, last = steps.open_turn(wheel, journal, at)
    crew = Crew(wheel, journal, blobs, this)
    rng = np.random.default_rng([this.seed, this.number])
    plan = reinforce.Plan.from_json(last.plan) if last else reinforce.first_plan()

    say("observe")
    terms = {wheel.rights.name: wheel.rights}
    arrivals = observe.drain(journal, this, last.watermark if last else 0, terms, wheel.task.check)
    journal.append(*arrivals.refused, *arrivals.truths)

    say("organize")
    payloads = [observe.payload(example, blobs) for example in arrivals.examples]
    X = wheel.inputs.matrix(payloads)
    byte_price = wheel.prices.stored_megabyte / 1e6
    known = organize.sort(
        arrivals.examples, X, [len(each) for each in payloads], arrivals.new, wheel.embedder, this, byte_price
    )
    journal.append(*known.fates)

    say("label")
    # Those of outcomes were made anew: a correction counts even if its clock was behind that of what it corrects.
    told = [each for each in journal.read(Label, until=this.watermark) if each.kind != "outcome"]
    labels = [*observe.fitting(told, wheel.task.check), *arrivals.truths]
    asked = journal.read(LabelRequest, until=this.watermark)
    unanswered = label.open_requests(asked, labels)
    pool = steps.pool(crew, known, labels, unanswered, plan)
    # People answer later, and are not asked for more than a turn's budget at once; what answers at once has no answer.
    waiting = 0 if wheel.labels.annotator else len(unanswered)
    budget = max(0, wheel.labels.per_turn - waiting)
    requests = label.request_labels(pool, wheel.strategy, plan.again, budget, wheel.labels.price, this, rng)
    journal.append(*requests)
    answers = steps.annotate(wheel, blobs, arrivals.examples, requests, this)
    journal.append(*answers)
    labels += answers

    say("learn")
    truths = observe.latest_truths(labels)
    lessons = learn.freeze(truths, known.rows, known.kept, known.contents, known.X, organize.near_copies)
    dataset = steps.store_dataset(crew, journal, lessons, this)
    reports, judgement, fitted = journal.read(Report, until=this.watermark), decide.NOTHING, 0
    if dataset:
        reasons = decide.reasons_asked([*asked, *requests])
        predicted = steps.predict_before_learning(crew, lessons, known, truths, reasons, reports, this)
        contenders, taught, failures = steps.train(crew, lessons, dataset, this)
        fitted = learn.rows_fitted(lessons, len(contenders))
        journal.append(dataset, *(contender.model for contender in contenders), *predicted, *taught)

        say("decide")
        reports += [*predicted, *taught]
        surprised = bool(last and last.account["surprised"])
        judgement = steps.judge(crew, contenders, failures, lessons, reports, surprised, this)
        journal.append(*judgement.verdicts, *steps.found_sound(contenders, lessons, judgement, wheel.task, this))
        if judgement.promoted:
            journal.append(decide.promote(judgement, this))

    say("reinforce")
    given = [each for each in journal.read(Label, last.watermark if last else 0, this.watermark) if each.kind != "rule"]
    paid = sum(each.cost for each in (*given, *answers))
    spent = {"labels": paid, "training": fitted * wheel.prices.training_row}
    closed = steps.close(crew, this, arrivals, known, lessons, spent, len(requests), reports, judgement)
    journal.append(closed)
    return closed
