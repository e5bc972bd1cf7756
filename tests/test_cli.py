"""The command line: what people type does what it says, and what goes wrong ends in one clean line and a known code."""

import io
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import whorl
from whorl.cli import app
from whorl.cli.app import COMMANDS
from whorl.cli.picture import show
from whorl.cli.service import Stop, repeat, seconds
from whorl.flywheel import Flywheel
from whorl.inputs import Image
from whorl.lock import only_one
from whorl.records import Decision, Example, Label, LabelRequest, Outcome, Promotion

ROOT = Path(__file__).parent.parent

WHEEL = """
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from whorl import Classification, Labels, Number, Table, Wheel, own_data

wheel = Wheel(
    name="sides", task=Classification(["left", "right", "level"]), inputs=Table(x=Number(-100, 100), y=Number()),
    rights=own_data(), labels=Labels(per_turn=6),
    candidates={"tree": lambda seed: DecisionTreeClassifier(max_depth=2, random_state=seed)},
    owners={"label": "Ada"},
)
"""


def run(*words, input=None, code=0, width=80):
    """What `whorl WORDS` prints; it must end with `code`."""
    result = CliRunner().invoke(app, [str(word) for word in words], input=input, env={"COLUMNS": str(width)})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    assert "\x1b" not in result.output  # not a terminal: no colours
    return result


def told(*words, **how):
    """What `whorl WORDS --json` prints."""
    return json.loads(run(*words, "--json", **how).stdout)


def row(x):
    return f"{x},{x % 7},{'left' if x < 0 else 'right'},{'acme' if x % 2 else 'bolt'}"


def points(path, xs):
    path.write_text("\n".join(["x,y,truth,customer", *map(row, xs)]) + "\n")
    return path


@pytest.fixture
def folder(tmp_path):
    """A wheel that nothing has happened to."""
    (tmp_path / "wheel.py").write_text(WHEEL)
    return tmp_path


@pytest.fixture
def turned(folder):
    """A wheel with a champion."""
    run("ingest", points(folder / "known.csv", range(-20, 20)), "--truth", "truth", "--wheel", folder)
    run("turn", folder)
    return folder


@pytest.fixture
def asking(turned):
    """A wheel with a champion and six open questions, some of them audits."""
    run("ingest", points(turned / "new.csv", range(-60, 60, 3)), "--wheel", turned)
    run("turn", turned)
    return turned


def opened(folder):
    return whorl.open(folder)


# -- help


def test_every_command_is_in_the_help():
    said = run("--help").stdout
    for commands in COMMANDS.values():
        for command in commands:
            assert f"│ {command.__name__} " in said


@pytest.mark.parametrize("command", [command.__name__ for commands in COMMANDS.values() for command in commands])
def test_help_fits_a_narrow_terminal(command):
    said = run(command, "--help").stdout
    assert max(len(line) for line in said.splitlines()) <= 80


def test_help_is_quick():
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "whorl", "--help"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    # Processor time, and the best of three: the machine may be busy with other tests.
    assert min(spent) < 0.4, f"{min(spent):.2f} s: import what is heavy inside the command that needs it"


def test_help_imports_nothing_heavy():
    script = (
        "import sys\nfrom whorl.cli import app\n"
        "try: app(['--help'])\nexcept SystemExit: print('|', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    imported = {name.partition(".")[0] for name in done.stderr.split()}
    heavy = imported & {"numpy", "scipy", "sklearn", "skops", "jinja2", "starlette", "uvicorn", "sqlite3"}
    assert not heavy, f"{sorted(heavy)}: import them inside the command that needs them"


# -- how commands end


def test_what_was_refused_is_one_line_on_standard_error(tmp_path):
    result = run("turn", tmp_path, code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("whorl: There is no wheel.py in")
    assert result.stderr.count("\n") == 1


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(whorl.WhorlError):
        run("--debug", "turn", tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_like_it", "No module named 'nothing_like_it'"),
        ("wheel = 3", "it must be a Wheel"),
        ("from whorl import Labels\nLabels(per_turn=-1)", "labels.per_turn is -1"),
    ],
)
def test_a_wrong_declaration_says_where_and_what(tmp_path, text, said):
    (tmp_path / "wheel.py").write_text(text)
    result = run("status", tmp_path, code=1)
    assert said in result.stderr
    assert "wheel.py" in result.stderr


@pytest.mark.parametrize("words", [["nosuch"], ["turn", "--nosuch"], ["run", "--every", "soon"], ["score", "one.csv"]])
def test_wrong_usage_ends_with_two(words):
    run(*words, code=2)


def test_a_turn_beside_another_says_whose_it_is_and_ends_with_three(folder):
    opened(folder).close()
    with only_one(folder / ".whorl" / "turn.lock"):
        assert f"process {os.getpid()}" in run("turn", folder, code=3).stderr


def test_an_interrupted_command_ends_with_130(folder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Flywheel, "turn", interrupted)
    assert "interrupted" in run("turn", folder, code=130).stderr


def test_a_file_that_cannot_be_written_is_one_line(turned):
    result = run("score", turned / "known.csv", turned / "wheel.py" / "out.csv", "--wheel", turned, code=1)
    assert result.stderr.startswith("whorl: ")
    assert result.stderr.count("\n") == 1


# -- init


def test_init_lists_what_there_is():
    listed = run("init", "--list").stdout
    for template in ("images", "table"):
        assert template in listed
    assert "whorl init" in run("init").stdout
    assert "images, table" in run("init", "nosuch", code=1).stderr


def test_init_never_overwrites_a_wheel(folder):
    assert "exists already" in run("init", "table", folder, code=1).stderr
    assert (folder / "wheel.py").read_text() == WHEEL
    assert not (folder / "sample.csv").exists()


# -- data


def test_ingest_keeps_what_fits_and_sets_the_rest_aside(folder):
    file = folder / "some.csv"
    file.write_text("x,y,truth\n1,1,right\nfar,1,right\n-1,1,\n200,1,left\n2,2,up\n")
    result = run("ingest", file, "--truth", "truth", "--wheel", folder)
    assert "Kept 2 inputs, 1 label." in result.stdout
    assert "line 3: x is 'far'" in result.stderr
    aside = [json.loads(line) for line in (folder / "some.csv.rejected.jsonl").read_text().splitlines()]
    assert [(each["line"], each["row"]["x"]) for each in aside] == [(3, "far"), (5, "200"), (6, "2")]
    assert all(each["reason"] for each in aside)
    with opened(folder) as wheel:
        assert wheel.journal.count(Example) == 2
        assert [label.value for label in wheel.journal.read(Label)] == ["right"]
        assert {example.source for example in wheel.journal.read(Example)} == {"file some.csv"}


def test_ingest_says_no_to_a_file_of_which_nothing_fits(folder):
    file = folder / "some.csv"
    file.write_text("x,y\nfar,1\n")
    assert "None of the 1 row" in run("ingest", file, "--wheel", folder, code=1).stderr
    file.write_text("x,y\n")
    assert "holds no rows" in run("ingest", file, "--wheel", folder, code=1).stderr


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_every_score_is_a_captured_decision(turned, suffix):
    output = turned / f"scores{suffix}"
    more = points(turned / "more.csv", [-50, 50])
    more.write_text(more.read_text() + "far,1,,\n")
    assert told("score", more, output, "--wheel", turned)["rejected"] == 1
    lines = output.read_text().splitlines()
    if suffix == ".csv":
        scored = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    else:
        scored = [json.loads(line) for line in lines]
    assert [(str(each["line"]), each["customer"], each["output"]) for each in scored] == [
        ("2", "bolt", "left"),
        ("3", "bolt", "right"),
    ]
    with opened(turned) as wheel:
        assert [decision.id for decision in wheel.journal.read(Decision)] == [each["decision"] for each in scored]


def test_scoring_without_a_champion_captures_and_writes_nothing(folder):
    file = points(folder / "some.csv", [1, 2])
    assert "no champion yet" in run("score", file, folder / "out.csv", "--wheel", folder, code=1).stderr
    assert not (folder / "out.csv").exists()
    with opened(folder) as wheel:
        assert wheel.journal.count(Example) == 0


def test_a_score_that_fails_midway_leaves_the_old_output(turned, monkeypatch):
    output = turned / "scores.csv"
    output.write_text("old")
    monkeypatch.setattr("whorl.cli.data.CHUNK", 10)
    decide_all, calls = Flywheel.decide_all, []

    def second_fails(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise whorl.WhorlError("full")
        return decide_all(self, *args, **kwargs)

    monkeypatch.setattr(Flywheel, "decide_all", second_fails)
    run("score", turned / "known.csv", output, "--wheel", turned, code=1)
    assert output.read_text() == "old"
    assert not list(turned.glob(".*.part"))


def test_score_refuses_what_it_could_not_keep_apart(turned):
    known = turned / "known.csv"
    assert "the input itself" in run("score", known, known, "--wheel", turned, code=1).stderr
    assert ".csv or .jsonl" in run("score", known, turned / "out.parquet", "--wheel", turned, code=1).stderr


def test_an_outcome_is_taken_before_and_after_its_decision(turned):
    with opened(turned) as wheel:
        decision = wheel.decide({"x": 5, "y": 0}).id
    assert "turned out left" in run("outcome", decision, "left", "--wheel", turned).stdout
    assert "waits for it" in run("outcome", "unheard-of", "right", "--wheel", turned).stderr
    assert "must be one of" in run("outcome", decision, "up", "--wheel", turned, code=1).stderr
    with opened(turned) as wheel:
        assert [(each.decision, each.value) for each in wheel.journal.read(Outcome)] == [
            (decision, "left"),
            ("unheard-of", "right"),
        ]


# -- turn


def test_a_turn_says_what_happened_and_what_to_do(asking, monkeypatch):
    monkeypatch.chdir(asking)
    points(asking / "newer.csv", [61, 62, 61])
    assert "Next: whorl turn\n" in run("ingest", "newer.csv").stdout
    said = run("turn").stdout
    assert "sides, turn 3" in said
    assert "3 inputs, 2 kept, 1 not" in said
    assert "0 questions; 6 open" in said
    assert "6 questions wait for an answer: whorl label\n" in said
    assert max(len(line) for line in said.splitlines()) <= 80


def test_a_turn_as_json_has_the_account_and_the_plan(turned):
    closed = told("turn", turned)
    assert (closed["wheel"], closed["turn"]) == ("sides", 2)
    assert {"arrived", "kept", "asked", "labels", "coverage", "measured", "cost", "plan"} <= set(closed)
    assert closed["champion"]["recipe"] == "tree"


def test_status_says_who_serves_and_what_waits(asking):
    said = run("status", asking).stdout
    assert "tree" in said
    assert "6 questions" in said
    assert "Ada about label" in said
    assert told("status", asking)["open_requests"] == 6


def test_a_rollback_asks_first(turned):
    with opened(turned) as wheel:
        first = wheel.status()["champion"]["version"]
    assert "nothing to roll back to" in run("rollback", turned, code=1).stderr
    run("ingest", points(turned / "more.csv", range(-90, 90, 2)), "--truth", "truth", "--wheel", turned)
    second = told("turn", turned)["champion"]["version"]
    assert first != second
    run("rollback", turned, input="n\n", code=1)
    assert told("status", turned)["champion"]["version"] == second
    back = told("rollback", turned, "--yes", "--reason", "angry customers")
    assert (back["from"]["version"], back["to"]["version"]) == (second, first)
    with opened(turned) as wheel:
        assert wheel.journal.read(Promotion)[-1].by == back["by"]


# -- run


def test_times_are_written_as_people_do():
    assert [seconds(text) for text in ("90s", "15m", "1h30m", "1d")] == [90, 900, 5400, 86_400]


def test_a_turn_that_fails_is_reported_and_the_next_is_tried(folder, monkeypatch):
    turn, calls = Flywheel.turn, []

    def first_fails(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("no luck")
        return turn(self, *args, **kwargs)

    monkeypatch.setattr(Flywheel, "turn", first_fails)
    result = run("run", folder, "--every", "0s", "--turns", "2", code=1)
    assert "RuntimeError: no luck" in result.stderr
    assert "2 turns, of which 1 failed" in result.stderr
    assert result.stdout.splitlines()[-1].split()[0] == "1"


def test_run_without_a_wheel_ends_at_once(tmp_path):
    assert "There is no wheel.py" in run("run", tmp_path, code=1).stderr


def test_the_first_signal_lets_the_turn_finish_and_the_second_does_not():
    finished, heard = [], []

    def turn():
        signal.raise_signal(signal.SIGTERM)
        finished.append(1)
        if len(finished) == 2:
            pytest.fail("it was told to stop")

    before = signal.getsignal(signal.SIGTERM)
    with Stop(lambda: heard.append(1)) as stop:
        assert repeat(turn, 3600, 0, stop, pytest.fail) == (1, 0)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (finished, heard) == ([1], [1])
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_service_that_waits_for_its_next_turn_stops_cleanly_when_told(folder):
    words = [sys.executable, "-m", "whorl", "run", str(folder), "--every", "1h"]
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True) as service:
        assert service.stdout.readline().split()[0] == "turn"
        assert service.stdout.readline().split()[0] == "1"
        service.send_signal(signal.SIGTERM)
        _, said = service.communicate(timeout=60)
    assert service.returncode == 0
    assert "stopped after 1 turn" in said


# -- label


def questions(folder):
    with opened(folder) as wheel:
        return wheel.questions()


def test_people_answer_approve_skip_and_quit(asking):
    asked = questions(asking)
    assert [question.proposal is None for question in asked[:2]] == [True, False]
    result = run("label", asking, "--as", "Bea", input="\nup\nrig\n\ns\nq\n")
    assert "1 of 6" in result.stdout
    assert "an audit" in result.stdout
    assert "must be one of" in result.stdout
    assert f"enter approves {asked[1].proposal}" in result.stdout
    assert "2 labelled, 1 skipped, 4 open" in result.stderr
    with opened(asking) as wheel:
        labels = wheel.journal.read(Label)[-2:]
    assert [(label.example, label.value) for label in labels] == [
        (asked[0].example, "right"),  # enter alone approves nothing where nothing was proposed
        (asked[1].example, asked[1].proposal),
    ]
    assert {label.annotator for label in labels} == {"Bea"}


def test_labelling_ends_where_the_input_ends_or_nothing_is_open(asking):
    assert "0 labelled" in run("label", asking, input="").stderr
    assert "6 labelled, 0 skipped, 0 open" in run("label", asking, input="left\n" * 6).stderr
    assert "0 labelled, 0 skipped, 0 open" in run("label", asking).stderr


def test_a_beginning_that_could_be_two_classes_is_asked_again(asking):
    result = run("label", asking, input="le\nlev\nq\n")
    assert "Which of left, level?" in result.stdout
    assert "1 labelled" in result.stderr


def test_questions_go_to_another_tool_and_come_back_once(asking):
    file = asking / "questions.jsonl"
    assert told("label", asking, "--export", file)["exported"] == 6
    asked = [json.loads(line) for line in file.read_text().splitlines()]
    assert all(each["label"] is None and each["input"] for each in asked)
    assert [each["proposal"] for each in asked if each["reason"] == "audit"] == [None]
    for each in asked[:4]:
        each["label"] = "left"
    asked[3]["label"] = "up"
    asked.append({"example": "unheard-of", "label": "left"})
    file.write_text("\n".join(map(json.dumps, asked)) + "\n\nnonsense\n5\n")
    taken = told("label", asking, "--import", file, "--as", "tool")
    assert taken == {"labelled": 3, "known already": 0, "rejected": 4, "open": 3}
    assert told("label", asking, "--import", file, "--as", "tool")["known already"] == 3
    aside = [json.loads(line)["line"] for line in (asking / "questions.jsonl.rejected.jsonl").read_text().splitlines()]
    assert aside == [4, 7, 9, 10]
    with opened(asking) as wheel:
        assert sum(label.annotator == "tool" for label in wheel.journal.read(Label)) == 3


def test_questions_can_be_piped(asking):
    lines = run("label", asking, "--export", "-").stdout.splitlines()
    with opened(asking) as wheel:
        assert [json.loads(line)["id"] for line in lines] == [each.id for each in wheel.journal.read(LabelRequest)]


def test_export_and_import_at_once_is_wrong_usage(asking):
    run("label", asking, "--export", "a.jsonl", "--import", "b.jsonl", code=2)


# -- report


def test_a_report_is_written_and_said_how_to_open(turned):
    page = turned / "pages" / "report.html"
    said = run("report", turned, "--out", page, width=200).stdout
    assert page.as_uri() in said
    assert page.read_text().startswith("<!")
    assert told("report", turned, "--out", page) == {"path": str(page), "bytes": page.stat().st_size}


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3), (301, 299), (3, 1000), (1, 1)])
def test_a_picture_is_never_wider_than_the_terminal(shape):
    image = Image(*shape, high=16)
    console = Console(file=io.StringIO(), width=60)
    show(console, np.full(shape, 16).tolist(), image)
    lines = console.file.getvalue().rstrip("\n").splitlines()
    assert max(map(len, lines)) <= 60
    assert {*"".join(lines)} == {"█"}
    assert len(lines) <= shape[0]
