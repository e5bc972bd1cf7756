"""Run a wheel over recorded data beside a control arm that labels at random, each in a process of its own."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from whorl.engines import LocalEngine
from whorl.errors import DeclarationError, WhorlError
from whorl.flywheel import declared_in, module_of
from whorl.label import at_random
from whorl.pages import Arm, Story
from whorl.replay.recording import Recording, read_recording
from whorl.replay.run import replay

CONTROL_BEYOND = 40
"""Turns that the control may go on for, to find out how many labels it needs for what the wheel reached."""


@dataclass(frozen=True)
class Job:
    """What to replay. Plain, so that it can be handed to another process."""

    folder: Path
    data: Path | None = None
    truth: str = "truth"
    customer: str = "customer"
    turns: int = 12
    start: int = 20
    wrong: float = 0.0
    seed: int = 0


def compare(
    job: Job, control: bool = True, say: Callable[[str, int, str], None] = lambda arm, turn, stage: None
) -> Story:
    """The story of a replay.

    Args:
        control: whether to run the control arm: same stream, seeds, candidates, budget; labels drawn at random.
        say: called with arm, turn and stage as each begins.

    Returns:
        The first arm is the wheel, the second the control. The wheel's state stays in `folder`/.whorl/replay/wheel.
    """
    recording_of(job)  # a wrong declaration or wrong data fails here, before processes are started
    context = get_context("spawn")
    names = ("wheel", "control") if control else ("wheel",)
    ends: dict[Any, str] = {}
    workers = {}
    for name in names:
        ours, theirs = context.Pipe()
        workers[name] = context.Process(target=_work, args=(job, name, control, theirs), daemon=True)
        workers[name].start()
        theirs.close()
        ends[ours] = name
    arms: dict[str, Arm] = {}
    try:
        while len(arms) < len(names):
            for end in wait([end for end, name in ends.items() if name not in arms]):
                assert isinstance(end, Connection)
                _hear(end, ends, arms, say)
    finally:
        for worker in workers.values():
            worker.terminate()
            worker.join()
    return _story(job, arms)


def recording_of(job: Job) -> Recording:
    """The recorded data: a file, or what `recorded(seed)` of the wheel.py makes."""
    wheel, recorded = declared_in(job.folder), getattr(module_of(job.folder), "recorded", None)
    if job.data is not None:
        return read_recording(job.data, wheel, job.truth, job.customer)
    if recorded is None:
        raise DeclarationError(
            str(job.folder / "wheel.py"),
            found="without recorded data",
            needed="followed by a data file, or define a function recorded(seed)",
            mend="For example `whorl replay . data.csv --truth label`.",
        )
    made = recorded(job.seed)
    if not isinstance(made, Recording):
        raise DeclarationError(
            "recorded(seed)", found=type(made).__name__, needed="a function that returns a Recording"
        )
    return made


def state_of(folder: Path, arm: str) -> Path:
    """Where an arm of the last replay has left its state."""
    return folder / ".whorl" / "replay" / arm


def labels_to_reach(curve: tuple[tuple[int, float], ...], level: float) -> int | None:
    """Labels at which a curve (labels, utility) first reaches `level`; None if it never does.

    >>> labels_to_reach(((20, 0.5), (40, 0.8), (60, 0.7)), 0.75)
    40
    """
    return next((labels for labels, utility in curve if utility >= level), None)


def _hear(end: Connection, ends: Mapping[Any, str], arms: dict[str, Arm], say: Callable[[str, int, str], None]) -> None:
    name = ends[end]
    try:
        kind, *told = end.recv()
    except EOFError:
        raise WhorlError(f"The process of the {name} arm ended before its replay did.") from None
    if kind == "failed":
        raise WhorlError(told[0])
    if kind == "at":
        say(name, told[0], told[1])
        return
    arms[name] = told[0]
    if name == "wheel":
        for other, whose in ends.items():
            if whose == "control":
                other.send(told[0].rows[-1].balanced)


def _work(job: Job, name: str, control: bool, end: Connection) -> None:
    from whorl.story import tell_arm

    try:
        state = state_of(job.folder, name)
        shutil.rmtree(state, ignore_errors=True)
        wheel = declared_in(job.folder)
        if control and isinstance(wheel.engine, LocalEngine):
            wheel = replace(wheel, engine=LocalEngine(workers=1))  # the other arm has the other core
        replayed = replay(
            wheel,
            recording_of(job),
            state,
            turns=job.turns,
            start=job.start,
            wrong=job.wrong,
            seed=job.seed,
            strategy=at_random if name == "control" else None,
            until=end.recv if name == "control" else None,
            most_beyond=CONTROL_BEYOND,
            say=lambda turn, stage: end.send(("at", turn, stage)),
        )
        end.send(("done", tell_arm(replayed, name)))
    except Exception as error:
        end.send(("failed", str(error) if isinstance(error, WhorlError) else traceback.format_exc()))


def _story(job: Job, arms: Mapping[str, Arm]) -> Story:
    wheel = declared_in(job.folder)
    metric = "accuracy" if hasattr(wheel.task, "classes") else "utility"
    ours = arms["wheel"]
    level = ours.rows[-1].balanced or 0.0
    reached = labels_to_reach(ours.curve, level)
    headline = f"The wheel reached {level:.1%} balanced {metric} with {reached} labels."
    if "control" in arms:
        curve = arms["control"].curve
        needed = labels_to_reach(curve, level)
        if needed is None:
            best, most = max(utility for _, utility in curve), curve[-1][0]
            headline += f" Labels drawn at random had not reached it after {most}; their best was {best:.1%}."
        else:
            headline += f" Labels drawn at random needed {needed} ({needed / (reached or 1):.1f} times as many)."
    return Story(
        title=f"{wheel.name}: replay",
        wheel=wheel.name,
        arms=tuple(arms[name] for name in ("wheel", "control") if name in arms),
        headline=headline,
        notes=(
            f"Seed {job.seed}; {job.start} labels to start with, {wheel.labels.per_turn} a turn; the simulated annotator is "
            f"wrong {job.wrong:.0%} of the time. Both arms see the same stream with the same candidates and budget.",
            "Measured per customer: decisions of the turn against the recorded truth. Balanced: mean over classes on "
            "sealed examples that never arrive. The wheel itself knows neither.",
        ),
        metric=metric,
        made=f"seed {job.seed}",
    )
