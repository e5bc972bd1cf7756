"""Every template of `whorl init` works as it is written: what `init` says to type next is typed here."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from whorl.cli import app
from whorl.cli.start import TEMPLATES

NAMES = sorted(path.parent.name for path in TEMPLATES.glob("*/wheel.py"))


def run(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "80"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module", params=NAMES)
def made(request, tmp_path_factory):
    """A template written to a folder, and the lines that say what to type next."""
    folder = tmp_path_factory.mktemp(request.param)
    said = run("init", request.param, folder).stdout.splitlines()
    return folder, [shlex.split(line)[1:] for line in said if line.startswith("  whorl ")]


def sample(folder):
    (found,) = Path(folder).glob("sample.*")
    return found


def test_the_next_steps_name_what_is_there(made):
    folder, steps = made
    assert [step[0] for step in steps] == ["replay", "ingest", "turn"]
    assert {str(folder), str(sample(folder))} <= {word for step in steps for word in step}


def test_from_first_data_to_decisions_and_outcomes(made):
    folder, (_, ingest, turn) = made
    assert "Kept" in run(*ingest).stdout
    assert "promote" in run(*turn).stdout
    status = json.loads(run("status", folder, "--json").stdout)
    assert status["champion"]["labels"] == status["counts"]["Label"] > 500

    scores = folder / "scores.jsonl"
    run("score", sample(folder), scores, "--wheel", folder)
    first = json.loads(scores.read_text().splitlines()[0])
    assert {"output", "confidence", "customer", "decision"} <= set(first)
    assert "Captured" in run("outcome", first["decision"], first["output"], "--wheel", folder).stdout
    assert json.loads(run("turn", folder, "--json").stdout)["waiting"] == 0

    refused = run("rollback", folder, "--yes", code=1)
    assert "nothing to roll back to" in refused.stderr
    assert refused.stdout == ""


def test_a_replay_of_the_sample_learns(made):
    replay = made[1][0]
    story = json.loads(run(*replay, "--turns", "2", "--start", "40", "--no-control", "--json").stdout)
    (arm,) = story["arms"]
    assert len(arm["rows"]) == 3
    assert arm["rows"][-1]["balanced"] > 0.5
    assert len(arm["rows"][-1]["measured"]) == 3


@pytest.mark.parametrize("template", NAMES)
def test_a_wheel_is_short_and_explains_itself(template):
    lines = (TEMPLATES / template / "wheel.py").read_text().splitlines()
    assert len(lines) <= 45
    assert sum(line.strip().startswith("#") for line in lines) >= 5
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("template", NAMES)
def test_a_sample_is_the_same_every_time(template, tmp_path):
    for name in ("one", "two"):
        run("init", template, tmp_path / name)
    assert sample(tmp_path / "one").read_bytes() == sample(tmp_path / "two").read_bytes()
