"""A worker that dies costs one test: what it had not done is done by others, and the run ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

CONFTEST = """
import os
import time
import pytest
from tests.scheduling import LastingScheduling

@pytest.hookimpl
def pytest_xdist_make_scheduler(config, log):
    return LastingScheduling(config, log)

def pytest_collection_modifyitems():
    if os.environ.get("PYTEST_XDIST_WORKER") == SLOW:
        time.sleep(2)
"""

TESTS = """
import os
import pytest

@pytest.mark.parametrize("number", range(12))
def test_it(number):
    if number in {5, 11}:
        os._exit(1)
"""


@pytest.mark.parametrize("slow", ["nobody", "gw2"])
def test_a_worker_that_dies_costs_one_test_also_while_another_gathers_its_tests(tmp_path: Path, slow: str) -> None:
    (tmp_path / "conftest.py").write_text(f"SLOW = {slow!r}\n{CONFTEST}")
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS"):
        environment.pop(name, None)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=240, env=environment
    )
    assert "2 failed, 10 passed" in done.stdout, done.stdout + done.stderr
    assert "crashed while running 'test_it.py::test_it[11]'" in done.stdout
