"""Imports point down only, and each library has one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    ("engine.errors",),
    ("engine.definition",),
    ("engine.plan",),
    ("engine.compile", "engine.storage"),
    ("engine.execute",),
    ("ingest",),
    ("api",),
    ("populace",),
)
"""From the bottom up; a module imports its own room and the rooms below."""

HOMES = {
    "sqlglot": ("engine.compile",),
    "duckdb": ("engine.storage", "engine.execute"),
    "fastapi": ("api",),
    "itsdangerous": ("ingest",),
    "typer": ("api",),
    "rich": ("api",),
}


def _modules() -> Iterator[tuple[str, Path]]:
    for top in ("engine", "ingest", "api"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__"), path
    yield "populace", ROOT / "populace.py"


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield node.module


def _is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def _height(module: str) -> int | None:
    for height, rooms in enumerate(LAYERS):
        if any(_is_in(module, room) for room in rooms):
            return height
    return None


@pytest.mark.parametrize(("module", "path"), list(_modules()), ids=str)
def test_a_module_imports_nothing_from_above_and_no_library_of_another_room(module: str, path: Path) -> None:
    own = _height(module)
    for imported in _imports(path):
        height = _height(imported)
        if own is not None and height is not None:
            assert height <= own, f"{module} imports {imported}, which lies above it"
            same_room = any(_is_in(module, room) and _is_in(imported, room) for room in LAYERS[own])
            assert height < own or same_room, f"{module} imports {imported}, which lies beside it"
        homes = HOMES.get(imported.split(".")[0])
        assert homes is None or any(_is_in(module, home) for home in homes), f"{imported} belongs in {homes}"


def test_what_makes_sql_reads_no_clock_and_no_file() -> None:
    """Up to the SQL text everything is pure: the instant of evaluation is an argument."""
    for module, path in _modules():
        if (_height(module) or 0) <= 2 or _is_in(module, "engine.compile"):
            source = path.read_text("utf-8")
            for call in ("datetime.now(", "time.time(", "open(", "utcnow("):
                allowed = call == "open(" and "tzdata" in source
                assert call not in source or allowed or not module.startswith("engine"), f"{module} calls {call}"
