"""Options and profiles that every test shares."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.scheduling import LastingScheduling

SHARED = Path(os.environ.get("POPULACE_SHARED", Path(__file__).parents[2] / "shared"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what it puts into the background deaf to Ctrl-C, and so are its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
LONG_EXAMPLES = int(os.environ.get("POPULACE_EXAMPLES", "20_000"))
"""A long run may be shared out among processes, each with so many examples of its own."""

settings.register_profile(
    "long", max_examples=LONG_EXAMPLES, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("unshrunk", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the SQL of tests/cases anew, for review")


LONGEST_FIRST = (
    *("test_recompute_incrementally", "test_http_schema", "test_engine_against_reference", "test_dialects"),
    *("test_explain_against_engine", "test_history_statefully", "test_writes_statefully", "test_webhook_delivery"),
    *("test_kill_live", "test_kill", "test_kill_writes", "test_snapshot_kill", "test_readme"),
)
"""Modules with tests of minutes: begun last, one of them would keep everybody waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LastingScheduling:
    return LastingScheduling(config, log)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of outside data and cases; tests that need it skip, loudly, where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"NO OUTSIDE CASES: {SHARED} is absent; name the folder in POPULACE_SHARED")
    return SHARED
