"""`populace upsert` and `populace change`: contacts, and operations on them, from a file or standard input."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import orjson
import typer
from rich.markup import escape

from api.cli.console import EXIT_CALLERS_FAULT, StoppedHalfwayError, err, finish_undisturbed, out, print_json
from api.cli.entry import STOPS
from api.cli.item_lines import Item, read_items
from api.cli.options import AsJson, WorkspaceFolder
from engine.definition.words.texts import counted
from engine.storage.whole_file import replaced_file
from ingest.workspace import Workspace
from ingest.writes.write import Outcome, Written

BATCH_SIZE = 5_000
MOST_ERRORS_SHOWN = 100

ItemsFile = Annotated[Path, typer.Argument(help="JSON lines or a JSON array; - for standard input.", metavar="FILE")]
ResultsFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write line, outcome and error of every line as JSON lines.")
]
WriteMany = Callable[[Sequence[Any]], list[Written]]


def upsert(workspace: WorkspaceFolder, file: ItemsFile, results: ResultsFile = None, as_json: AsJson = False) -> None:
    """Create contacts, or give known ones the values that are given: one JSON object a line.

    A line that is not valid fails alone, and is named with its number on standard error. Then the exit code is 2. The
    same file once more changes nothing.

    Example: populace upsert shop contacts.jsonl
    """
    write_file(workspace, file, results, lambda opened: (opened.upsert_many, "contacts"), as_json=as_json)


def change(workspace: WorkspaceFolder, file: ItemsFile, results: ResultsFile = None, as_json: AsJson = False) -> None:
    """Apply operations to profiles: one object with contact (an external id) and operations a line.

    A line that is not valid fails alone, and is named with its number on standard error. Then the exit code is 2. The
    same file once more applies them once more.

    Example: echo '{"contact": "ada", "operations": {"$inc": {"visits": 1}}}' | populace change shop -
    """
    write_file(workspace, file, results, lambda opened: (opened.change_profiles, "changes"), as_json=as_json)


def write_file(
    workspace: Path,
    file: Path,
    results: Path | None,
    door: Callable[[Workspace], tuple[WriteMany, str]],
    *,
    as_json: bool,
) -> None:
    """Write all items in batches; then say what came of them."""
    report = _Report()
    with ExitStack() as stack:
        report.results = stack.enter_context(replaced_file(results)) if results else None
        opened = stack.enter_context(Workspace.open(workspace))
        write, name = door(opened)
        try:
            items = read_items(file)
            while batch := list(islice(items, BATCH_SIZE)):
                with _stops_kept_back() as was_stopped:
                    report.add(batch, _written(batch, write), name)
                if was_stopped():
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            report.is_stopped = True
        finish_undisturbed()
    if report.is_stopped:
        raise StoppedHalfwayError(
            f"stopped after line {report.last_line:,}; what stands before it is written and stays"
        )
    report.show(workspace, as_json=as_json)
    if report.outcomes[Outcome.FAILED]:
        raise typer.Exit(EXIT_CALLERS_FAULT)


def _written(batch: Sequence[Item], write: WriteMany) -> list[Written | None]:
    """What came of each item; None for one that was no JSON."""
    written = iter(write([item.value for item in batch if item.problem is None]))
    return [next(written) if item.problem is None else None for item in batch]


@contextmanager
def _stops_kept_back() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C wait for the end of the block, so that it is known what was written; gives whether one waits."""
    stopped: list[int] = []
    before = {stop: signal.signal(stop, lambda number, _frame: stopped.append(number)) for stop in STOPS}
    try:
        yield lambda: bool(stopped)
    finally:
        for stop, handler in before.items():
            signal.signal(stop, handler)


class _Report:
    """What came of all lines."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.results: BinaryIO | None = None
        self.last_line = 0
        self.is_stopped = False

    def add(self, batch: Sequence[Item], written: Sequence[Written | None], name: str) -> None:
        """Count what came of a batch; errors are said at once."""
        position = 0
        for item, found in zip(batch, written, strict=True):
            if found is None:
                self._line(item.line, Outcome.FAILED, item.problem)
                continue
            self._line(
                item.line, found.outcome, None if found.error is None else _said(str(found.error), name, position)
            )
            position += 1
        self.last_line = batch[-1].line

    def _line(self, line: int, outcome: Outcome, problem: str | None) -> None:
        self.outcomes[outcome] += 1
        if problem is not None and self.outcomes[Outcome.FAILED] <= MOST_ERRORS_SHOWN:
            err.print(f"[bold red]line {line:,}:[/] {escape(problem)}", soft_wrap=True)
        if self.results is not None:
            row = {"line": line, "outcome": outcome} | ({} if problem is None else {"error": problem})
            self.results.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def show(self, workspace: Path, *, as_json: bool) -> None:
        """Say the counts."""
        total = self.outcomes.total()
        if self.outcomes[Outcome.FAILED] > MOST_ERRORS_SHOWN:
            more = self.outcomes[Outcome.FAILED] - MOST_ERRORS_SHOWN
            err.print(f"and {more:,} more lines failed; --results FILE says why")
        counts = {outcome.value: self.outcomes[outcome] for outcome in Outcome if self.outcomes[outcome]}
        if as_json:
            print_json({"lines": total, "outcomes": counts})
            return
        said = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
        out.print(
            f"[bold]{escape(str(workspace))}[/]: {counted(total, 'line')}: {said or 'nothing to do'}", soft_wrap=True
        )


def _said(problem: str, name: str, position: int) -> str:
    """An error without the place in the batch: the number of the line says it."""
    place = f"{name}[{position}]"
    return problem.removeprefix(f"{place}.").removeprefix(f"{place}: ")
