"""Imports run one way: from the entry points down to the cache and the sources."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LAYERS = (
    {"models", "errors", "settings", "cache", "logs", "identity_memo"},
    {"sources", "scoring", "spend_caps"},
    {"tables", "schemas"},
    {"facts"},
    {"services"},
    {"runtime"},
    {"operations"},
    {"devtools", "modal_jobs", "web"},
    {"cli", "modal_server"},
)
LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}
ALONE = {
    "cache": {"cache"},
    "scoring": {"scoring", "models", "errors"},
    "sources": {"sources", "models", "errors", "cache", "__version__"},
    "models": set(),
    "errors": set(),
    "settings": set(),
}
MODULES = sorted((ROOT / "veo").rglob("*.py"))


def part(path: Path) -> str:
    """Give the file or folder directly below veo/ that a module belongs to."""
    return path.relative_to(ROOT / "veo").parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Give the parts of Veo that a module imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "veo":
            names = [node.module] if node.module != "veo" else [f"veo.{alias.name}" for alias in node.names]
            yield from (str(name).split(".")[1] for name in names)
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("veo."))


def test_a_module_imports_only_from_its_own_layer_or_below() -> None:
    assert [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in MODULES
        for name in imported(path)
        if LEVELS.get(name, 0) > LEVELS.get(part(path), len(LAYERS))
    ] == []


def test_the_lower_parts_know_only_what_they_need() -> None:
    assert [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in MODULES
        if part(path) in ALONE
        for name in set(imported(path)) - ALONE[part(path)]
    ] == []


def test_the_sources_take_nothing_of_the_cache_but_its_breaker() -> None:
    taken = re.compile(r"^from (veo\.cache\S*) import", re.MULTILINE)
    modules = [path.read_text() for path in MODULES if part(path) == "sources"]
    assert {name for text in modules for name in taken.findall(text)} == {"veo.cache.breaker"}


def test_every_part_has_a_layer() -> None:
    assert {part(path) for path in MODULES} - set(LEVELS) == {"__init__", "__main__"}


def test_no_module_reads_the_environment_but_the_settings() -> None:
    readers = {part(path) for path in MODULES if re.search(r"os\.(environ|getenv)", path.read_text())}
    assert readers == set()


def description(path: Path) -> str:
    """Return the docstring of a module, or nothing."""
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def test_a_module_is_described() -> None:
    assert [path for path in MODULES if description(path) in {"", "To be described."}] == []


def test_a_description_names_only_modules_that_exist() -> None:
    named = [
        (path.relative_to(ROOT), ROOT / Path(*name.split(".")))
        for path in MODULES
        for name in re.findall(r"`(veo(?:\.[a-z_0-9]+)+)`", description(path))
    ]
    assert [
        f"{path}: {file}" for path, file in named if not (file.is_dir() or file.with_suffix(".py").exists())
    ] == []
