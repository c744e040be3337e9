"""What a server does beside answering, for all open workspaces: a thread that begins and ends with it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from ingest.workspace import Workspace

OpenWorkspaces = Callable[[], Mapping[str, Workspace]]
"""Gives the workspaces that are open, by id."""


class Worker(ABC):
    """Works from `start` to `stop`, in a thread of its own."""

    def __init__(self, name: str) -> None:
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing new, and end after what is under way."""
        self._is_stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @abstractmethod
    def _run(self) -> None:
        """Work until `_is_stopping` is set."""
