"""What a group of writes reads and changes: rows in memory first, then all of them in a few statements."""

from __future__ import annotations

from engine.storage.changes.change_set import ChangeSet
from engine.storage.changes.memory import WriterMemory

__all__ = ["ChangeSet", "WriterMemory"]
