"""An opened wheel: its declaration, its state on disk, and the champion in memory, ready to decide."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from whorl import label, learn, observe
from whorl.crew import answered
from whorl.errors import BadInput, DeclarationError, NotFound, NotReady, PartError
from whorl.lock import only_one
from whorl.protocols import Blobs, Estimator, Journal
from whorl.records import (
    Decision,
    Example,
    Json,
    Label,
    LabelRequest,
    Model,
    Outcome,
    Promotion,
    Turn,
    digest,
    new_id,
)
from whorl.stores import FolderBlobs, SqliteJournal
from whorl.turn import turn
from whorl.wheel import Wheel

INLINE = 4096
"""Bytes up to which an input is kept in its record; larger ones become blobs."""

MAX_TEXT = 200
"""Characters in an id, a customer or a subject."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was decided, captured before it was returned. `id` is what an outcome refers to."""

    id: str
    output: Json
    confidence: float
    model: str
    arm: str = "champion"


@dataclass(frozen=True, slots=True)
class Question:
    """An open label request, with the input it is about and what the champion would answer (hidden for audits)."""

    id: str
    example: str
    input: Json
    reason: str
    probability: float
    price: float
    turn: int
    proposal: Json = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class _Serving:
    model: Model
    fitted: Estimator


def open_wheel(folder: str | Path, state: str | Path | None = None) -> Flywheel:
    """Open the wheel that `folder`/wheel.py declares.

    Args:
        state: folder of its state; `folder`/.whorl if not given.

    Raises:
        NotFound: there is no wheel.py.
        DeclarationError: it does not declare a `wheel`, or declares one that cannot work.
    """
    folder = Path(folder)
    return Flywheel(declared_in(folder), folder / ".whorl" if state is None else Path(state))


def declared_in(folder: Path) -> Wheel:
    """The `wheel` that `folder`/wheel.py declares."""
    wheel = getattr(module_of(folder), "wheel", None)
    if not isinstance(wheel, Wheel):
        raise DeclarationError(
            f"{folder / 'wheel.py'}: wheel",
            found=wheel,
            needed="a Wheel",
            mend="End the file with `wheel = Wheel(name=..., ...)`.",
        )
    return wheel


def module_of(folder: Path) -> ModuleType:
    """`folder`/wheel.py, run."""
    path = folder / "wheel.py"
    if not path.is_file():
        raise NotFound(
            f"There is no wheel.py in {folder}. Write one with `whorl init`, or name the folder that has it."
        )
    spec = importlib.util.spec_from_file_location(f"whorl_wheel_{digest(str(path.resolve()))[:8]}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    try:
        spec.loader.exec_module(module)
    except DeclarationError as error:
        error.add_note(f"in {path}")
        raise
    except Exception as error:
        raise DeclarationError(
            str(path), found=f"failing with {type(error).__name__}: {error}", needed="plain Python that runs"
        ) from error
    return module


def now() -> int:
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


class Flywheel:
    """Decide, take outcomes and labels, turn, roll back. Any number of threads and processes may share one wheel.

    Args:
        wheel: what is declared.
        state: folder of its state; made when it is not there.
        clock: microseconds since 1970-01-01 UTC; read once per call.
        fresh_id: the time -> an id for what comes without one.
        journal, blobs: other stores than those in `state`.
    """

    def __init__(
        self,
        wheel: Wheel,
        state: Path,
        clock: Callable[[], int] = now,
        fresh_id: Callable[[int], str] = new_id,
        journal: Journal | None = None,
        blobs: Blobs | None = None,
    ) -> None:
        self.wheel, self.state, self.clock, self.fresh_id = wheel, state, clock, fresh_id
        if journal is None or blobs is None:
            state.mkdir(parents=True, exist_ok=True)
        self.journal = journal if journal is not None else SqliteJournal(state / "journal.db")
        self.blobs = blobs if blobs is not None else FolderBlobs(state / "blobs")
        self._serving: _Serving | None = None
        self._stale = True
        self._swap = threading.Lock()
        self._load_champion()

    # -- observe

    def decide(
        self, value: Any, *, customer: str = "", subject: str = "", at: int | None = None, id: str | None = None
    ) -> Answer:
        """Answer `value` with the champion, and capture example and decision before returning.

        Args:
            id: of the decision, if the caller has one; deciding the same id again returns the first answer.
            at: when it was asked, in microseconds since 1970-01-01 UTC; now if not given.

        Raises:
            BadInput: `value` does not fit; nothing of it was kept.
            NotReady: there is no champion yet; the example was kept, so that it can be labelled.
            PartError: the champion failed on it; nothing of it was kept.
        """
        return self.decide_all([value], customers=[customer], subjects=[subject], at=at, ids=[id])[0]

    def decide_all(
        self,
        values: Sequence[Any],
        *,
        customers: Sequence[str] | None = None,
        subjects: Sequence[str] | None = None,
        at: int | None = None,
        ids: Sequence[str | None] | None = None,
    ) -> list[Answer]:
        """`decide` for several values in one go: all are answered by one model and captured together, or none is."""
        started = time.perf_counter_ns()
        named = [_text("decision id", id) for id in ids or [] if id]
        if len(set(named)) < len(named) or (ids is not None and len(ids) != len(values)):
            raise BadInput(f"There are {len(values)} inputs; ids must be as many, each another one or None.")
        known = [self.journal.find(Decision, id) if id else None for id in ids or []]
        if known and all(known):
            return [_answer(decision) for decision in known if decision]
        examples, payloads = self._examples(values, customers, subjects, at)
        serving = self.champion()
        if serving is None:
            self._keep(examples, payloads)
            raise NotReady(
                "There is no champion yet. The input was kept; label some (`whorl label`, POST /v1/labels) and turn the wheel."
            )
        X = self.wheel.inputs.matrix(payloads)
        try:
            outputs = self.wheel.task.outputs(serving.fitted, X)
        except Exception as error:  # whatever it is made of may raise whatever it likes
            raise PartError(
                f"The champion {serving.model.version} ({serving.model.recipe}) cannot answer: "
                f"{str(error).partition(chr(10))[0]} "
                "Nothing was kept. Declare the inputs more narrowly, or a candidate that can take them."
            ) from error
        answers, sure = self.wheel.task.answers(outputs), self.wheel.task.confidence(outputs)
        micros = (time.perf_counter_ns() - started) // 1000
        decisions = [
            Decision(
                id=(ids[place] if ids else None) or self.fresh_id(example.event_time),
                event_time=example.event_time,
                known_time=example.known_time,
                example=example.id,
                model=serving.model.version,
                output=answers[place],
                confidence=float(sure[place]),
                customer=example.customer,
                latency_us=micros,
            )
            for place, example in enumerate(examples)
        ]
        known = known or [None] * len(examples)
        new = [place for place, before in enumerate(known) if not before]
        self._keep([examples[place] for place in new], [payloads[place] for place in new], [decisions[p] for p in new])
        return [_answer(before or made) for before, made in zip(known, decisions, strict=True)]

    def observe(
        self,
        values: Sequence[Any],
        *,
        customers: Sequence[str] | None = None,
        subjects: Sequence[str] | None = None,
        at: int | None = None,
        source: str = "production",
    ) -> list[str]:
        """Keep inputs that somebody else decides about, or nobody yet; returns the ids of their examples."""
        examples, payloads = self._examples(values, customers, subjects, at, source)
        self._keep(examples, payloads)
        return [example.id for example in examples]

    def outcome(
        self,
        decision: str,
        value: Any,
        *,
        at: int | None = None,
        id: str | None = None,
        kind: str = "truth",
        supersedes: str | None = None,
    ) -> str:
        """Take the outcome of a decision: any time, in any order, before the decision itself, any number of times.

        Returns:
            Its id. The same id twice is one outcome; a new one for the same decision is a correction.

        Raises:
            BadOutcome: `value` does not fit the task; nothing of it was kept.
        """
        moment = self.clock()
        record = Outcome(
            id=_text("outcome id", id or self.fresh_id(moment)),
            event_time=moment if at is None else at,
            known_time=moment,
            decision=_text("decision", decision),
            kind=_text("kind", kind),
            value=self.wheel.task.check(value),
            supersedes=_text("supersedes", supersedes) if supersedes else None,
        )
        self.journal.append(record)
        return record.id

    # -- label

    def questions(self, limit: int = 100) -> list[Question]:
        """Open label requests, oldest first, with what the champion would answer (not for audits: it would bias them)."""
        requests = label.open_requests(self.journal.read(LabelRequest), self.journal.read(Label))[:limit]
        serving = self.champion()
        found = []
        for request in requests:
            example = self.journal.find(Example, request.example)
            if example is None:
                continue
            packed = observe.payload(example, self.blobs)
            proposal, sure = None, None
            if serving is not None and request.reason != "audit":
                able, outputs = answered(self.wheel.task, serving.fitted, self.wheel.inputs.matrix([packed]))
                if len(able):
                    proposal, sure = self.wheel.task.answers(outputs)[0], float(self.wheel.task.confidence(outputs)[0])
            found.append(
                Question(
                    request.id,
                    request.example,
                    self.wheel.inputs.unpack(packed),
                    request.reason,
                    request.probability,
                    request.price,
                    request.turn,
                    proposal,
                    sure,
                )
            )
        return found

    def label(
        self,
        example: str,
        value: Any,
        *,
        annotator: str = "person",
        seconds: float = 0.0,
        at: int | None = None,
        id: str | None = None,
    ) -> str:
        """Take a label for an example, asked for or not. The latest one counts; a correction is another label.

        Raises:
            BadOutcome: `value` does not fit the task.
            NotFound: there is no such example.
        """
        if self.journal.find(Example, example) is None:
            raise NotFound(f"There is no example {example[:MAX_TEXT]!r}; a label needs the id of one.")
        moment = self.clock()
        mine = [request for request in self.journal.read(LabelRequest) if request.example == example]
        record = Label(
            id=_text("label id", id or self.fresh_id(moment)),
            event_time=moment if at is None else at,
            known_time=moment,
            example=example,
            value=self.wheel.task.check(value),
            annotator=_text("annotator", annotator),
            request=mine[-1].id if mine else None,
            seconds=float(seconds),
            cost=mine[-1].price if mine else 0.0,
        )
        self.journal.append(record)
        return record.id

    # -- turn and serve

    def turn(self, at: int | None = None, say: Callable[[str], None] = lambda stage: None) -> Turn:
        """One revolution, or the rest of one that was interrupted.

        Raises:
            Busy: another turn of this wheel is running.
        """
        self.state.mkdir(parents=True, exist_ok=True)  # with stores from elsewhere it may not be there
        with only_one(self.state / "turn.lock"):
            closed = turn(self.wheel, self.journal, self.blobs, self.clock() if at is None else at, say)
        self._load_champion()  # one's own commits do not count as a change
        return closed

    def champion(self) -> _Serving | None:
        """The serving model; looks for a newer promotion first, which costs a few microseconds when there is none."""
        if self.journal.changed():
            self._stale = True
        if self._stale:
            self._load_champion()
        return self._serving

    def roll_back(self, by: str, reason: str = "") -> Promotion:
        """Serve the model that served before the champion. A person decides; the record says who and why.

        Raises:
            NotFound: no other model has served before.
        """
        promotions = self.journal.read(Promotion)
        # A model that was itself rolled back from is not what anybody wants to go back to.
        left = {before.model for before, after in pairwise(promotions) if after.reason == "rollback"}
        earlier = [p for p in promotions if p.model != promotions[-1].model and p.model not in left]
        if not earlier:
            raise NotFound("No earlier champion has served on this wheel, so there is nothing to roll back to.")
        moment = self.clock()
        record = Promotion(
            id=self.fresh_id(moment),
            event_time=moment,
            known_time=moment,
            model=earlier[-1].model,
            by=_text("by", by),
            reason="rollback",
            turn=promotions[-1].turn,
            note=reason,
        )
        self.journal.append(record)
        self._load_champion()
        return record

    def status(self) -> Json:
        """Where the wheel stands, as plain JSON."""
        turns = self.journal.read(Turn)
        closed = [turn for turn in turns if turn.phase == "closed"]
        promotions = self.journal.read(Promotion)
        serving = self.champion()
        unanswered = label.open_requests(self.journal.read(LabelRequest), self.journal.read(Label))
        return {
            "wheel": self.wheel.name,
            "state": str(self.state),
            "champion": {
                "version": serving.model.version,
                "recipe": serving.model.recipe,
                "since_turn": promotions[-1].turn,
                "by": promotions[-1].by,
                "labels": len(learn.examples_in(self.blobs.get(serving.model.dataset))),
            }
            if serving
            else None,
            "counts": {kind.__name__: self.journal.count(kind) for kind in (Example, Decision, Outcome, Label, Model)},
            "open_requests": len(unanswered),
            "turns": len(closed),
            "interrupted": bool(turns) and turns[-1].phase == "opened",
            "last_turn": closed[-1].account if closed else None,
            "plan": closed[-1].plan["because"] if closed else [],
            "owners": dict(self.wheel.owners),
        }

    def close(self) -> None:
        """Let go of the files. Nothing is lost by not calling it."""
        self.journal.close()

    def __enter__(self) -> Flywheel:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _load_champion(self) -> None:
        with self._swap:
            newest = self.journal.newest(Promotion)
            if newest is not None and (self._serving is None or self._serving.model.version != newest.model):
                model = next(model for model in self.journal.read(Model) if model.version == newest.model)
                fitted = learn.load(self.blobs.get(model.artefact), self.wheel.trusted)
                # One assignment: a request sees the old model and its version or the new ones, never a mixture.
                self._serving = _Serving(model, fitted)
            self._stale = False  # only now: a load that failed is tried again

    def _examples(
        self,
        values: Sequence[Any],
        customers: Sequence[str] | None,
        subjects: Sequence[str] | None,
        at: int | None,
        source: str = "production",
    ) -> tuple[list[Example], list[bytes]]:
        """Checked, and not kept yet; with each the packed input."""
        for name, given in (("customers", customers), ("subjects", subjects)):
            if given is not None and len(given) != len(values):
                raise BadInput(f"There are {len(values)} inputs and {len(given)} {name}; each input needs one.")
        if at is not None and type(at) is not int:
            raise BadInput(f"The time is {str(at)[:80]!r}; it must be whole microseconds since 1970 (an int).")
        payloads = [self.wheel.inputs.pack(value) for value in values]
        moment = self.clock()
        examples = []
        for place, packed in enumerate(payloads):
            content, small = digest(packed), len(packed) <= INLINE
            examples.append(
                Example(
                    id=self.fresh_id(moment),
                    event_time=moment if at is None else at,
                    known_time=moment,
                    content=content,
                    payload=packed if small else None,
                    blob=None if small else content,
                    customer=_text("customer", customers[place] if customers else ""),
                    subject=_text("subject", subjects[place] if subjects else ""),
                    source=_text("source", source),
                    rights=self.wheel.rights.name,
                )
            )
        return examples, payloads

    def _keep(self, examples: Sequence[Example], payloads: Sequence[bytes], decisions: Sequence[Decision] = ()) -> None:
        """Append what is complete and checked; large inputs first become blobs, which are named by their content."""
        for example, packed in zip(examples, payloads, strict=True):
            if example.blob:
                self.blobs.put(packed)
        pairs = zip(examples, decisions, strict=True) if decisions else ((example,) for example in examples)
        self.journal.append(*(record for pair in pairs for record in pair))


def _answer(decision: Decision) -> Answer:
    return Answer(decision.id, decision.output, decision.confidence, decision.model, decision.arm)


def _text(name: str, value: object) -> str:
    if isinstance(value, str) and value != value.encode("utf-8", "replace").decode("utf-8"):
        raise BadInput(f"The {name} is {value[:MAX_TEXT]!r}; it must be text that UTF-8 can hold.")
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        shown = f"{len(value)} characters long" if isinstance(value, str) else f"a {type(value).__name__}"
        raise BadInput(f"The {name} is {shown}; it must be text of at most {MAX_TEXT} characters.")
    return value
