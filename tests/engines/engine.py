"""What the tests need of another SQL engine: tables filled from a store of ours, and the answer to one statement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from engine.definition.fields import FieldType
from engine.storage import Store

Member = tuple[str, int]
"""A segment's id and a contact's."""


class Engine(Protocol):
    """A running engine."""

    dialect: str

    def fill(self, store: Store, fields: Mapping[str, FieldType], folder: Path) -> None:
        """Make the tables anew, with the rows of the store; `folder` is empty, and stays as long as the tables."""

    def drop(self) -> None:
        """Leave no table."""

    def members(self, sql: str) -> list[Member]:
        """The rows of a script."""
