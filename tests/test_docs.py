"""The documents say what is there: commands, public names, records and links, and their Python can be read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import whorl
from whorl.cli.app import COMMANDS
from whorl.records import KINDS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "LOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_every_public_name_is_in_the_reference():
    missing = [name for name in whorl.__all__ if f"`{name}`" not in REFERENCE and f"`{name}(" not in REFERENCE]
    assert not missing, f"docs/reference.md does not say what {missing} are"


def test_every_command_is_in_the_reference():
    commands = [command.__name__ for panel in COMMANDS.values() for command in panel]
    missing = [command for command in commands if f"`whorl {command}" not in REFERENCE]
    assert not missing, f"docs/reference.md does not say what whorl {missing} does"


def test_every_record_is_in_the_reference():
    missing = [kind.__name__ for kind in KINDS if f"`{kind.__name__}`" not in REFERENCE]
    assert not missing, f"docs/reference.md does not say what {missing} are"


def test_the_readme_begins_with_the_two_commands():
    text = (ROOT / "README.md").read_text()
    assert "make demo" in text
    assert "make test" in text


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{names(page)} links to {target}, which is not there"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_python_in_the_documents_can_be_read(page):
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
        ast.parse(block)


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_files_that_the_documents_name_are_there(page):
    for path in re.findall(r"`((?:whorl|tests|bench|examples|docs)/[\w/.-]+)`", page.read_text()):
        assert (ROOT / path).exists(), f"{names(page)} names {path}, which is not there"
