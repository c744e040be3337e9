"""What SQL sees of a workspace: the documented columns, the right rows, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import populace
from engine.execute.analyst import QueryLimits, QueryResult, open_query
from engine.execute.publish import published_file
from engine.storage.published_views import CONTACT_COLUMNS, VIEWS
from ingest import question_methods
from ingest.workspace import Workspace
from tests.cases.world import AS_OF, WORLD
from tests.definitions import events, field, segment
from tests.engine_under_test import write_dataset

PAGE = (Path(__file__).parents[1] / "docs" / "sql.md").read_text("utf-8")
OPENERS = segment(events("open_email", "at_least", 1, "in_the_last_days", "30"), "mail-openers")
NOBODY = segment(field("country", "equals", "Atlantis"), "nobody")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "data").mkdir()
    write_dataset(WORLD, tmp_path / "data")
    with populace.init(tmp_path / "workspace") as opened:
        opened.import_dataset(tmp_path / "data")
        opened.apply([populace.read_segment(OPENERS), populace.read_segment(NOBODY)])
        opened.recompute(AS_OF)
        yield opened


def rows(workspace: Workspace, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(published_file(workspace._store)), read_only=True) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("name", VIEWS)
def test_the_page_lists_every_column_of_a_view_with_its_type(workspace: Workspace, name: str) -> None:
    section = PAGE.split(f"### {name}\n")[1].split("\n##")[0]
    documented = re.findall(r"^\| `(\w+)` \| (\S+) \| (.+) \|$", section, flags=re.MULTILINE)
    declared = [(column.name, column.type, column.meaning) for column in VIEWS[name].columns]
    assert documented == declared
    assert f"Rows: {VIEWS[name].rows}." in section
    described = [(column, kind) for column, kind, *_ in rows(workspace, f"DESCRIBE {name}")]
    assert described == [(column, kind) for column, kind, _ in declared]


def test_the_page_lists_no_other_view() -> None:
    assert re.findall(r"^### (.*)$", PAGE, flags=re.MULTILINE) == list(VIEWS)


def test_a_segment_view_has_the_columns_of_contacts_and_the_members(workspace: Workspace) -> None:
    described = [(column, kind) for column, kind, *_ in rows(workspace, 'DESCRIBE segment."mail-openers"')]
    assert described == [(column.name, column.type) for column in CONTACT_COLUMNS]
    found = rows(workspace, 'SELECT email FROM segment."mail-openers" ORDER BY email')
    assert found == [("ada@x.example",), ("bo@x.example",)]
    assert rows(workspace, "SELECT email FROM segment.nobody") == []


def test_memberships_and_segments_say_what_was_computed(workspace: Workspace) -> None:
    assert rows(workspace, "SELECT segment_id, email FROM memberships ORDER BY ALL") == [
        ("mail-openers", "ada@x.example"),
        ("mail-openers", "bo@x.example"),
    ]
    assert rows(workspace, "SELECT id, version, status, size FROM segments ORDER BY id") == [
        ("mail-openers", 1, "computed", 2),
        ("nobody", 1, "computed", 0),
    ]
    assert rows(workspace, "SELECT definition ->> '$.kind' FROM segments") == [("leaf",), ("leaf",)]


def test_a_question_whose_copy_is_replaced_before_it_is_opened_is_asked_of_the_next(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def too_late(published: Path, sql: str, limits: QueryLimits | None = None, **options: Any) -> QueryResult:
        if not asked:
            workspace.upsert({"email": "new@x.example"})
            published_file(workspace._store)
        asked.append(published)
        return open_query(published, sql, limits, **options)

    monkeypatch.setattr(question_methods, "open_query", too_late)
    count = workspace.sql("SELECT count(*) AS n FROM contacts")["n"].to_list()
    assert (count, len(set(asked))) == ([len(WORLD["contacts"]) + 1], 2)


def test_contacts_that_came_after_the_recompute_are_in_no_segment(workspace: Workspace, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    assert rows(workspace, "SELECT count(*) FROM contacts") == [(len(WORLD["contacts"]),)]
    newcomers = [{"email": f"new{number}@x.example", "country": "US"} for number in range(20)]
    write_dataset({"contacts": newcomers}, more)
    workspace.import_dataset(more)
    assert rows(workspace, "SELECT count(*) FROM memberships") == [(2,)]
    assert rows(workspace, 'SELECT count(*) FROM segment."mail-openers"') == [(2,)]
    assert rows(workspace, "SELECT count(*) FROM contacts") == [(len(WORLD["contacts"]) + 20,)]


def test_what_was_deleted_is_not_there_and_versions_count_once(workspace: Workspace, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    event = {"email": "ada@x.example", "event_name": "visit", "goal_type": "lead"}
    write_dataset(
        {
            "lists": [{"id": "old", "name": "Old", "deleted_at": "2026-01-01T00:00:00Z"}, {"id": "on", "name": "On"}],
            "subscriptions": [
                {"email": "ada@x.example", "list_id": "old", "status": "active"},
                {"email": "ada@x.example", "list_id": "on", "status": "active"},
            ],
            "custom_events": [
                {**event, "external_id": "1", "occurred_at": "2026-02-01T00:00:00Z", "goal_value": 1},
                {**event, "external_id": "1", "occurred_at": "2026-02-02T00:00:00Z", "goal_value": 2},
                {
                    **event,
                    "external_id": "2",
                    "occurred_at": "2026-02-01T00:00:00Z",
                    "deleted_at": "2026-02-02T00:00:00Z",
                },
            ],
        },
        more,
    )
    workspace.import_dataset(more)
    assert rows(workspace, "SELECT count(*) FROM lists WHERE id = 'old'") == [(0,)]
    assert rows(workspace, "SELECT list_id FROM subscriptions WHERE list_id IN ('old', 'on')") == [("on",)]
    visits = "SELECT external_id, goal_value FROM custom_events WHERE event_name = 'visit'"
    assert rows(workspace, visits) == [("1", 2)]
    events_of_timeline = "SELECT entity_type, entity_id FROM timeline WHERE kind = 'custom_event.visit'"
    assert rows(workspace, events_of_timeline) == [("custom_event", "1")]


def test_only_what_the_views_read_is_in_the_file(workspace: Workspace) -> None:
    tables = rows(workspace, "SELECT table_name FROM duckdb_tables() ORDER BY ALL")
    assert tables == [
        (name,)
        for name in (
            "base_contacts",
            "base_custom_events",
            "base_lists",
            "base_memberships",
            "base_segments",
            "base_subscriptions",
            "base_timeline",
        )
    ]


def test_a_file_is_made_once_for_what_has_not_changed_and_old_ones_go(workspace: Workspace, tmp_path: Path) -> None:
    first = published_file(workspace._store)
    made_at = first.stat().st_mtime_ns
    assert published_file(workspace._store) == first
    assert first.stat().st_mtime_ns == made_at
    workspace.recompute("2026-09-01T00:00:00Z")
    second = published_file(workspace._store)
    assert second != first
    assert [path.name for path in workspace.path.glob("published-*")] == [second.name]
    assert rows(workspace, "SELECT count(*) FROM memberships") == [(0,)]


def test_an_empty_workspace_can_be_asked_too(tmp_path: Path) -> None:
    with populace.init(tmp_path / "w") as workspace:
        for name in VIEWS:
            assert rows(workspace, f"SELECT * FROM {name}") == []


def test_the_lock_is_still_held_after_publishing(workspace: Workspace) -> None:
    """Copying the file within this process would give DuckDB's lock away."""
    published_file(workspace._store)
    with pytest.raises(populace.StoreError, match="in use"):
        populace.open(workspace.path, read_only=True)


@pytest.mark.parametrize("query", re.findall(r"^```sql\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL))
def test_every_example_of_the_page_is_allowed_and_runs(workspace: Workspace, query: str) -> None:
    workspace.apply([populace.read_segment({**OPENERS, "id": name}) for name in ("vip", "win-back")])
    workspace.recompute(AS_OF)
    assert workspace.sql(query).width > 0
