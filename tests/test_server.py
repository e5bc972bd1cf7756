"""What the server promises: right answers, all of them captured, and a clear no to everything else."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sqlite3
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from whorl import (
    Category,
    Classification,
    Flywheel,
    Image,
    Labels,
    Number,
    Regression,
    Table,
    Wheel,
    WhorlError,
    own_data,
)
from whorl.errors import BadInput, NotReady
from whorl.records import Decision, Example, Label, LabelRequest, Outcome, Record
from whorl.server import create_app, serve
from whorl.server.ask import Ask
from whorl.server.metrics import sample
from whorl.server.strangers import stranger
from whorl.server.together import Together

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette 1.0 would rather have httpx2, earlier ones know httpx only
    from starlette.testclient import TestClient

DIGITS = load_digits()
IMAGES = DIGITS.images.astype(int).tolist()
TRUTHS = DIGITS.target.tolist()
INFER = "/v2/models/digits/infer"


def digits_wheel(**changes: Any) -> Wheel:
    settings = {
        "name": "digits",
        "task": Classification(range(10)),
        "inputs": Image(8, 8, high=16),
        "rights": own_data(),
        "candidates": {"logistic": lambda seed: LogisticRegression(max_iter=200)},
        "labels": Labels(per_turn=10),
    }
    return Wheel(**{**settings, **changes})


def turned(flywheel: Flywheel, values: list[Any], truths: list[Any]) -> Flywheel:
    for example, truth in zip(flywheel.observe(values), truths, strict=False):
        flywheel.label(example, truth)
    flywheel.turn()
    return flywheel


@pytest.fixture(scope="module")
def flywheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flywheel]:
    with Flywheel(digits_wheel(), tmp_path_factory.mktemp("digits") / ".whorl") as opened:
        yield turned(opened, IMAGES[:140], TRUTHS[:120])


@pytest.fixture(scope="module")
def client(flywheel: Flywheel) -> Iterator[TestClient]:
    with TestClient(create_app(flywheel, limit=200_000)) as opened:
        yield opened


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flywheel]:
    data = load_iris()
    names = ["setosa", "versicolor", "virginica"]
    wheel = digits_wheel(
        name="iris",
        task=Classification(names),
        inputs=Table(
            length=Number(low=0),
            width=Number(low=0, required=False),
            garden=Category(("north", "south"), required=False),
        ),
        candidates={"logistic": lambda seed: make_pipeline(SimpleImputer(), LogisticRegression())},
    )
    rows = [{"length": length, "width": width, "garden": "north"} for length, width in data.data[::2, 2:].tolist()]
    with Flywheel(wheel, tmp_path_factory.mktemp("iris") / ".whorl") as opened:
        yield turned(opened, rows, [names[row] for row in data.target[::2]])


@pytest.fixture(scope="module")
def iris_client(iris: Flywheel) -> Iterator[TestClient]:
    with TestClient(create_app(iris)) as opened:
        yield opened


@pytest.fixture
def unready(tmp_path: Path) -> Iterator[Flywheel]:
    with Flywheel(digits_wheel(), tmp_path / ".whorl") as opened:
        yield opened


def image_tensor(*images: Any, datatype: str = "UINT8", shape: Any = None, name: str = "image", **more: Any) -> Any:
    return {"name": name, "shape": shape or [len(images), 8, 8], "datatype": datatype, "data": list(images), **more}


def asking(*images: Any, **more: Any) -> Any:
    return {"inputs": [image_tensor(*images)], **more}


def outputs(response: Any) -> dict[str, list[Any]]:
    assert response.status_code == 200, response.text
    return {output["name"]: output["data"] for output in response.json()["outputs"]}


def champion(flywheel: Flywheel) -> str:
    serving = flywheel.champion()
    assert serving is not None
    return serving.model.version


@dataclass
class Kept:
    """How many records of each kind there are; equal before and after where nothing may be kept."""

    flywheel: Flywheel

    def __call__(self) -> list[int]:
        kinds: list[type[Record]] = [Example, Decision, Outcome, Label]
        return [self.flywheel.journal.count(kind) for kind in kinds]


# -- the inference protocol


def test_health_and_metadata_say_what_the_wheel_declares(flywheel: Flywheel, client: TestClient) -> None:
    version = champion(flywheel)
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    server = client.get("/v2").json()
    assert (server["name"], server["extensions"]) == ("whorl", [])
    for path in ("/v2/models/digits", f"/v2/models/digits/versions/{version}"):
        assert client.get(path).json() == {
            "name": "digits",
            "versions": [version],
            "platform": "sklearn_skops",
            "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 8, 8]}],
            "outputs": [
                {"name": "output", "datatype": "INT64", "shape": [-1]},
                {"name": "confidence", "datatype": "FP64", "shape": [-1]},
                {"name": "decision_id", "datatype": "BYTES", "shape": [-1]},
            ],
        }
        assert client.get(f"{path}/ready").status_code == 200


def test_a_batch_is_answered_as_one_by_one_and_captured(flywheel: Flywheel, client: TestClient) -> None:
    before = flywheel.journal.last()
    response = client.post(INFER, json=asking(*IMAGES[150:158], id="request 7"))
    body, found = response.json(), outputs(response)
    assert (body["model_name"], body["model_version"], body["id"]) == ("digits", champion(flywheel), "request 7")
    assert [output["shape"] for output in body["outputs"]] == [[8], [8], [8]]
    assert [output["datatype"] for output in body["outputs"]] == ["INT64", "FP64", "BYTES"]
    decisions = flywheel.journal.read(Decision, after=before)
    assert [decision.id for decision in decisions] == found["decision_id"]
    assert [decision.output for decision in decisions] == found["output"]
    assert [decision.confidence for decision in decisions] == found["confidence"]
    alone = [flywheel.decide(image).output for image in IMAGES[150:158]]
    assert found["output"] == alone


@pytest.mark.parametrize(
    "tensor",
    [
        image_tensor(IMAGES[200]),
        image_tensor(*np.ravel(IMAGES[200]).tolist(), shape=[1, 8, 8]),
        image_tensor(IMAGES[200], datatype="FP32"),
        image_tensor(np.asarray(IMAGES[200], dtype=float).tolist(), datatype="INT64"),
        image_tensor(IMAGES[200], parameters={"content_type": "np"}),
    ],
    ids=["nested", "flat", "reals", "whole reals", "parameters"],
)
def test_data_may_be_nested_or_flat_and_of_any_numeric_datatype(
    flywheel: Flywheel, client: TestClient, tensor: Any
) -> None:
    assert outputs(client.post(INFER, json={"inputs": [tensor]}))["output"] == [flywheel.decide(IMAGES[200]).output]


def test_only_the_requested_outputs_come_in_their_order(client: TestClient) -> None:
    wanted = [{"name": "decision_id"}, {"name": "output"}]
    response = client.post(INFER, json=asking(IMAGES[0], outputs=wanted))
    assert list(outputs(response)) == ["decision_id", "output"]
    assert len(outputs(client.post(INFER, json=asking(IMAGES[0], outputs=[])))) == 3


def test_parameters_say_for_whom(flywheel: Flywheel, client: TestClient) -> None:
    before = flywheel.journal.last()
    client.post(INFER, json=asking(IMAGES[0], IMAGES[1], parameters={"customer": "acme", "subjects": ["u1", "u2"]}))
    kept = flywheel.journal.read(Example, after=before)
    assert [(example.customer, example.subject) for example in kept] == [("acme", "u1"), ("acme", "u2")]


def test_the_same_decision_id_twice_is_one_decision(flywheel: Flywheel, client: TestClient) -> None:
    first = client.post(INFER, json=asking(IMAGES[3], parameters={"decision_id": "mine"}))
    kept = Kept(flywheel)
    before = kept()
    again = client.post(INFER, json=asking(IMAGES[4], parameters={"decision_id": "mine"}))
    assert outputs(again) == outputs(first)
    assert outputs(again)["decision_id"] == ["mine"]
    assert kept() == before


@pytest.mark.parametrize("version", ["", "/versions/{}"])
def test_a_version_answers_only_under_its_name(flywheel: Flywheel, client: TestClient, version: str) -> None:
    path = f"/v2/models/digits{version.format(champion(flywheel))}"
    assert client.post(f"{path}/infer", json=asking(IMAGES[0])).json()["model_version"] == champion(flywheel)
    kept = Kept(flywheel)
    before = kept()
    for wrong in ("/v2/models/digit", "/v2/models/digits/versions/v1"):
        for response in (
            client.get(wrong),
            client.get(f"{wrong}/ready"),
            client.post(f"{wrong}/infer", json=asking(IMAGES[0])),
        ):
            assert (response.status_code, list(response.json())) == (404, ["error"])
    assert kept() == before


def bent(**changes: Any) -> Any:
    return {"inputs": [{**image_tensor(IMAGES[0]), **changes}]}


FLAT = np.ravel(IMAGES[0]).tolist()
BAD_BODIES: dict[str, Any] = {
    "not an object": [1],
    "null": None,
    "no inputs": {},
    "empty inputs": {"inputs": []},
    "inputs of numbers": {"inputs": [1]},
    "id of a number": asking(IMAGES[0], id=7),
    "unknown tensor": bent(name="picture"),
    "name of a list": bent(name=["image"]),
    "the same tensor twice": {"inputs": [image_tensor(IMAGES[0]), image_tensor(IMAGES[0])]},
    "flat shape": bent(shape=[1, 64]),
    "row without batch": bent(shape=[8, 8]),
    "no shape": bent(shape=None),
    "empty shape": bent(shape=[]),
    "empty batch": bent(shape=[0, 8, 8], data=[]),
    "negative shape": bent(shape=[-1, 8, 8]),
    "shape of booleans": bent(shape=[True, 8, 8]),
    "shape of reals": bent(shape=[1.0, 8, 8]),
    "huge shape": bent(shape=[10**4000, 8, 8]),
    "shape of another batch": bent(shape=[2, 8, 8]),
    "one value short": bent(data=FLAT[1:]),
    "one value more": bent(data=[*FLAT, 1]),
    "ragged": bent(data=[[[1] * 8] * 7 + [[1] * 7]]),
    "nested too deeply": bent(data=[[[[1]] * 8] * 8]),
    "nested in objects": bent(data=[{}] * 64),
    "no data": {"inputs": [{"name": "image", "shape": [1, 8, 8], "datatype": "UINT8"}]},
    "data of text": bent(data="1" * 64),
    "data of null": bent(data=None),
    "nulls": bent(data=[None] * 64),
    "texts": bent(data=["1"] * 64),
    "booleans": bent(data=[True] * 64),
    "one boolean": bent(data=[*FLAT[1:], True]),
    "wrong datatype": bent(datatype="BYTES"),
    "unknown datatype": bent(datatype="FP128"),
    "datatype of a number": bent(datatype=8),
    "fractions": bent(data=[0.5] * 64, datatype="FP32"),
    "above the range": bent(data=[17] * 64),
    "below the range": bent(data=[-1] * 64, datatype="INT8"),
    "not what it says": bent(data=[300] * 64),
    "huge": bent(data=[10**400] * 64, datatype="FP64"),
    "beyond": bent(data=[2**64] * 64, datatype="UINT64"),
    "unknown output": asking(IMAGES[0], outputs=[{"name": "logits"}]),
    "outputs of text": asking(IMAGES[0], outputs=["output"]),
    "outputs false": asking(IMAGES[0], outputs=False),
    "parameters of a list": asking(IMAGES[0], parameters=[]),
    "customer of a number": asking(IMAGES[0], parameters={"customer": 1}),
    "long customer": asking(IMAGES[0], parameters={"customer": "x" * 201}),
    "customer twice": asking(IMAGES[0], parameters={"customer": "a", "customers": ["a"]}),
    "too many customers": asking(IMAGES[0], parameters={"customers": ["a", "b"]}),
    "subjects of numbers": asking(IMAGES[0], parameters={"subjects": [1]}),
    "decision id of a number": asking(IMAGES[0], parameters={"decision_id": 1}),
    "empty decision id": asking(IMAGES[0], parameters={"decision_id": ""}),
    "long decision id": asking(IMAGES[0], parameters={"decision_id": "x" * 201}),
    "decision id of a batch": asking(IMAGES[0], IMAGES[1], parameters={"decision_id": "a"}),
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_what_does_not_fit_is_refused_and_not_kept(flywheel: Flywheel, client: TestClient, body: Any) -> None:
    kept = Kept(flywheel)
    before = kept()
    response = client.post(INFER, json=body)
    assert (response.status_code, list(response.json())) == (400, ["error"]), response.text
    assert "Traceback" not in response.text
    assert kept() == before


BAD_TEXTS = {
    "empty": b"",
    "no JSON": b"{",
    "not UTF-8": b'{"id": "\xff"}',
    "UTF-16": '{"inputs": []}'.encode("utf-16"),
    "NaN": b'{"inputs": [NaN]}',
    "infinite": b'{"inputs": [-Infinity]}',
    "real that overflows": json.dumps(bent(datatype="FP64", data=["?"] * 64)).replace('"?"', "1e999").encode(),
    "many digits": b"[" + b"9" * 5000 + b"]",
    "deep lists": b"[" * 90_000 + b"]" * 90_000,
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "half a surrogate pair": json.dumps(asking(IMAGES[0], parameters={"customer": "\ud800"})).encode(),
}


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
@pytest.mark.parametrize("path", [INFER, "/invocations", "/v1/outcomes", "/v1/labels"])
def test_what_is_not_plain_json_is_refused(flywheel: Flywheel, client: TestClient, path: str, text: bytes) -> None:
    kept = Kept(flywheel)
    before = kept()
    response = client.post(path, content=text)
    assert response.status_code in (400, 422), response.text
    assert response.json()["error"]
    assert kept() == before


def test_every_depth_that_can_be_read_is_refused_politely(client: TestClient) -> None:
    # Around the depth at which Python gives up, reading may succeed and showing what was read may not.
    for depth in range(700, 1000, 7):
        value = "[" * depth + "]" * depth
        assert client.post(INFER, content=f'{{"inputs": [{{"name": {value}}}]}}').status_code == 400
        assert client.post("/v1/outcomes", content=f'{{"decision": "a", "value": {value}}}').status_code in (400, 422)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**400), max_value=10**400),
    st.floats(allow_nan=True),
    st.text(st.characters(), max_size=5),
    st.sampled_from(["image", "UINT8", "BYTES", "FP32", "output", "name", "a" * 300, "\x00", "\ud800"]),
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
SIZES = st.sampled_from([[1, 8, 8], [2, 8, 8], [1, 64], [8, 8], []]) | ANYTHING
TENSORS = st.fixed_dictionaries(
    {
        "name": st.just("image") | ANYTHING,
        "shape": SIZES,
        "datatype": st.sampled_from(["UINT8", "INT64", "FP16", "FP64", "BOOL"]) | ANYTHING,
        "data": st.lists(st.integers(0, 16), min_size=64, max_size=64) | st.lists(LEAVES, max_size=65) | ANYTHING,
    }
)
BODIES = st.one_of(
    ANYTHING,
    st.fixed_dictionaries(
        {"inputs": st.lists(TENSORS | ANYTHING, max_size=2) | ANYTHING},
        optional={
            "id": ANYTHING,
            "outputs": st.lists(st.fixed_dictionaries({"name": LEAVES})) | ANYTHING,
            "parameters": st.fixed_dictionaries(
                {}, optional={"customer": ANYTHING, "subjects": ANYTHING, "decision_id": LEAVES}
            )
            | ANYTHING,
        },
    ),
)


@given(body=BODIES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_inference_request_breaks_the_server(client: TestClient, body: Any) -> None:
    response = client.post(INFER, content=json.dumps(body))
    assert response.status_code in (200, 400), response.text
    assert response.status_code == 200 or list(response.json()) == ["error"]


@given(
    body=st.one_of(
        ANYTHING,
        st.fixed_dictionaries({"instances": ANYTHING}),
        st.fixed_dictionaries({"inputs": ANYTHING}),
        st.fixed_dictionaries({"dataframe_split": st.fixed_dictionaries({"columns": ANYTHING, "data": ANYTHING})}),
        st.lists(st.fixed_dictionaries({"decision": LEAVES, "value": ANYTHING}, optional={"at": LEAVES, "id": LEAVES})),
        st.lists(st.fixed_dictionaries({"example": LEAVES, "value": ANYTHING}, optional={"seconds": LEAVES})),
    ),
    path=st.sampled_from(["/invocations", "/v1/outcomes", "/v1/labels"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_other_request_breaks_the_server(client: TestClient, path: str, body: Any) -> None:
    assert client.post(path, content=json.dumps(body)).status_code in (200, 400, 422)


def test_before_there_is_a_champion_inputs_are_kept_and_answers_are_503(unready: Flywheel) -> None:
    client = TestClient(create_app(unready))
    assert client.get("/v2/health/live").status_code == 200
    metadata = client.get("/v2/models/digits")
    assert (metadata.status_code, metadata.json()["versions"]) == (200, [])
    for response in (
        client.get("/v2/health/ready"),
        client.get("/v2/models/digits/ready"),
        client.post(INFER, json=asking(IMAGES[0], IMAGES[1])),
        client.post("/invocations", json={"instances": [IMAGES[0]]}),
    ):
        assert (response.status_code, list(response.json())) == (503, ["error"])
    assert unready.journal.count(Example) == 3


def test_a_table_takes_a_tensor_for_each_column(iris: Flywheel, iris_client: TestClient) -> None:
    def column(name: str, datatype: str, data: list[Any], shape: list[int]) -> Any:
        return {"name": name, "datatype": datatype, "shape": shape, "data": data}

    def infer(*columns: Any) -> Any:
        return iris_client.post("/v2/models/iris/infer", json={"inputs": columns})

    length = column("length", "FP64", [1.4, 5.6], [2])
    width = column("width", "FP32", [[0.2], [2.1]], [2, 1])
    garden = column("garden", "BYTES", ["north", "south"], [2])
    assert outputs(infer(length, width, garden))["output"] == ["setosa", "virginica"]
    assert infer(length, width, garden).json()["outputs"][0]["datatype"] == "BYTES"
    rows = [{"length": 1.4, "width": 0.2, "garden": "north"}, {"length": 5.6, "width": 2.1, "garden": "south"}]
    assert [answer.output for answer in iris.decide_all(rows)] == ["setosa", "virginica"]
    # What a row may lack may be null, or left out for all rows.
    assert infer(length, {**width, "data": [None, 2.1], "shape": [2]}, garden).status_code == 200
    assert infer(length).status_code == 200
    kept = Kept(iris)
    before = kept()
    for refused in (
        infer(width, garden),
        infer({**length, "data": [None, 5.6]}, width),
        infer({**length, "data": [10**400, 5.6]}, width),
        infer(length, column("width", "FP32", [1e300, 1], [2])),
        infer(length, column("width", "FP64", [1], [1])),
        infer(length, column("garden", "BYTES", ["north", 1], [2])),
        infer(length, column("garden", "BYTES", ["north", "west"], [2])),
        infer(length, column("garden", "FP64", [1, 2], [2])),
        infer(length, column("colour", "BYTES", ["red", "red"], [2])),
    ):
        assert (refused.status_code, list(refused.json())) == (400, ["error"]), refused.text
    assert kept() == before


# -- outcomes


def outcomes_of(flywheel: Flywheel, decision: str) -> list[Outcome]:
    return [outcome for outcome in flywheel.journal.read(Outcome) if outcome.decision == decision]


def test_an_outcome_may_come_before_its_decision_twice_and_corrected(flywheel: Flywheel, client: TestClient) -> None:
    early = {"decision": "later", "value": 3, "id": "first", "at": 1_700_000_000_000_000}
    assert client.post("/v1/outcomes", json=early).json() == {"accepted": ["first"]}
    assert outputs(client.post(INFER, json=asking(IMAGES[3], parameters={"decision_id": "later"})))["output"]
    assert client.post("/v1/outcomes", json=early).json() == {"accepted": ["first"]}
    assert [outcome.id for outcome in outcomes_of(flywheel, "later")] == ["first"]
    corrected = {"decision": "later", "value": 4, "id": "second", "supersedes": "first", "kind": "audit"}
    assert client.post("/v1/outcomes", json=corrected).status_code == 200
    first, second = outcomes_of(flywheel, "later")
    assert (first.value, first.event_time, first.kind) == (3, 1_700_000_000_000_000, "truth")
    assert (second.value, second.supersedes, second.kind) == (4, "first", "audit")
    assert second.known_time >= first.known_time > first.event_time


def test_good_outcomes_are_taken_and_bad_ones_reported(flywheel: Flywheel, client: TestClient) -> None:
    good = {"decision": "mixed", "value": 1}
    bad: list[Any] = [
        {"decision": "mixed", "value": 10},
        {"decision": "mixed", "value": True},
        {"decision": "mixed", "value": None},
        {"decision": "mixed", "value": [[1]]},
        {"decision": "mixed", "value": 10**400},
        {"decision": "mixed"},
        {"value": 1},
        {"decision": "", "value": 1},
        {"decision": 7, "value": 1},
        {"decision": "x" * 201, "value": 1},
        {**good, "id": 3},
        {**good, "kind": []},
        {**good, "supersedes": 1},
        {**good, "at": "yesterday"},
        {**good, "at": "2026-11-21T10:00:00"},
        {**good, "at": 1.5},
        {**good, "at": True},
        {**good, "at": 2**63},
        {**good, "when": 1},
        "mixed",
        None,
    ]
    response = client.post("/v1/outcomes", json=[good, *bad, good])
    body = response.json()
    assert response.status_code == 422
    assert [refused["index"] for refused in body["refused"]] == list(range(1, len(bad) + 1))
    assert all(refused["error"] for refused in body["refused"])
    assert [outcome.id for outcome in outcomes_of(flywheel, "mixed")] == body["accepted"]
    assert len(body["accepted"]) == 2
    kept = Kept(flywheel)
    before = kept()
    assert client.post("/v1/outcomes", json=bad[0]).status_code == 422
    assert client.post("/v1/outcomes", json=7).status_code == 400
    assert client.post("/v1/outcomes", json=[]).json() == {"accepted": []}
    assert kept() == before


@pytest.mark.parametrize(
    ("at", "micros"),
    [
        (1_700_000_000_000_001, 1_700_000_000_000_001),
        (-1, -1),
        ("2023-11-14T22:13:20.000001Z", 1_700_000_000_000_001),
        ("2023-11-15T00:13:20.000001+02:00", 1_700_000_000_000_001),
        ("0001-01-01T00:00:00+14:00", -62_135_647_200_000_000),
        ("9999-12-31T23:59:59-14:00", 253_402_351_199_000_000),
    ],
)
def test_when_it_was_may_be_microseconds_or_text(flywheel: Flywheel, client: TestClient, at: Any, micros: int) -> None:
    (id,) = client.post("/v1/outcomes", json={"decision": "timed", "value": 1, "at": at}).json()["accepted"]
    kept = flywheel.journal.find(Outcome, id)
    assert kept is not None
    assert kept.event_time == micros


def test_an_outcome_out_of_range_is_refused(tmp_path: Path) -> None:
    wheel = digits_wheel(task=Regression(0, 100, tolerance=5), candidates={"ridge": lambda seed: Ridge()})
    with Flywheel(wheel, tmp_path / ".whorl") as opened:
        client = TestClient(create_app(opened))
        response = client.post(
            "/v1/outcomes", json=[{"decision": "d", "value": value} for value in (50, 101, 10**400, "5")]
        )
        assert [refused["index"] for refused in response.json()["refused"]] == [1, 2, 3]
        assert [outcome.value for outcome in opened.journal.read(Outcome)] == [50.0]


# -- labels


def test_requests_for_labels_are_listed_and_answered(flywheel: Flywheel, client: TestClient) -> None:
    asked = client.get("/v1/labels/requests").json()["requests"]
    assert [request["id"] for request in asked] == [request.id for request in flywheel.journal.read(LabelRequest)]
    one = asked[0]
    assert np.shape(one["input"]) == (8, 8)
    assert all(request["proposal"] is None for request in asked if request["reason"] == "audit")
    assert client.get("/v1/labels/requests?limit=2").json()["requests"] == asked[:2]
    answer = {"example": one["example"], "value": 5, "annotator": "ann", "seconds": 2.5, "id": "label 1"}
    assert client.post("/v1/labels", json=answer).json() == {"accepted": ["label 1"]}
    assert client.post("/v1/labels", json=answer).json() == {"accepted": ["label 1"]}
    kept = flywheel.journal.find(Label, "label 1")
    assert kept is not None
    assert (kept.value, kept.annotator, kept.seconds, kept.request) == (5, "ann", 2.5, one["id"])
    assert client.get("/v1/labels/requests").json()["requests"] == asked[1:]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many", "", "1.5", "٣", "9" * 5000])
def test_a_wrong_limit_is_refused(client: TestClient, limit: str) -> None:
    assert client.get("/v1/labels/requests", params={"limit": limit}).status_code == 400


def test_bad_labels_are_reported_and_not_kept(flywheel: Flywheel, client: TestClient) -> None:
    (example,) = flywheel.observe([IMAGES[0]])
    kept = Kept(flywheel)
    before = kept()
    good = {"example": example, "value": 5}
    bad: list[Any] = [
        {**good, "value": 11},
        {**good, "value": "5"},
        {**good, "example": "nobody"},
        {**good, "example": 5},
        {**good, "seconds": -1},
        {**good, "seconds": "1"},
        {**good, "seconds": 10**400},
        {**good, "annotator": 5},
        {"example": example},
        {**good, "notes": "seven?"},
    ]
    response = client.post("/v1/labels", json=bad)
    assert response.status_code == 422
    assert [refused["index"] for refused in response.json()["refused"]] == list(range(len(bad)))
    assert kept() == before


# -- /invocations


@pytest.mark.parametrize(
    "body",
    [
        {"instances": IMAGES[160:162]},
        {"instances": [np.ravel(image).tolist() for image in IMAGES[160:162]]},
        {"instances": [{"image": image} for image in IMAGES[160:162]]},
        {"inputs": IMAGES[160:162]},
        {"inputs": {"image": IMAGES[160:162]}, "params": {"customer": "acme"}},
    ],
)
def test_invocations_take_rows_and_columns_of_images(flywheel: Flywheel, client: TestClient, body: Any) -> None:
    before = flywheel.journal.last()
    found = client.post("/invocations", json=body).json()
    decisions = flywheel.journal.read(Decision, after=before)
    assert found["decision_ids"] == [decision.id for decision in decisions]
    assert found["predictions"] == [flywheel.decide(image).output for image in IMAGES[160:162]]
    assert {decision.customer for decision in decisions} == {body.get("params", {}).get("customer", "")}


ROWS = [{"length": 1.4, "width": 0.2, "garden": "north"}, {"length": 5.6, "width": 2.1}]


@pytest.mark.parametrize(
    "body",
    [
        {"instances": ROWS},
        {"inputs": ROWS},
        {"inputs": {"length": [1.4, 5.6], "width": [0.2, 2.1]}},
        {"dataframe_records": ROWS},
        {"dataframe_split": {"index": [0, 1], "columns": ["width", "length"], "data": [[0.2, 1.4], [2.1, 5.6]]}},
        {"dataframe_split": {"columns": ["length", "garden"], "data": [[1.4, None], [5.6, "south"]]}},
    ],
)
def test_invocations_take_rows_and_columns_of_tables(iris_client: TestClient, body: Any) -> None:
    assert iris_client.post("/invocations", json=body).json()["predictions"] == ["setosa", "virginica"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"instances": IMAGES[:1], "inputs": IMAGES[:1]},
        {"instances": []},
        {"instances": 7},
        {"instances": [7]},
        {"instances": [[]]},
        {"instances": IMAGES[0]},
        {"instances": [[True] * 64]},
        {"instances": [["1"] * 64]},
        {"instances": [[None] * 64]},
        {"instances": [[10**400] * 64]},
        {"instances": [FLAT, IMAGES[0]]},
        {"instances": [{"image": IMAGES[0]}, IMAGES[0]]},
        {"instances": [{"picture": IMAGES[0]}]},
        {"instances": [{}]},
        {"instances": IMAGES[:1], "params": 7},
        {"inputs": {}},
        {"inputs": {"image": 7}},
        {"inputs": {"image": IMAGES[:1], "more": [1]}},
        {"dataframe_split": []},
        {"dataframe_split": {"columns": ["image"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["image", "image"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["image"], "data": []}},
        {"dataframe_split": {"columns": [["image"]], "data": [[1]]}},
        {"dataframe_records": [1]},
    ],
)
def test_wrong_invocations_are_refused_and_not_kept(flywheel: Flywheel, client: TestClient, body: Any) -> None:
    kept = Kept(flywheel)
    before = kept()
    response = client.post("/invocations", json=body)
    assert (response.status_code, list(response.json())) == (400, ["error"]), response.text
    assert kept() == before


@pytest.mark.parametrize(
    "row", [{"width": 1}, {"length": True}, {"length": "1"}, {"length": 1, "hue": 1}, 7, [1, 2, "north"]]
)
def test_wrong_rows_are_refused(iris: Flywheel, iris_client: TestClient, row: Any) -> None:
    kept = Kept(iris)
    before = kept()
    assert iris_client.post("/invocations", json={"instances": [row]}).status_code == 400
    assert kept() == before


# -- metrics, status, pages

SAMPLE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*)\})? (\S+)$')


def test_metrics_count_what_the_journal_holds(flywheel: Flywheel, client: TestClient) -> None:
    client.post(INFER, json=asking(IMAGES[0]))
    client.post(INFER, json={})
    response = client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.text.endswith("\n")
    samples = {}
    for line in response.text.splitlines():
        if not line.startswith("#"):
            found = SAMPLE.match(line)
            assert found, line
            samples[found[1], found[2] or ""] = float(found[3])
    assert samples["whorl_decisions_total", ""] == flywheel.journal.count(Decision)
    assert samples["whorl_outcomes_total", ""] == flywheel.journal.count(Outcome)
    assert samples["whorl_labels_total", ""] == flywheel.journal.count(Label)
    assert samples["whorl_open_label_requests", ""] == len(flywheel.questions(1000))
    assert samples["whorl_last_turn", ""] == 1
    assert samples["whorl_champion_info", f'wheel="digits",version="{champion(flywheel)}",recipe="logistic"'] == 1
    assert samples["whorl_http_requests_total", 'handler="inference.infer",status="200"'] >= 1
    assert samples["whorl_http_requests_total", 'handler="inference.infer",status="400"'] >= 1
    buckets = [count for (name, labels), count in samples.items() if name.endswith("_bucket") and ".infer" in labels]
    assert buckets == sorted(buckets)
    assert buckets[-1] == samples["whorl_http_request_seconds_count", 'handler="inference.infer"']
    assert samples["whorl_http_request_seconds_sum", 'handler="inference.infer"'] > 0


def test_metrics_before_the_first_turn(unready: Flywheel) -> None:
    text = TestClient(create_app(unready)).get("/metrics").text
    assert "\nwhorl_last_turn 0\n" in text
    assert "whorl_champion_info{" not in text


@given(st.text())
def test_labels_of_metrics_are_escaped(text: str) -> None:
    line = sample("x", {"a": text}, 1)
    assert "\n" not in line
    quoted = re.fullmatch(r'x\{a="((?:[^"\\]|\\[\\"n])*)"\} 1', line)
    assert quoted
    assert re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], quoted[1]) == text


def test_status_is_that_of_the_wheel(flywheel: Flywheel, client: TestClient) -> None:
    assert client.get("/v1/status").json() == json.loads(json.dumps(flywheel.status()))


def test_the_dashboard_is_the_report(client: TestClient) -> None:
    pytest.importorskip("whorl.story")
    response = client.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.status_code == 200
    assert "digits" in response.text


# -- errors, limits, strangers


def test_unknown_addresses_and_methods_are_json_errors(client: TestClient) -> None:
    for path in ("/nowhere", "/v2/", "/v2/models", "/v2/models/a/b/infer", "/v1/outcomes/"):
        response = client.get(path)
        assert (response.status_code, list(response.json())) == (404, ["error"])
    for response in (client.get(INFER), client.delete("/v1/outcomes"), client.post("/metrics"), client.put("/")):
        assert (response.status_code, list(response.json())) == (405, ["error"])
        assert response.headers["allow"]


@pytest.mark.parametrize("path", [INFER, "/invocations", "/v1/outcomes", "/v1/labels"])
def test_a_body_over_the_limit_is_refused(flywheel: Flywheel, client: TestClient, path: str) -> None:
    kept = Kept(flywheel)
    before = kept()
    body = b"[" + b" " * 200_000 + b"]"

    def pieces() -> Iterator[bytes]:
        yield from (body[:100_000], body[100_000:])

    for response in (
        client.post(path, content=body),
        client.post(path, content=pieces()),
        client.post(path, content=b"[]", headers={"content-length": "9" * 30}),
    ):
        assert (response.status_code, list(response.json())) == (413, ["error"])
    assert kept() == before


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for response in (client.get("/v2"), client.get("/nowhere"), client.post(INFER, json={}), client.get("/metrics")):
        assert response.headers["x-content-type-options"] == "nosniff"
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'self'; style-src 'self' 'unsafe-inline';")
        assert "script" not in policy


class BrokenImage(Image):
    """A part of somebody's own, with a bug."""

    def pack(self, value: Any) -> bytes:
        raise ZeroDivisionError("secret")


def test_an_error_of_ours_is_logged_and_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Flywheel(digits_wheel(inputs=BrokenImage(8, 8)), tmp_path / ".whorl") as broken:
        response = TestClient(create_app(broken)).post(INFER, json=asking(IMAGES[0]))
    assert (response.status_code, response.json()) == (500, {"error": "internal error; see the log"})
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "ZeroDivisionError: secret" in caplog.text


def test_an_unreadable_journal_is_an_error_of_ours(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    closed = Flywheel(digits_wheel(), tmp_path / ".whorl")
    client = TestClient(create_app(closed))
    closed.close()
    for response in (client.post(INFER, json=asking(IMAGES[0])), client.get("/v1/status"), client.get("/metrics")):
        assert (response.status_code, response.json()) == (500, {"error": "internal error; see the log"})
    assert str(tmp_path) in caplog.text


def test_pages_of_others_are_turned_away(flywheel: Flywheel, client: TestClient) -> None:
    kept = Kept(flywheel)
    before = kept()
    outcome = {"decision": "forged", "value": 1}
    for headers in ({"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        response = client.post("/v1/outcomes", json=outcome, headers=headers)
        assert (response.status_code, list(response.json())) == (403, ["error"])
    assert kept() == before
    for headers in ({"origin": "http://testserver"}, {"sec-fetch-site": "same-origin", "origin": "https://proxied"}):
        assert client.post("/v1/outcomes", json=outcome, headers=headers).status_code == 200
    only_here = TestClient(create_app(flywheel, hosts={"localhost", "::1"}), base_url="http://localhost:8000")
    assert only_here.get("/v2").status_code == 200
    assert only_here.get("/v2", headers={"host": "[::1]:8000"}).status_code == 200
    assert only_here.get("/v2", headers={"host": "rebound.example:8000"}).status_code == 403


@given(
    method=st.sampled_from(["GET", "POST"]),
    origin=st.binary() | st.sampled_from([b"http://[", b"http://]x"]),
    host=st.binary(),
)
def test_no_header_breaks_the_door(method: str, origin: bytes, host: bytes) -> None:
    assert isinstance(stranger(method, {b"origin": origin, b"host": host}, {"localhost"}), str)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "example.org", "localhost.example.org"])
def test_serving_beyond_this_machine_is_refused(flywheel: Flywheel, host: str) -> None:
    with pytest.raises(WhorlError, match="tokens come with a later version"):
        serve(flywheel, host=host)


def test_a_port_that_is_taken_is_refused(flywheel: Flywheel) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(WhorlError, match="cannot be used"):
            serve(flywheel, port=taken.getsockname()[1])
    with pytest.raises(WhorlError, match="cannot be used"):
        serve(flywheel, port=99_999)


# -- requests that are decided together


def one(image: Any, id: str | None = None) -> Ask:
    return Ask([image], [""], [""], id)


def decided_together(flywheel: Flywheel, *asks: Ask) -> list[Any]:
    async def at_once() -> list[Any]:
        together = Together(flywheel)
        return await asyncio.gather(*(together.decide(ask) for ask in asks), return_exceptions=True)

    return asyncio.run(at_once())


def test_answers_go_to_those_who_asked(flywheel: Flywheel) -> None:
    asks = [Ask(IMAGES[start : start + size], [""] * size, [""] * size) for start, size in ((0, 1), (1, 300), (301, 5))]
    asks += [one(image) for image in IMAGES[306:340]]
    found = decided_together(flywheel, *asks)
    assert [len(answers) for answers in found] == [1, 300, 5] + [1] * 34
    expected = [answer.output for answer in flywheel.decide_all(IMAGES[:340])]
    assert [answer.output for answers in found for answer in answers] == expected


def test_a_bad_input_does_not_hurt_its_neighbours(flywheel: Flywheel) -> None:
    before = flywheel.journal.count(Decision)
    found = decided_together(flywheel, *(one(image) for image in (IMAGES[0], [[99]], IMAGES[1], object(), IMAGES[2])))
    assert [isinstance(answers, BadInput) for answers in found] == [False, True, False, True, False]
    assert flywheel.journal.count(Decision) == before + 3


def test_the_same_decision_at_the_same_moment_is_one_decision(flywheel: Flywheel) -> None:
    before = flywheel.journal.count(Example)
    found = decided_together(flywheel, one(IMAGES[0]), one(IMAGES[1], "once"), one(IMAGES[2], "once"), one(IMAGES[3]))
    assert found[1] == found[2]
    assert flywheel.journal.count(Example) == before + 3


def test_without_a_champion_inputs_that_came_together_are_kept_once(unready: Flywheel) -> None:
    found = decided_together(unready, *(one(image) for image in IMAGES[:5]))
    assert all(isinstance(answers, NotReady) for answers in found)
    assert unready.journal.count(Example) == 5


def test_health_is_told_while_another_process_holds_the_journal(flywheel: Flywheel, client: TestClient) -> None:
    other = sqlite3.connect(flywheel.state / "journal.db", isolation_level=None)
    with closing(other), ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN IMMEDIATE")
        waiting = pool.submit(client.post, INFER, json=asking(IMAGES[0]))
        try:
            for _ in range(5):
                assert client.get("/v2/health/live").status_code == 200
                assert not waiting.done()
        finally:
            other.execute("ROLLBACK")
        assert waiting.result().status_code == 200
