"""The Open Inference Protocol, version 2, over REST: health, metadata and inference, as KServe and Triton clients speak it.

Covered: all addresses, nested and flat data, any numeric datatype whose values fit. Not covered: binary tensors, gRPC.
Ref: https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from whorl.errors import BadInput, NotFound, NotReady
from whorl.flywheel import Answer, Flywheel
from whorl.protocols import Tensor
from whorl.records import Json
from whorl.server.ask import asked
from whorl.server.body import read_json
from whorl.server.replies import reply
from whorl.server.tensors import described, from_request, shown
from whorl.server.together import Together

PLATFORM = "sklearn_skops"

CONFIDENCE = Tensor("confidence", "FP64")
DECISION_ID = Tensor("decision_id", "BYTES")
"""Beside the answer: how sure the model is, and what an outcome refers to."""


async def live(request: Request) -> Response:
    """The process answers."""
    return reply({"live": True})


async def ready(flywheel: Flywheel, request: Request) -> Response:
    """There is a champion, so that decisions can be made."""
    if await _champion(flywheel) is None:
        raise NotReady("There is no champion yet. Label some inputs and turn the wheel.")
    return reply({"ready": True})


async def server(request: Request) -> Response:
    """Metadata of the server."""
    return reply({"name": "whorl", "version": _own_version(), "extensions": []})


async def model(flywheel: Flywheel, request: Request) -> Response:
    """Metadata of the model. `versions` are those that can be asked for: the champion, once there is one."""
    champion = await _champion(flywheel)
    _check_path(flywheel, request, champion)
    return reply(
        {
            "name": flywheel.wheel.name,
            "versions": [champion] if champion else [],
            "platform": PLATFORM,
            "inputs": described(flywheel.wheel.inputs.tensors),
            "outputs": described(_outputs(flywheel)),
        }
    )


async def model_ready(flywheel: Flywheel, request: Request) -> Response:
    """The model of that name, and of that version where one is named, answers."""
    champion = await _champion(flywheel)
    _check_path(flywheel, request, champion)
    return await ready(flywheel, request)


async def infer(flywheel: Flywheel, together: Together, limit: int, request: Request) -> Response:
    """Decide for a batch; every row is a decision of its own, captured before the response."""
    champion = await _champion(flywheel) if "version" in request.path_params else None
    _check_path(flywheel, request, champion)
    body = await read_json(request, limit)
    if not isinstance(body, dict):
        raise BadInput(f"The body is {shown(body)}; it must be an object with inputs.")
    id = body.get("id")
    if id is not None and not isinstance(id, str):
        raise BadInput(f"The id is {shown(id)}; it must be text.")
    wanted = _wanted(flywheel, body.get("outputs"))
    ask = asked(from_request(flywheel.wheel.inputs, body.get("inputs")), body.get("parameters"))
    answers = await together.decide(ask)
    answered_by = answers[0].model
    _check_path(flywheel, request, answered_by)  # the champion may have changed meanwhile
    return reply(
        {
            "model_name": flywheel.wheel.name,
            "model_version": answered_by,
            **({"id": id} if id is not None else {}),
            "outputs": [_output(tensor, answers) for tensor in wanted],
        }
    )


async def _champion(flywheel: Flywheel) -> str | None:
    """Version of the champion. In a thread: to look may mean to load a new one, or to wait for the journal."""
    champion = await run_in_threadpool(flywheel.champion)
    return champion.model.version if champion else None


def _check_path(flywheel: Flywheel, request: Request, champion: str | None) -> None:
    name, wanted = request.path_params["name"], request.path_params.get("version")
    if name != flywheel.wheel.name:
        raise NotFound(f"There is no model {shown(name)}; this server has {flywheel.wheel.name!r}.")
    if wanted is not None and wanted != champion:
        serving = f"{champion!r} serves" if champion else "none serves yet"
        raise NotFound(f"Version {shown(wanted)} of {flywheel.wheel.name!r} does not serve; {serving}.")


def _outputs(flywheel: Flywheel) -> tuple[Tensor, ...]:
    return (flywheel.wheel.task.tensor, CONFIDENCE, DECISION_ID)


def _wanted(flywheel: Flywheel, asked_for: Json) -> Sequence[Tensor]:
    """The tensors to answer with: all, or those that the request lists, in its order."""
    known = {tensor.name: tensor for tensor in _outputs(flywheel)}
    if asked_for is None or asked_for == []:
        return list(known.values())
    if not isinstance(asked_for, list) or not all(isinstance(output, dict) for output in asked_for):
        raise BadInput("outputs must be a list of objects, each with the name of an output.")
    names = [output.get("name") for output in asked_for]
    unknown = [name for name in names if not isinstance(name, str) or name not in known]
    if unknown:
        raise BadInput(f"outputs names {shown(unknown[0])}; the wheel gives {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(names)]


def _output(tensor: Tensor, answers: Sequence[Answer]) -> Json:
    data: list[Json]
    if tensor is CONFIDENCE:
        data = [answer.confidence for answer in answers]
    elif tensor is DECISION_ID:
        data = [answer.id for answer in answers]
    else:
        data = [answer.output for answer in answers]
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": [len(data), *tensor.shape], "data": data}


@cache
def _own_version() -> str:
    try:
        return version("whorl")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
