"""What every command shares: where it prints, how errors look, what exit codes mean."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli.entry import EXIT_INTERRUPTED, STOPS
from engine.errors import CallerError, PopulaceError, StepFailedError

EXIT_OUR_FAULT = 1
EXIT_CALLERS_FAULT = 2

_UNBOUNDED_WIDTH = 100_000

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class StoppedHalfwayError(SystemExit):
    """The caller stopped a command that had done part of its work; `words` say what stays."""

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(EXIT_INTERRUPTED)


def print_table(table: Table) -> None:
    """The table with every character of its cells: folded to fit a terminal, in one line each everywhere else."""
    for column in table.columns:
        column.overflow = "fold"
    (out if out.is_terminal else Console(highlight=False, width=_UNBOUNDED_WIDTH)).print(table)


def print_json(value: object) -> None:
    """The value on standard output as indented JSON, and nothing else."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    sys.stdout.buffer.write(orjson.dumps(value, option=options))
    sys.stdout.buffer.flush()


def finish_undisturbed() -> None:
    """Let nothing stop the command any more: what was asked is kept, and all that is left is to say so."""
    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)


def exit_code_of(run: Callable[[], None]) -> int:
    """Run a command; errors are printed on standard error, without a traceback where the caller can fix them."""
    try:
        run()
    except CallerError as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        return EXIT_CALLERS_FAULT
    except PopulaceError as error:
        err.print(f"[bold red]populace failed:[/] {escape(str(error))}", soft_wrap=True)
        if isinstance(error, StepFailedError):
            err.print(escape(error.sql), soft_wrap=True)
        err.print("This is a bug of populace: please report it with the lines above.")
        return EXIT_OUR_FAULT
    except StoppedHalfwayError as end:
        err.print(end.words)
        return EXIT_INTERRUPTED
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != EXIT_INTERRUPTED:
            raise
        err.print("stopped; nothing was changed")
        return EXIT_INTERRUPTED
    except OSError as error:
        # Every file that a caller names has an error of its own: what is left is where we print.
        err.print(f"[bold red]error:[/] the output cannot be written: {escape(error.strerror or str(error))}")
        with suppress(OSError, ValueError):  # Python writes what is left when it ends, and would fail once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_CALLERS_FAULT
    except Exception:  # the last line of defence: whatever it is, the caller gets a report to send
        err.print(escape(traceback.format_exc()), soft_wrap=True)
        err.print("[bold red]populace failed:[/] this is a bug of populace: please report it with the lines above.")
        return EXIT_OUR_FAULT
    return 0
