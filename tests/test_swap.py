"""A new champion takes over under load: no request fails, and every answer is that of the model it names."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sklearn.datasets import load_digits

import whorl
from whorl.learn import load
from whorl.records import Decision, Model, Promotion, new_id
from whorl.stores import SqliteJournal

CLIENTS, SWAPS, PAUSE_SECONDS = 3, 40, 0.04

WHEEL = """
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from whorl import Classification, Image, Labels, Wheel, own_data

wheel = Wheel(
    name="digits",
    task=Classification(range(10)),
    inputs=Image(8, 8, high=16),
    rights=own_data(),
    candidates={"logistic": lambda seed: LogisticRegression(max_iter=200), "bayes": lambda seed: GaussianNB()},
    labels=Labels(per_turn=10),
)
"""

SERVE = "import sys, whorl; from whorl.server import serve; serve(whorl.open(sys.argv[1]), port=int(sys.argv[2]))"


def test_no_request_fails_while_champions_change(tmp_path: Path) -> None:
    (tmp_path / "wheel.py").write_text(WHEEL)
    digits = load_digits()
    images = digits.images.astype(int).tolist()
    with whorl.open(tmp_path) as flywheel:
        for example, truth in zip(flywheel.observe(images[:100]), digits.target.tolist(), strict=False):
            flywheel.label(example, truth)
        flywheel.turn()
        answers = answers_of_all_models(flywheel, images[100:700])
    versions = sorted(answers)
    assert len(versions) == 2
    # Questions on which the two disagree: an answer shows which of them gave it.
    telling = [row for row in range(600) if answers[versions[0]][row] != answers[versions[1]][row]]
    assert len(telling) > 50

    seen: list[tuple[int, str, int]] = []
    problems: list[str] = []
    done = threading.Event()
    with served(tmp_path) as port:
        clients = [
            threading.Thread(target=ask, args=(port, telling[start::CLIENTS], images[100:700], done, seen, problems))
            for start in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        promote_in_turn(tmp_path, versions)
        done.set()
        for client in clients:
            client.join()

    assert not problems
    assert {version for _, version, _ in seen} == set(versions)
    assert [answer for _, _, answer in seen] == [answers[version][row] for row, version, _ in seen]
    assert len(seen) > 2 * SWAPS
    with SqliteJournal(tmp_path / ".whorl" / "journal.db", read_only=True) as journal:
        assert journal.count(Decision) == len(seen)


def answers_of_all_models(flywheel: whorl.Flywheel, images: list[object]) -> dict[str, list[int]]:
    """Version -> its answer to each image."""
    wheel = flywheel.wheel
    X = wheel.inputs.matrix([wheel.inputs.pack(image) for image in images])
    found = {}
    for model in flywheel.journal.read(Model):
        fitted = load(flywheel.blobs.get(model.artefact))
        found[model.version] = [int(answer) for answer in wheel.task.answers(wheel.task.outputs(fitted, X))]
    return found


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """`whorl.server.serve` in a process of its own; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(whorl.__file__).parent.parent), os.getenv("PYTHONPATH"))))
    }
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(folder), str(port)], env={**os.environ, **path})
    try:
        deadline = time.monotonic() + 60
        while not answers_at(port):
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        assert server.wait(20) in (0, -15)


def answers_at(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/v2/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def ask(
    port: int,
    rows: list[int],
    images: list[object],
    done: threading.Event,
    seen: list[tuple[int, str, int]],
    problems: list[str],
) -> None:
    """Ask about `rows`, again and again, over one connection; a thread."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not done.is_set():
        for row in rows:
            body = {"inputs": [{"name": "image", "shape": [1, 8, 8], "datatype": "UINT8", "data": [images[row]]}]}
            try:
                connection.request("POST", "/v2/models/digits/infer", json.dumps(body))
                response = connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException) as error:
                problems.append(repr(error))
                return
            if response.status != 200:
                problems.append(f"{response.status} {text!r}")
                return
            found = json.loads(text)
            seen.append((row, found["model_version"], found["outputs"][0]["data"][0]))
            if done.is_set():
                break
    connection.close()


def promote_in_turn(folder: Path, versions: list[str]) -> None:
    """Append promotions as another process would: through a connection of its own to the same journal."""
    with SqliteJournal(folder / ".whorl" / "journal.db") as journal:
        for swap in range(SWAPS):
            at = time.time_ns() // 1000
            promotion = Promotion(
                id=new_id(at), event_time=at, known_time=at, model=versions[swap % 2], by="test", reason="change"
            )
            journal.append(promotion)
            time.sleep(PAUSE_SECONDS)
