"""Imports run one way: who may import whom, and where heavy packages may stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "whorl"

FLOORS = {
    "records": 1, "errors": 1,
    "protocols": 2, "inputs": 2, "tasks": 2,
    "observe": 3, "organize": 3, "label": 3, "learn": 3, "decide": 3, "reinforce": 3,
    "stores": 3, "engines": 3, "checks": 3, "pages": 3, "integrations": 3,
    "wheel": 4, "lock": 4, "crew": 4, "steps": 4, "turn": 4, "flywheel": 4, "files": 4, "replay": 4, "story": 4,
    "server": 5, "cli": 5, "__main__": 5,
}  # fmt: skip
"""Room -> floor, as in DESIGN.md, "The house". The front door, `whorl/__init__.py`, stands before all of them."""

HEAVY = frozenset(
    {
        "boto3", "dagster", "deltalake", "duckdb", "fsspec", "httpx", "jinja2", "joblib", "lightgbm", "matplotlib", "mlflow",
        "onnx", "onnxruntime", "pandas", "polars", "psycopg", "pyarrow", "pydantic", "ray", "rich", "scipy", "skl2onnx",
        "sklearn", "skops", "skrub", "starlette", "threadpoolctl", "torch", "transformers", "typer", "uvicorn",
    }
)  # fmt: skip
"""Packages that a wheel may need and a reader of `import whorl` must not wait for."""

HEAVY_AT_HOME = frozenset({"server", "cli", "integrations"})
"""Rooms that are only entered by who wants what they are made of."""

FILES = sorted(path for path in HOUSE.rglob("*.py") if "templates" not in path.parts)


def room_of(path: Path) -> str:
    inside = path.relative_to(HOUSE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Modules, by their full names, that the import statements among `nodes` name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write imports in full: `from whorl.x import y`"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def run_on_import(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: not the insides of functions, and not what only type checkers see."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def rooms(names: Iterator[str]) -> set[str]:
    return {name.split(".")[1] for name in names if name.startswith("whorl.")}


def each_file():
    return pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))


def test_every_room_is_on_a_floor():
    found = {room_of(path) for path in FILES} - {"__init__"}
    strange = sorted(found - FLOORS.keys())
    assert not strange, f"{strange} are on no floor: put them where they belong, in FLOORS here and in DESIGN.md"


@each_file()
def test_a_room_imports_only_from_below(path):
    room = room_of(path)
    if room == "__init__":
        return
    floor = FLOORS[room]
    for other in sorted(rooms(imported(ast.walk(parsed(path)))) - {room}):
        if floor == 1:
            pytest.fail(
                f"{path} imports whorl.{other}; records and errors stand on the ground and import nothing of ours"
            )
        if floor == 3:
            advice = "stages and stores never import one another: pass a record, an array or a function through turn.py"
            assert FLOORS[other] <= 2, f"{path} imports whorl.{other}; {advice}"
        above = (
            f"{path} (floor {floor}) imports whorl.{other} (floor {FLOORS[other]}): hand it in as an argument instead"
        )
        assert FLOORS[other] <= floor, above


@each_file()
def test_heavy_packages_are_imported_where_they_are_used(path):
    if room_of(path) in HEAVY_AT_HOME:
        return
    heavy = {name.split(".")[0] for name in imported(run_on_import(parsed(path)))} & HEAVY
    assert not heavy, (
        f"{path} imports {', '.join(sorted(heavy))} when it is imported itself, and everybody who imports whorl waits for "
        "it: import it in the function that uses it"
    )


@each_file()
def test_an_integration_brings_one_outside_package(path):
    if room_of(path) != "integrations" or path.stem == "__init__":
        return
    outside = {name.split(".")[0] for name in imported(ast.walk(parsed(path)))} & HEAVY
    assert len(outside) <= 1, f"{path} needs {sorted(outside)}: one file for each outside package"


def test_there_is_no_circle():
    modules = {".".join(("whorl", *path.relative_to(HOUSE).with_suffix("").parts)): path for path in FILES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {}
    for module, path in modules.items():
        needed = set()
        for name in imported(run_on_import(parsed(path))):
            found = name if name in modules else name.rpartition(".")[0]
            if found in modules and found != module:
                needed.add(found)
        graph[module] = needed
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise AssertionError(f"{circle}: move what they share into a module of its own, below both") from None


@each_file()
def test_every_module_says_in_its_first_line_what_it_is(path):
    said = ast.get_docstring(parsed(path))
    assert said, f"{path} has no docstring: one sentence that says what is in it"
    assert said.splitlines()[0].endswith((".", ":", "?")), f"{path}: the first line must be a sentence: {said!r}"
