"""The names that users write: sorted, complete, explained, and quick to import."""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import whorl

ROOT = Path(__file__).parents[1]
HEAVY = {"sklearn", "skops", "scipy", "pandas", "starlette", "uvicorn", "typer", "rich", "jinja2", "torch", "joblib"}


def fresh(script):
    """What `script`, run by an interpreter of its own, prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60
    )
    return json.loads(done.stdout)


def test_names_are_sorted_and_there_once():
    assert whorl.__all__ == sorted(set(whorl.__all__))


def test_all_names_are_there_and_no_others():
    for name in whorl.__all__:
        assert getattr(whorl, name) is not None
    assert set(whorl.__all__) <= set(dir(whorl))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        whorl.nothing  # noqa: B018
    star = fresh("import json; from whorl import *; print(json.dumps([n for n in dir() if not n.startswith('_')]))")
    assert sorted({*star, "json"}) == sorted({*whorl.__all__, "json"})


def test_what_type_checkers_see_is_what_is_public():
    tree = ast.parse(Path(whorl.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("whorl.")
        for alias in node.names
    }
    assert seen == set(whorl.__all__)


@pytest.mark.parametrize("name", whorl.__all__)
def test_every_name_is_explained(name):
    said = inspect.getdoc(getattr(whorl, name))
    assert said, f"whorl.{name} has no docstring"
    assert not said.startswith(f"{name}("), f"whorl.{name}: dataclass wrote the docstring; write one"


@pytest.mark.parametrize("name", whorl.__all__)
def test_names_come_from_one_place(name):
    assert getattr(whorl, name).__module__.startswith("whorl.")


def test_importing_whorl_is_quick():
    timed = (
        "import json, time; start = time.perf_counter(); import whorl; print(json.dumps(time.perf_counter() - start))"
    )
    assert min(fresh(timed) for _ in range(3)) < 0.4


def test_nobody_waits_for_what_is_not_used():
    loaded = fresh(
        "import json, sys; from whorl import *; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    heavy = HEAVY & set(loaded)
    assert not heavy, f"`from whorl import *` loads {sorted(heavy)}: import them in the function that uses them"
