"""For any datasets one after the other, a workspace has exactly the rows that the model has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.storage import Store, StoreSettings
from ingest.dataset import open_dataset
from ingest.importing import import_dataset
from tests.engine_under_test import write_dataset
from tests.import_model import EVENT_FIELDS, ImportModel

EMAILS = st.sampled_from(["a@x.example", "b@x.example", "c@x.example"])
INSTANTS = st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"])
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SMALL = st.sampled_from(["1", "2"])
LISTS = st.sampled_from(["news", "offers"])


def _rows(required: Mapping[str, Any], optional: Mapping[str, Any], most: int = 4) -> st.SearchStrategy[Any]:
    given_optionally = {name: st.none() | strategy for name, strategy in optional.items()}
    return st.lists(st.fixed_dictionaries(dict(required), optional=given_optionally), max_size=most)


DATASETS = st.fixed_dictionaries(
    {},
    optional={
        "contacts": _rows(
            {"email": EMAILS},
            {
                "first_name": st.sampled_from(["Ann", ""]),
                "timezone": st.sampled_from(["Europe/Paris", "Mars/Olympus", "Asia/Tokyo"]),
                "custom_number_1": st.integers(0, 2),
                "tags": st.lists(st.sampled_from(["x", "y"]), max_size=2, unique=True),
            },
        ),
        "lists": _rows(
            {"id": LISTS, "name": st.sampled_from(["A", "B"])}, {"is_public": st.booleans(), "deleted_at": INSTANTS}
        ),
        "subscriptions": _rows(
            {"email": EMAILS, "list_id": LISTS, "status": st.sampled_from(["active", "unsubscribed", "bounced"])},
            {"created_at": INSTANTS},
        ),
        "timeline": _rows(
            {
                "email": EMAILS,
                "kind": st.sampled_from(["open_email", "custom_event.order"]),
                "occurred_at": INSTANTS,
            },
            {"id": SMALL, "entity_id": SMALL, "properties": st.sampled_from([{"a": 1}, {"a": 2}])},
            most=6,
        ),
        "custom_events": _rows(
            {"email": EMAILS, "event_name": st.just("order"), "external_id": SMALL, "occurred_at": INSTANTS},
            {
                "goal_type": st.sampled_from(["purchase", "lead"]),
                "goal_value": st.integers(0, 2),
                "deleted_at": INSTANTS,
            },
        ),
    },
)


@settings(max_examples=settings().max_examples // 8)
@given(datasets=st.lists(DATASETS.filter(bool), min_size=1, max_size=4))
def test_any_imports_leave_the_rows_of_the_model_and_again_nothing_new(datasets: list[dict[str, Any]]) -> None:
    model = ImportModel()
    with (
        TemporaryDirectory() as scratch,
        Store.create(Path(scratch) / "store.duckdb", StoreSettings(threads=1)) as store,
    ):
        for number, dataset in enumerate(datasets):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            write_dataset(dataset, folder)
            model.take(dataset)
            before = _rows_by_contact(store)
            _forget_touched(store)
            now = NOW + timedelta(seconds=number)
            import_dataset(store, open_dataset(folder), clock=lambda now=now: now)  # type: ignore[misc]
            assert _rows_of(store) == _rows_of_model(model)
            after = _rows_by_contact(store)
            different = {item for item in before | after if before.get(item) != after.get(item)}
            assert different <= {contact_id for (contact_id,) in store.rows("SELECT contact_id FROM touched")}
            generation = store.generation()
            _forget_touched(store)
            assert not import_dataset(store, open_dataset(folder), clock=lambda: NOW + timedelta(days=1)).has_changes
            assert store.generation() == generation
            assert store.rows("FROM touched") == []
        assert _rows_of(store) == _rows_of_model(model)
        _check_books(store)


def _rows_by_contact(store: Store) -> dict[int, Counter[tuple[Any, ...]]]:
    """Everything that a definition can see of each contact."""
    alive = "deleted_at, superseded_at"
    queries = (
        "SELECT contact_id, 'contact', * EXCLUDE (contact_id) FROM contacts",
        "SELECT contact_id, identity FROM identities",
        "SELECT s.contact_id, 'list', s.list_id, s.status, l.deleted_at FROM subscriptions AS s "
        "JOIN lists AS l ON l.id = s.list_id",
        "SELECT contact_id, kind, occurred_at, template_id, entity_id, properties FROM timeline",
        f"SELECT contact_id, event_name, external_id, occurred_at, goal_type, goal_value, {alive} FROM custom_events",
    )
    found: dict[int, Counter[tuple[Any, ...]]] = {}
    for query in queries:
        for contact_id, *row in store.rows(query):
            found.setdefault(contact_id, Counter())[_plain(tuple(row))] += 1
    return found


def _forget_touched(store: Store) -> None:
    with store.transaction() as cursor:
        cursor.execute("DELETE FROM touched")


def _rows_of(store: Store) -> dict[str, Counter[tuple[Any, ...]]]:
    events = ", ".join(f"t.{name}" for name in EVENT_FIELDS)
    of_contact = "JOIN contacts AS c USING (contact_id)"
    queries = {
        "contacts": "SELECT email, first_name, timezone, custom_number_1, tags, z.name FROM contacts AS c "
        "LEFT JOIN zones AS z USING (zone_id)",
        "lists": "SELECT id, name, is_public, deleted_at FROM lists",
        "subscriptions": f"SELECT c.email, list_id, status, t.created_at FROM subscriptions AS t {of_contact}",
        "timeline": f"SELECT c.email, {events} FROM timeline AS t {of_contact} WHERE t.changes IS NULL",
        "custom_events": "SELECT event_name, t.external_id, occurred_at, c.email, goal_type, goal_value, deleted_at, "
        f"superseded_at FROM custom_events AS t {of_contact}",
    }
    cursor = store.cursor()
    return {name: Counter(map(_plain, cursor.execute(query).fetchall())) for name, query in queries.items()}


def _rows_of_model(model: ImportModel) -> dict[str, Counter[tuple[Any, ...]]]:
    zones = {"Europe/Paris", "Asia/Tokyo"}
    contacts = [
        (
            email,
            row.get("first_name"),
            row.get("timezone"),
            row.get("custom_number_1"),
            row.get("tags"),
            row.get("timezone") if row.get("timezone") in zones else None,
        )
        for email, row in model.contacts.items()
    ]
    custom_events = [
        (
            *key,
            *values,
            min((at for *same, at in model.custom_events if same == list(key[:2]) and at > key[2]), default=None),
        )
        for key, values in model.custom_events.items()
    ]
    names = ("status", "created_at")
    return {
        "contacts": Counter(map(_plain, contacts)),
        "lists": Counter(
            _plain((row["id"], row["name"], row.get("is_public"), row.get("deleted_at")))
            for row in model.lists.values()
        ),
        "subscriptions": Counter(
            _plain((*key, *(row.get(name) for name in names))) for key, row in model.subscriptions.items()
        ),
        "timeline": Counter(map(_plain, model.events.values()))
        + Counter({_plain(event): count for event, count in model.events_without_id.items()}),
        "custom_events": Counter(map(_plain, custom_events)),
    }


def _plain(row: Sequence[Any]) -> tuple[Any, ...]:
    """The values of a row in one spelling."""
    return tuple(_plain_value(value) for value in row)


def _plain_value(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat() + "Z"
        case Decimal() | float():
            return int(value)
        case list():
            return tuple(value)
        case _:
            return value


def _check_books(store: Store) -> None:
    """Contact ids are dense, and every e-mail leads to its contact."""
    cursor = store.cursor()
    contacts = cursor.execute("SELECT contact_id, email FROM contacts ORDER BY contact_id").fetchall()
    assert [contact_id for contact_id, _ in contacts] == list(range(len(contacts)))
    identities = cursor.execute("SELECT contact_id, identity FROM identities ORDER BY contact_id").fetchall()
    assert identities == [(contact_id, f"email:{email}") for contact_id, email in contacts]
