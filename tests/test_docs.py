"""The documentation and the code say the same."""

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices

from tests.support import reference
from veo.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
EXAMPLES = {
    "veo/facts/broadband.py",
    "tests/services/test_broadband.py",
    "veo/sources/providers/ofcom.py",
    "tests/support/providers/ofcom.py",
    "tests/sources/providers/test_ofcom.py",
}  # files that a reader of CONTRIBUTING.md would add
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FILE = re.compile(
    r"`((?:veo|tests|docs|cache|cli|devtools|facts|operations|schemas|scoring|services|sources|tables|web)/[\w./]*\w)`"
)


@pytest.mark.parametrize("name", reference.TABLES)
def test_the_tables_of_a_document_are_those_of_the_code(name: str) -> None:
    text = (reference.DOCS / name).read_text(encoding="utf-8")
    assert text == reference.filled(text), "run python -m tests.support.reference"


@pytest.mark.parametrize(("name", "tables"), reference.TABLES.items(), ids=reference.TABLES)
def test_a_document_has_a_place_for_each_of_its_tables(name: str, tables: tuple[str, ...]) -> None:
    text = (reference.DOCS / name).read_text(encoding="utf-8")
    assert [table for table in tables if f"<!-- {table} -->" not in text] == []


def test_every_table_belongs_to_a_document() -> None:
    assert {table for tables in reference.TABLES.values() for table in tables} == set(reference.tables())


def test_the_settings_of_the_documentation_are_those_of_the_code() -> None:
    read: set[str] = set()
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        read |= {str(name) for name in alias.choices} if isinstance(alias, AliasChoices) else {str(alias)}
    _, _, table = CONFIGURATION.partition("| setting |")
    assert set(re.findall(r"`([A-Z][A-Z_]+)`", table.split("\n\n", 1)[0])) == read


def test_the_readme_begins_with_what_it_is_a_picture_and_two_commands() -> None:
    first_screen = "\n".join(README.splitlines()[:25])
    assert all(
        part in first_screen for part in ("recommends London", "explorer.png", "make run", "make test")
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_of_a_document_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if not (path.parent / link).is_file()] == []


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_that_a_guide_names_is_there(name: str) -> None:
    named = set(FILE.findall((ROOT / name).read_text())) - EXAMPLES
    assert (
        sorted(file for file in named if not ((ROOT / file).exists() or (ROOT / "veo" / file).exists())) == []
    )
