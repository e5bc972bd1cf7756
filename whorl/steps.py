"""What `turn.py` does between the stages: fetch, predict with the crew's models, and hand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from whorl import decide, label, learn, observe, organize, reinforce
from whorl.crew import Crew
from whorl.errors import PartError, Tampered
from whorl.protocols import Blobs, Floats, Journal, Pool, Recipe, Task
from whorl.records import (
    Dataset,
    Example,
    Json,
    Label,
    LabelRequest,
    Model,
    Report,
    Turn,
    canonical_json,
    derived_id,
    digest,
)
from whorl.wheel import Wheel


def open_turn(wheel: Wheel, journal: Journal, at: int) -> tuple[Turn, Turn | None]:
    """The turn to run, opened now or found open, and the last one that was closed.

    A clock that went back does not: a turn is never earlier than the one before it.
    """
    turns = journal.read(Turn)
    closed = [turn for turn in turns if turn.phase == "closed"]
    last = closed[-1] if closed else None
    if turns and turns[-1].phase == "opened":
        return turns[-1], last
    number = last.number + 1 if last else 1
    at = max(at, last.event_time + 1) if last else at
    this = Turn(
        id=derived_id(at, number, "opened"),
        event_time=at,
        known_time=at,
        number=number,
        phase="opened",
        watermark=journal.last(),
        seed=wheel.seed,
        wheel=wheel.hash(),
    )
    journal.append(this)
    return this, last


def pool(
    crew: Crew,
    known: organize.Sorted,
    labels: Sequence[Label],
    unanswered: Sequence[LabelRequest],
    plan: reinforce.Plan,
) -> Pool:
    """What may be asked about: kept, not labelled, not asked already."""
    task = crew.wheel.task
    asked = {request.example for request in unanswered}
    taken = {known.rows[example] for example in asked.union(item.example for item in labels) if example in known.rows}
    rows = np.array([row for row in range(len(known.kept)) if row not in taken], dtype=np.intp)
    counted = observe.latest_truths(labels)
    truths = {known.rows[example]: label.value for example, label in counted.items() if example in known.rows}
    labelled = np.array(sorted(truths), dtype=np.intp)
    margins: Floats = np.full(len(rows), np.nan)
    looks: list[set[str]] = [set() for _ in rows]
    if crew.champion and len(rows):
        able, outputs = crew.answered(crew.champion, known.X[rows])
        margins[able] = task.margin(outputs)
        for row, group in zip(able.tolist(), task.groups(task.answers(outputs)), strict=True):
            looks[row].add(group)
    if len(labelled) and len(rows):
        groups = task.groups([truths[row] for row in labelled.tolist()])
        for look, place in zip(looks, organize.nearest(known.vectors[rows], known.vectors[labelled]), strict=True):
            look.add(groups[place])
    return Pool(
        ids=tuple(known.kept[row] for row in rows),
        vectors=known.vectors[rows],
        margins=margins,
        weights=reinforce.weigh(plan, looks, [known.customers[row] for row in rows], known.cells[rows]),
        known=known.vectors[labelled],
        explore=plan.explore,
        fill=plan.fill,
    )


def annotate(
    wheel: Wheel, blobs: Blobs, examples: Sequence[Example], requests: Sequence[LabelRequest], this: Turn
) -> tuple[Label, ...]:
    """The answers of an annotator that answers at once, if the wheel has one."""
    if not wheel.labels.annotator or not requests:
        return ()
    by_id = {example.id: example for example in examples}
    inputs = [wheel.inputs.unpack(observe.payload(by_id[request.example], blobs)) for request in requests]
    return label.annotate(requests, inputs, wheel.labels.annotator, wheel.task, this)


def store_dataset(crew: Crew, journal: Journal, lessons: learn.Lessons, this: Turn) -> Dataset | None:
    """The record of the dataset, its manifest stored; None when it is empty, or what the last turn learned from.

    Without a champion the same lessons are tried again: somebody may have mended the candidates.
    """
    data = learn.manifest(lessons)
    datasets = journal.read(Dataset, until=this.watermark)
    nothing_new = bool(datasets) and datasets[-1].version == digest(data)
    if not lessons.examples or (nothing_new and crew.champion):
        return None
    crew.blobs.put(data)
    return learn.dataset_record(data, len(lessons.examples), this, {"until": this.watermark, "folds": learn.FOLDS})


def predict_before_learning(
    crew: Crew,
    lessons: learn.Lessons,
    known: organize.Sorted,
    truths: Mapping[str, Label],
    reasons: Mapping[str, str],
    reports: Sequence[Report],
    this: Turn,
) -> list[Report]:
    """A report for the champion and each shadow on the labels that came this turn; none of them has learned from these."""
    before = {example for report in reports if report.basis == "out_of_fold" for example in report.examples}
    new = np.array([row for row, example in enumerate(lessons.examples) if example not in before], dtype=np.intp)
    roles = [(crew.champion, "champion")] if crew.champion else []
    roles += [(model, "shadow") for model, _ in crew.shadows]
    examples, told = [lessons.examples[row] for row in new], [lessons.truths[row] for row in new]
    # A label may have been given to a copy; and what nobody asked for is a fair sample only if it is an outcome.
    kinds = {known.rows[example]: label.kind for example, label in truths.items() if example in known.rows}
    unasked = ["outcome" if kinds[row] == "outcome" else "unasked" for row in lessons.rows[new].tolist()]
    return [
        decide.report(
            model,
            role,
            "prequential",
            this,
            examples,
            crew.utility(model, lessons.X[new], told),
            crew.wheel.task.groups(told),
            [known.customers[lessons.rows[row]] for row in new],
            [reasons.get(example, other) for example, other in zip(examples, unasked, strict=True)],
        )
        for model, role in roles
    ]


def train(
    crew: Crew, lessons: learn.Lessons, dataset: Dataset, this: Turn
) -> tuple[list[decide.Contender], list[Report], dict[str, str]]:
    """A contender for each candidate that could be trained, its artefact stored and loaded back; its report; failures.

    The champion's recipe is always among them, even if the declaration has dropped it: a change is judged against it.
    """
    wheel, task = crew.wheel, crew.wheel.task
    seed = int(digest(canonical_json([this.seed, this.number]))[:8], 16)
    contenders, reports, failures = [], [], {}
    for trained in learn.train(recipes(crew), lessons, task, wheel.engine, seed):
        if trained.failure:
            failures[trained.recipe] = trained.failure
            continue
        try:
            artefact = learn.dump(trained.fitted, wheel.trusted)
            taught = task.outputs(learn.load(artefact, wheel.trusted), lessons.X)
        except (PartError, Tampered) as error:  # it cannot be stored, or what was stored cannot be loaded
            failures[trained.recipe] = str(error)
            continue
        # Not to the last bit: arrays that come back in another memory order are summed in another order.
        if not np.allclose(taught, task.outputs(trained.fitted, lessons.X), rtol=1e-6, atol=1e-9, equal_nan=True):
            failures[trained.recipe] = "stored and loaded back, it answers differently"
            continue
        name = crew.blobs.put(artefact)
        model = Model(
            id=derived_id(this.event_time, this.number, "model", trained.recipe),
            event_time=this.event_time,
            known_time=this.event_time,
            version=digest(canonical_json([name, dataset.version, trained.recipe, this.number]))[:16],
            recipe=trained.recipe,
            recipe_hash=learn.recipe_hash(trained.unfitted, wheel.inputs, task),
            dataset=dataset.blob,
            artefact=name,
            bytes=len(artefact),
            turn=this.number,
            parameters=learn.parameters(trained.unfitted),
            environment=learn.environment(),
        )
        groups = task.groups(lessons.truths)
        reports.append(
            decide.report(model, "challenger", "out_of_fold", this, lessons.examples, trained.out_of_fold, groups)
        )
        contenders.append(decide.Contender(model, trained.out_of_fold, task.utility(taught, lessons.truths)))
    return contenders, reports, failures


def recipes(crew: Crew) -> dict[str, Recipe]:
    """The declared candidates, and the champion's own recipe if it is not declared any more."""
    wheel, declared = crew.wheel, dict(crew.wheel.candidates)
    if crew.champion is None:
        return declared
    known = {learn.recipe_hash(make(0), wheel.inputs, wheel.task) for make in declared.values()}
    if crew.champion.recipe_hash not in known:
        declared[f"{crew.champion.recipe} (as serving)"] = learn.recipe_of(crew.estimator(crew.champion))
    return declared


def judge(
    crew: Crew,
    contenders: Sequence[decide.Contender],
    failures: Mapping[str, str],
    lessons: learn.Lessons,
    reports: Sequence[Report],
    surprised: bool,
    this: Turn,
) -> decide.Judgement:
    """Whether a predecessor serves again; if not, whether one of `contenders` does."""
    task = crew.wheel.task
    standing = None
    if crew.champion:
        back = decide.roll_back(crew.champion, crew.shadows, reports, this)
        if back:
            return decide.Judgement((back,), back.challenger)
        utilities = crew.utility(crew.champion, lessons.X, lessons.truths)
        standing = decide.Standing(crew.champion, utilities, crew.learned)
    groups = task.groups(lessons.truths)
    return decide.judge(
        contenders, failures, standing, lessons.examples, groups, reports, surprised, crew.wheel.gate, this
    )


def found_sound(
    contenders: Sequence[decide.Contender], lessons: learn.Lessons, judgement: decide.Judgement, task: Task, this: Turn
) -> list[Report]:
    """What each contender that was not rejected had taken in: what its recipe will be held to."""
    rejected = {verdict.challenger for verdict in judgement.verdicts if verdict.decision == "reject"}
    groups = task.groups(lessons.truths)
    return [
        decide.report(each.model, "challenger", "learned", this, lessons.examples, each.taught, groups)
        for each in contenders
        if each.model.version not in rejected
    ]


def close(
    crew: Crew,
    this: Turn,
    arrivals: observe.Arrivals,
    known: organize.Sorted,
    lessons: learn.Lessons,
    spent: Mapping[str, float],
    asked: int,
    reports: Sequence[Report],
    judgement: decide.Judgement,
) -> Turn:
    """The record that closes the turn: its account, and the plan for the next."""
    arrived = np.array([known.rows[fate.example] for fate in known.fates if fate.kept], dtype=np.intp)
    told: Json = reinforce.account(
        fates=[*arrivals.refused, *known.fates],
        cells=known.cells,
        arrived=arrived,
        labelled=lessons.rows,
        asked=asked,
        labels=len(lessons.examples),
        cost={**spent, "storage": sum(fate.cost for fate in known.fates)},
        reports=reports,
        waiting=arrivals.waiting,
    )
    told["surprised"] = bool(judgement.again)
    told["promoted"] = judgement.promoted
    told["verdicts"] = [verdict.sentence for verdict in judgement.verdicts]
    groups = crew.wheel.task.groups(lessons.truths)
    plan = reinforce.plan_next(known.cells, lessons.rows, groups, reinforce.measure(reports), judgement.again)
    return replace(
        this,
        id=derived_id(this.event_time, this.number, "closed"),
        phase="closed",
        account=told,
        plan=plan.as_json(),
    )
