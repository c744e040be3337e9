"""Where the command begins: stopped while it still loads its libraries, it ends as it does later."""

from __future__ import annotations

import signal
import sys

EXIT_INTERRUPTED = 130

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends a command: Ctrl-C, and what a scheduler or a closed terminal sends."""


def main() -> None:
    """Run the command; see `api.cli.main.main`."""
    try:
        for stop in STOPS:
            signal.signal(stop, signal.default_int_handler)
        from api.cli import main as program  # noqa: PLC0415 (half a second, in which Ctrl-C counts, too)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing was changed\n")
        sys.exit(EXIT_INTERRUPTED)
    program.main()


if __name__ == "__main__":
    main()
