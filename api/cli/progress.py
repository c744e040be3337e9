"""Progress of long work, on standard error, for people who wait at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.filesize import decimal
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from api.cli.console import err
from engine.compile import Step


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Progress]:
    """A progress bar, shown only on a terminal; gone when the work is done. Tasks have the field `amount`."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[amount]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as progress:
        yield progress


class RunProgress:
    """The progress of one run: bytes of the files while they are loaded, then the steps of the plan."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task
        self.total_bytes = 0

    @classmethod
    @contextmanager
    def on_terminal(cls, *, quiet: bool) -> Iterator[Self]:
        """Show it while the block runs."""
        with progress_bar(quiet=quiet) as progress:
            yield cls(progress, progress.add_task("starting", total=None, amount=""))

    def on_table(self, name: str) -> None:
        """A table is about to be loaded."""
        self._progress.update(self._task, description=f"loading {name}")

    def on_bytes(self, done: int) -> None:
        """So many bytes of the files are read."""
        amount = f"{decimal(done)} of {decimal(self.total_bytes)}"
        self._progress.update(self._task, completed=done, total=self.total_bytes, amount=amount)

    def on_step(self, step: Step) -> None:
        """A step is about to run."""
        self._progress.update(self._task, description=f"computing {step.name}", total=None, amount="")

    def on_part(self, what: str) -> None:
        """A part of a snapshot is about to be written or read."""
        self._progress.update(self._task, description=what, total=None, amount="")
