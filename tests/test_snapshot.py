"""A snapshot is the whole workspace as Parquet that others read, and writes only what changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

import populace
from engine.storage.snapshot import Manifest, read_manifest
from ingest.workspace import Workspace
from tests.full_workspace import all_rows, fill, run


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "w", timezone="Europe/Paris") as opened:
        fill(opened, tmp_path)
        yield opened


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def named_by(manifest: Manifest) -> set[str]:
    return {"manifest.json", *(file.path for file in manifest.files)}


def test_every_table_is_there_and_every_row(workspace: Workspace, tmp_path: Path) -> None:
    report = workspace.snapshot(tmp_path / "s")
    assert report.manifest.row_counts == {table: len(rows) for table, rows in all_rows(workspace).items()}
    assert all(report.manifest.row_counts.values()), "a table without rows is not tested"
    assert files_of(tmp_path / "s") == named_by(report.manifest)
    assert report.manifest == read_manifest(tmp_path / "s")
    assert report.manifest.timezone == "Europe/Paris"
    assert report.manifest.content_hash == workspace.content_hash()
    months = {(file.month, file.rows) for file in report.manifest.files if file.table == "timeline"}
    assert months == {("2026-01", 1), ("2026-03", 3), ("2026-04", 1), ("2026-05", 4), ("2026-06", 2)}


def test_polars_and_pyarrow_read_it_and_contact_ids_join_it(workspace: Workspace, tmp_path: Path) -> None:
    workspace.snapshot(tmp_path / "s")
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_text())
    paths = {table: [tmp_path / "s" / f["path"] for f in manifest["files"] if f["table"] == table]
             for table in manifest["tables"]}  # fmt: skip
    timeline = pl.scan_parquet(tmp_path / "s" / "timeline" / "*.parquet")
    assert timeline.collect_schema()["occurred_at"] == pl.Datetime("us", "UTC")
    opens = timeline.filter(pl.col("kind") == "open_email").join(
        pl.scan_parquet(paths["contacts"]), on="contact_id", how="inner", suffix="_of_contact"
    )
    found = opens.select("email", "timezone", "occurred_at").sort("occurred_at").collect().rows()
    assert found[0] == ("cy@x.example", "Mars/Olympus", datetime(2026, 1, 1, tzinfo=UTC))
    assert len(found) == 6
    arrow = pyarrow.dataset.dataset([str(path) for path in paths["timeline"]], format="parquet")
    assert arrow.schema.field("occurred_at").type == pa.timestamp("us", "UTC")
    assert (
        arrow.count_rows()
        == sum(f["rows"] for f in manifest["files"] if f["table"] == "timeline")
        == timeline.select(pl.len()).collect().item()
    )
    (zones,) = paths["zones"]
    (contacts,) = paths["contacts"]
    zone_names = pl.read_parquet(contacts).join(pl.read_parquet(zones), on="zone_id")
    assert zone_names.filter(pl.col("timezone") != pl.col("name")).height == 0
    assert "America/Havana" in zone_names["name"]


def test_rows_of_a_month_lie_by_kind_and_contact(workspace: Workspace, tmp_path: Path) -> None:
    run(
        workspace,
        """INSERT INTO timeline (contact_id, kind, occurred_at, sequence)
        SELECT (i * 7) % 5, 'kind_' || (i % 3), TIMESTAMP '2025-02-01' + INTERVAL (i * 13 % 600) HOUR, 1000 + i
        FROM range(500) AS r(i)""",
    )
    report = workspace.snapshot(tmp_path / "s")
    (path,) = [file.path for file in report.manifest.files if file.month == "2025-02"]
    rows = pl.read_parquet(tmp_path / "s" / path).select("kind", "contact_id", "occurred_at")
    assert rows.height == 500
    assert rows.equals(rows.sort("kind", "contact_id", "occurred_at"))


def test_a_second_snapshot_keeps_everything(workspace: Workspace, tmp_path: Path) -> None:
    first = workspace.snapshot(tmp_path / "s")
    before = {path: (tmp_path / "s" / path).stat().st_mtime_ns for path in files_of(tmp_path / "s")}
    second = workspace.snapshot(tmp_path / "s")
    assert (second.written, second.removed_count) == ((), 0)
    assert second.kept == tuple(sorted(first.written, key=lambda file: (file.table, file.month or "")))
    after = {path: (tmp_path / "s" / path).stat().st_mtime_ns for path in files_of(tmp_path / "s")}
    assert {path for path in before if before[path] != after[path]} == {"manifest.json"}
    assert second.manifest.content_hash == first.manifest.content_hash


CHANGES = {
    # Counts, and sums of the values of each column, stay the same in these.
    "a value": "UPDATE timeline SET template_id = 't9' WHERE occurred_at = TIMESTAMP '2026-05-02 12:00:00'",
    "values of two rows change places": """
        UPDATE timeline SET contact_id = CASE contact_id WHEN 0 THEN 1 ELSE 0 END
        WHERE id = 'o1' OR occurred_at = TIMESTAMP '2026-05-02 12:00:00'""",
    "a value moves to another column": """
        UPDATE timeline SET entity_id = template_id, template_id = NULL WHERE id = 'o1'""",
    "nothing becomes an empty text": "UPDATE timeline SET entity_type = '' WHERE id = 'o1'",
    "a row leaves": "DELETE FROM timeline WHERE id = 'o1'",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES.keys())
def test_only_the_month_that_changed_is_written(workspace: Workspace, tmp_path: Path, statement: str) -> None:
    first = workspace.snapshot(tmp_path / "s")
    run(workspace, statement)
    second = workspace.snapshot(tmp_path / "s")
    assert [(file.table, file.month) for file in second.written] == [("timeline", "2026-05")]
    assert second.removed_count == 1
    assert files_of(tmp_path / "s") == named_by(second.manifest)
    assert second.manifest.content_hash == workspace.content_hash() != first.manifest.content_hash


def test_rows_that_lie_otherwise_are_no_change(workspace: Workspace, tmp_path: Path) -> None:
    workspace.snapshot(tmp_path / "s")
    run(
        workspace,
        "CREATE TABLE t AS FROM timeline ORDER BY sequence DESC",
        "DELETE FROM timeline",
        "INSERT INTO timeline FROM t",
        "DROP TABLE t",
    )
    assert workspace.snapshot(tmp_path / "s").written == ()


def test_a_month_that_is_empty_now_is_gone(workspace: Workspace, tmp_path: Path) -> None:
    workspace.snapshot(tmp_path / "s")
    run(workspace, "DELETE FROM timeline", "DELETE FROM lists")
    manifest = workspace.snapshot(tmp_path / "s").manifest
    assert not (tmp_path / "s" / "timeline").exists()
    assert (manifest.row_counts["timeline"], manifest.row_counts["lists"]) == (0, 0)
    assert files_of(tmp_path / "s") == named_by(manifest)


def test_a_new_column_is_a_change(workspace: Workspace, tmp_path: Path) -> None:
    workspace.snapshot(tmp_path / "s")
    run(workspace, "ALTER TABLE contacts ADD COLUMN nothing_yet VARCHAR")
    assert [file.table for file in workspace.snapshot(tmp_path / "s").written] == ["contacts"]


def test_a_file_that_was_lost_is_written_again(workspace: Workspace, tmp_path: Path) -> None:
    first = workspace.snapshot(tmp_path / "s")
    path = next(file.path for file in first.manifest.files if file.table == "contacts")
    (tmp_path / "s" / path).unlink()
    assert [file.path for file in workspace.snapshot(tmp_path / "s").written] == [path]


def test_leftovers_go_and_files_of_others_stay(workspace: Workspace, tmp_path: Path) -> None:
    workspace.snapshot(tmp_path / "s")
    (tmp_path / "s" / ".partial-x").mkdir()
    (tmp_path / "s" / ".partial-x" / "part.parquet").touch()
    (tmp_path / "s" / "lists-0123456789abcdef.parquet").touch()
    (tmp_path / "s" / ".manifest.json.x1y2.partial").touch()  # of a process that was killed in this very moment
    (tmp_path / "s" / "README").touch()
    report = workspace.snapshot(tmp_path / "s")
    assert report.removed_count == 1
    assert files_of(tmp_path / "s") == {*named_by(report.manifest), "README"}


def test_a_folder_of_something_else_is_refused_and_stays_as_it_is(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(populace.SnapshotError, match=r"holds other files, such as 'letter\.txt'"):
        workspace.snapshot(tmp_path / "other")
    with pytest.raises(populace.SnapshotError, match="holds other files"):
        workspace.snapshot(tmp_path / "w")
    assert files_of(tmp_path / "other") == {"letter.txt"}
    (tmp_path / "file").touch()
    with pytest.raises(populace.CallerError):
        workspace.snapshot(tmp_path / "file")


def test_a_snapshot_of_another_workspace_is_not_replaced(workspace: Workspace, tmp_path: Path) -> None:
    workspace.snapshot(tmp_path / "s")
    before = (tmp_path / "s" / "manifest.json").read_bytes()
    with (
        populace.init(tmp_path / "w2") as other,
        pytest.raises(populace.SnapshotError, match="snapshots of another workspace"),
    ):
        other.snapshot(tmp_path / "s")
    assert (tmp_path / "s" / "manifest.json").read_bytes() == before


def test_two_do_not_write_into_one_folder_at_once(workspace: Workspace, tmp_path: Path) -> None:
    refused: list[str] = []

    def write_again(_part: str) -> None:
        if not refused:
            with pytest.raises(populace.SnapshotError, match="is being written or restored") as caught:
                workspace.snapshot(tmp_path / "s")
            refused.append(str(caught.value))

    workspace.snapshot(tmp_path / "s", on_part=write_again)
    assert refused


def test_it_sees_one_instant_while_others_write_and_nobody_waits(workspace: Workspace, tmp_path: Path) -> None:
    """Between any two parts somebody writes to every table of the rest, and brings the log into the file."""
    before = {table: len(rows) for table, rows in all_rows(workspace).items()}
    content_hash = workspace.content_hash()

    def write(_part: str) -> None:
        def work() -> None:
            run(
                workspace,
                "INSERT INTO timeline (contact_id, kind, occurred_at, sequence) "
                "SELECT 0, 'late', TIMESTAMP '2026-05-03', max(sequence) + 1 FROM timeline",
                "UPDATE contacts SET first_name = first_name || '!'",
                "INSERT INTO touched VALUES (1)",
                "INSERT INTO subscriptions (contact_id, list_id, status) VALUES (4, 'x', 'active')",
            )
            workspace._store.checkpoint()

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(timeout=20)
        assert not thread.is_alive(), "a writer waits for the snapshot"

    report = workspace.snapshot(tmp_path / "s", on_part=write)
    assert report.manifest.row_counts == before
    assert report.manifest.content_hash == content_hash != workspace.content_hash()


def test_a_workspace_that_is_only_read_gives_a_snapshot(workspace: Workspace, tmp_path: Path) -> None:
    workspace.close()
    with populace.open(tmp_path / "w", read_only=True) as reader:
        assert reader.snapshot(tmp_path / "s").manifest.row_counts["contacts"] == 5
