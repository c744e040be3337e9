"""Options and profiles that every test shares."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

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


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of outside data and cases; tests that need it skip, loudly, where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"NO OUTSIDE CASES: {SHARED} is absent; name the folder in POPULACE_SHARED")
    return SHARED
