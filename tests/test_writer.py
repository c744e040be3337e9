"""The one writer of a workspace among threads, imports, Ctrl-C and full disks."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import populace
from engine.definition import read_segment
from ingest.writes.upsert import Upsert
from tests.definitions import field
from tests.engine_under_test import write_dataset
from tests.test_full_disk import fill, small_disk

__all__ = ["small_disk"]

SECONDS = 1.0


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[populace.Workspace]:
    with populace.init(tmp_path / "w") as opened:
        yield opened


def emails(workspace: populace.Workspace) -> list[str]:
    return [email for (email,) in workspace._store.rows("SELECT email FROM contacts ORDER BY email")]


def test_many_threads_that_upsert_the_same_contacts_lose_nothing(workspace: populace.Workspace) -> None:
    """50 threads, 10 e-mails: each thread has a field of its own, which nobody else overwrites."""
    fields = [f"custom_{kind}_{n}" for kind in ("string", "number") for n in range(1, 6)]
    until = time.monotonic() + SECONDS
    last: dict[tuple[str, str], Any] = {}
    failures: list[BaseException] = []

    def work(thread: int) -> None:
        number = 0
        try:
            while time.monotonic() < until:
                number += 1
                email, name = f"c{(thread + number) % 10}@example.com", fields[thread % 10]
                if thread >= 10:  # they write what all write
                    workspace.upsert({"email": email, "country": "DE"})
                    continue
                value: Any = f"{thread}-{number}" if "string" in name else number
                workspace.upsert({"email": email.upper(), name: value})
                last[email, name] = value
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    rows = workspace._store.rows(f"SELECT email, country, {', '.join(fields)} FROM contacts")
    assert len(rows) == 10
    for email, country, *values in rows:
        assert country == "DE"
        stored = dict(zip(fields, values, strict=True))
        assert {name: stored[name] for name in fields if (email, name) in last} == {
            name: value for (of, name), value in last.items() if of == email
        }


def test_a_write_that_is_a_bug_fails_alone(workspace: populace.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = Upsert.apply

    def planted(self: Upsert, changes: Any) -> Any:
        outcome = apply(self, changes)  # it has changed rows in memory when it fails
        if self.document.values["email"] == "bug@example.com":
            raise ZeroDivisionError
        return outcome

    monkeypatch.setattr(Upsert, "apply", planted)
    results = workspace.upsert_many([{"email": f"{name}@example.com"} for name in ("a", "bug", "b", "c")])
    assert [str(result.outcome) for result in results] == ["created", "failed", "created", "created"]
    assert isinstance(results[1].error, populace.InternalError)
    assert emails(workspace) == ["a@example.com", "b@example.com", "c@example.com"]
    assert [i for (i,) in workspace._store.rows("SELECT contact_id FROM contacts ORDER BY 1")] == [0, 1, 2]


def test_writes_go_on_after_an_import_of_the_same_workspace(workspace: populace.Workspace, tmp_path: Path) -> None:
    """The writer knows the next numbers by heart; an import gives some of them away."""
    workspace.upsert({"email": "a@example.com"})
    (tmp_path / "data").mkdir()
    events = [{"id": "e1", "email": "b@example.com", "kind": "open_email", "occurred_at": "2026-01-01T00:00:00Z"}]
    write_dataset({"contacts": [{"email": "b@example.com"}], "timeline": events}, tmp_path / "data")
    workspace.import_dataset(tmp_path / "data")
    workspace.upsert({"email": "c@example.com"})
    assert workspace.events.record(events[0]) == "unchanged"
    assert emails(workspace) == ["a@example.com", "b@example.com", "c@example.com"]
    assert workspace.check().is_clean


def test_ctrl_c_of_a_recompute_does_not_fail_the_writes_of_other_threads(tmp_path: Path) -> None:
    work = f"""
import populace, signal, threading, time, os
signal.signal(signal.SIGINT, signal.default_int_handler)
with populace.init({str(tmp_path / "w")!r}) as workspace:
    failed, count, ending = [], [0], threading.Event()
    def write():
        while not ending.is_set():
            try:
                workspace.upsert({{"email": f"c{{count[0]}}@example.com"}})
                count[0] += 1
            except BaseException as error:
                failed.append(error)
    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(20):
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            for _ in range(20):  # a recompute that was done before it could stop takes the press with it
                workspace.recompute()
        except KeyboardInterrupt:
            pass
    ending.set()
    thread.join()
    assert failed == [], failed
    assert workspace._store.row_count("contacts") == count[0] > 0
"""
    subprocess.run([sys.executable, "-c", work], check=True, timeout=120, cwd=Path(__file__).parents[1])


def test_a_full_disk_fails_writes_and_loses_none_and_room_is_enough_to_go_on(small_disk: Path) -> None:
    with populace.init(small_disk / "w") as workspace:
        acknowledged = ["first@example.com"]
        workspace.upsert({"email": acknowledged[0]})
        filler = fill(small_disk, leave_bytes=300_000)
        with pytest.raises(populace.StoreError, match="no space left on the disk"):
            for number in range(100_000):
                workspace.upsert({"email": f"{number}@example.com", "custom_string_1": "x" * 10_000})
                acknowledged.append(f"{number}@example.com")
        # A checkpoint without room is what DuckDB does not get over by itself.
        with pytest.raises(populace.StoreError, match="no space left on the disk"):
            workspace._store.checkpoint()
        assert emails(workspace) == sorted(acknowledged)
        filler.unlink()
        workspace.upsert({"email": "last@example.com"})
        assert emails(workspace) == sorted([*acknowledged, "last@example.com"])
        assert workspace.check().is_clean
    with populace.open(small_disk / "w") as workspace:
        assert emails(workspace) == sorted([*acknowledged, "last@example.com"])


def test_a_second_process_is_told_who_holds_the_workspace(workspace: populace.Workspace) -> None:
    work = f"import populace; populace.open({str(workspace.path)!r})"
    done = subprocess.run(
        [sys.executable, "-c", work], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1]
    )
    assert "is in use by process" in done.stderr, done.stderr


def test_a_workspace_that_is_read_only_refuses_writes(tmp_path: Path) -> None:
    populace.init(tmp_path / "w").close()
    with (
        populace.open(tmp_path / "w", read_only=True) as workspace,
        pytest.raises(populace.StoreError, match="read only"),
    ):
        workspace.upsert({"email": "a@example.com"})


def test_what_is_read_is_of_one_state_while_others_write(workspace: populace.Workspace) -> None:
    """A contact that comes in between two statements of an evaluation had no room in its sets."""
    everyone = read_segment(
        {
            "id": "everyone",
            "timezone": "UTC",
            "tree": field("email", "is_set"),
        }
    )
    ended, failures = threading.Event(), []

    def write() -> None:
        number = 0
        while not ended.is_set():
            number += 20
            for outcome in workspace.upsert_many([{"email": f"c{number + i}@example.com"} for i in range(20)]):
                if outcome.error is not None:
                    failures.append(outcome.error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(100):
            found = workspace.preview([everyone])
            assert found.segments[0].size == found.contact_count
    finally:
        ended.set()
        thread.join()
    assert not failures
