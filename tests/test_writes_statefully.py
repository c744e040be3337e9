"""Whatever is written to a workspace, one by one or many at once, it knows what the model knows.

`POPULACE_STATEFUL_RUNS=5000` runs longer, with other seeds each time.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import populace
from engine.errors import PopulaceError
from engine.storage import StoreSettings
from engine.storage.changes import identity_index, memory
from engine.storage.workspace_folder import opened_workspace
from ingest.workspace import Workspace
from ingest.writes.write import Outcome, Written
from tests import contact_writes as tiny
from tests.contact_model_imports import take
from tests.contact_states import differences, state_of_store, state_of_world
from tests.contact_world import RefusedWrite, World
from tests.contact_writes import Write, made_in, made_in_model, naive
from tests.engine_under_test import write_dataset

START = datetime(2026, 1, 1)
RUNS = int(os.environ.get("POPULACE_STATEFUL_RUNS", "0"))

KINDS = st.sampled_from([["email", "phone"], ["email"], ["email", "external_id"], []])


def _rows(required: dict[str, Any], optional: dict[str, Any], most: int) -> st.SearchStrategy[Any]:
    return st.lists(st.fixed_dictionaries(required, optional=optional), min_size=1, max_size=most)


plain_emails = st.sampled_from(tiny.EMAILS)
TABLES = {
    "contacts": _rows(
        {"email": plain_emails},
        {
            "first_name": tiny.names | st.none(),
            "orders_count": tiny.numbers,
            "phone": tiny.phones | st.none(),
            "external_id": tiny.external_ids | st.none(),
            "tags": st.sampled_from([["x"], ["y", "x"], None]),
            "created_at": tiny.instants,
            "updated_at": tiny.instants,
        },
        3,
    ),
    "lists": _rows({"id": tiny.lists, "name": st.sampled_from(["A", "B"])}, {"is_public": st.booleans()}, 2),
    "subscriptions": _rows(
        {
            "email": plain_emails,
            "list_id": tiny.lists,
            "status": st.sampled_from(["active", "pending", "unsubscribed", "bounced"]),
        },
        {"created_at": tiny.instants},
        4,
    ),
    "timeline": _rows(
        {
            "email": plain_emails,
            "kind": st.sampled_from(["custom_event.order", "open_email", "bounce_email"]),
            "occurred_at": tiny.instants,
        },
        {"id": st.sampled_from(["1", "2"]), "entity_id": tiny.order_ids, "properties": st.just({"a": 1})},
        4,
    ),
    "custom_events": _rows(
        {
            "email": plain_emails,
            "event_name": st.just("order"),
            "external_id": tiny.order_ids,
            "occurred_at": tiny.instants,
        },
        {"goal_value": tiny.numbers, "deleted_at": st.just(tiny.EARLY)},
        3,
    ),
}
DATASETS = st.one_of(
    st.fixed_dictionaries({}, optional=TABLES).filter(bool),
    st.sampled_from(sorted(TABLES)).flatmap(lambda name: st.fixed_dictionaries({name: TABLES[name]})),
)


@cache
def _empty_workspace() -> Path:
    """A workspace that nothing was written to; runs copy it, which is faster than making one."""
    folder = TemporaryDirectory(prefix="populace-stateful-")
    _KEPT.append(folder)
    populace.init(Path(folder.name) / "shop").close()
    return Path(folder.name) / "shop"


_KEPT: list[TemporaryDirectory[str]] = []


class WritesMachine(RuleBasedStateMachine):
    """A workspace and the model, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(now=START)
        self.patch = pytest.MonkeyPatch()
        self.scratch = TemporaryDirectory(prefix="populace-stateful-")
        self.folder = Path(self.scratch.name) / "shop"
        shutil.copytree(_empty_workspace(), self.folder)
        self.shop = self.opened()
        self.tokens: list[tuple[str, str, int, str]] = []
        self.dataset_count = 0
        self.mails: dict[int, datetime] = {}

    def opened(self) -> Workspace:
        self.writes_since_opened = 0
        with ExitStack() as stack:
            store = stack.enter_context(opened_workspace(self.folder, StoreSettings(threads=1)))
            return Workspace(self.folder, store, stack.pop_all(), clock=lambda: self.world.now.replace(tzinfo=UTC))

    def teardown(self) -> None:
        try:
            report = self.shop.check()
            assert report.is_clean, [item for item in report.invariants if item.violation_count]
            self.shop.close()
        finally:
            self.patch.undo()
            self.scratch.cleanup()

    # --- writes -------------------------------------------------------------------------------------------------------

    @initialize(
        knows_identities=st.booleans(),
        flags=st.tuples(tiny.flags, tiny.flags),
        contacts=st.lists(tiny.known_contacts, min_size=1, max_size=4),
        writes=st.lists(tiny.first_writes, min_size=3, max_size=8),
    )
    def begin_with_something(
        self,
        knows_identities: bool,
        flags: tuple[dict[str, Any], dict[str, Any]],
        contacts: Sequence[dict[str, Any]],
        writes: Sequence[Write],
    ) -> None:
        self.patch.setattr(memory, "SECONDS_PER_READ_ROW", 0.0 if knows_identities else 10.0**6)
        self.patch.setattr(identity_index, "MOST_CHANGES", 4)
        news, offers = flags
        self.write(("save_list", "news", {"is_public": True, "is_double_optin": True, **news}))
        self.write(("save_list", "offers", {"is_public": True, "welcome_template_id": "w", **offers}))
        self.upsert_many([{"email": email} for email in tiny.EMAILS[:2]])
        self.upsert_many(contacts)
        self.write_in_one_group(writes)

    @rule(write=tiny.writes_of_contacts)
    def write_contact(self, write: Write) -> None:
        self.write(write)

    @rule(write=tiny.writes_of_contacts)
    def write_another_contact(self, write: Write) -> None:
        self.write(write)

    @rule(write=tiny.writes_of_identities)
    def write_identity(self, write: Write) -> None:
        self.write(write)

    @rule(write=tiny.writes_of_lists)
    def write_list(self, write: Write) -> None:
        self.write(write)

    @rule(write=tiny.writes_of_tags)
    def write_tag(self, write: Write) -> None:
        self.write(write)

    @rule(write=tiny.writes_of_events)
    def write_event(self, write: Write) -> None:
        self.write(write)

    def write(self, write: Write) -> None:
        """One write; it comes to the same in both."""
        self.begin([write])
        try:
            expected = _outcome(made_in_model(self.world, write))
        except RefusedWrite as refused:
            expected = refused.error
        try:
            found = _outcome(made_in(self.shop, write))
        except PopulaceError as error:
            found = type(error).__name__
        assert found == expected, f"{found} instead of {expected}"

    @rule(writes=st.lists(tiny.any_writes(), min_size=2, max_size=6))
    def write_a_group(self, writes: Sequence[Write]) -> None:
        self.write_in_one_group(writes)

    def write_in_one_group(self, writes: Sequence[Write]) -> None:
        """What threads write at the same moment is committed together, unless it is of a kind that is alone."""
        self.begin(writes)
        found: list[str | None] = []
        read = []
        for write in writes:
            try:
                read.append(self.read(write))
                found.append(None)
            except PopulaceError as error:
                found.append(type(error).__name__)
        written = iter(self.shop._writer.write(read))
        results = [next(written) if result is None else result for result in found]
        self.compare(results, [self.expected(write) for write in writes])

    @rule(contacts=st.lists(tiny.upserts, max_size=4))
    def upsert_many(self, contacts: Sequence[dict[str, Any]]) -> None:
        self.begin()
        found = self.shop.upsert_many(contacts)
        self.compare(found, [self.expected(("upsert", contact)) for contact in contacts])

    @rule(events=st.lists(tiny.events, max_size=4), custom=st.lists(tiny.custom_events, max_size=3))
    def record_many(self, events: Sequence[dict[str, Any]], custom: Sequence[dict[str, Any]]) -> None:
        self.begin()
        found = self.shop.events.record_many(events)
        self.compare(found, [self.expected(("record", event)) for event in events])
        self.begin()
        found = self.shop.events.record_custom_many(custom)
        self.compare(found, [self.expected(("record_custom", event)) for event in custom])

    @rule(kinds=KINDS)
    def choose_what_merges(self, kinds: list[str]) -> None:
        self.begin()
        outcome = self.shop.set_merging_identities(kinds)
        self.world.merging_kinds, old = frozenset(kinds), self.world.merging_kinds
        assert outcome == ("unchanged" if old == self.world.merging_kinds else "updated")

    @rule(address=tiny.addresses, list_id=tiny.lists, purpose=st.sampled_from(["confirmation", "unsubscribe"]))
    def make_link(self, address: Any, list_id: str, purpose: str) -> None:
        try:
            token = self.shop.lists.token(purpose, address, list_id)
        except PopulaceError:
            return
        word = {"confirmation": "confirm_with", "unsubscribe": "unsubscribe_with"}[purpose]
        self.tokens.append((word, token, self.world.contact_of(address), list_id))

    @precondition(lambda self: self.tokens)
    @rule(choice=st.integers(0, 3))
    def use_link(self, choice: int) -> None:
        self.write(self.tokens[-1 - choice % len(self.tokens)])

    @precondition(lambda self: self.world.mails)
    @rule(count=st.integers(1, 2))
    def send_mails(self, count: int) -> None:
        self.begin()
        rows = self.shop._store.rows("SELECT sequence FROM outbox ORDER BY sequence LIMIT $1", [count])
        assert self.shop.lists.mark_sent([0, *(sequence for (sequence,) in rows)]) is Outcome.DELETED
        del self.world.mails[:count]

    # --- files, and opening anew --------------------------------------------------------------------------------------

    @rule(dataset=DATASETS)
    def import_another_dataset(self, dataset: dict[str, Any]) -> None:
        self.import_dataset_twice(dataset)

    @rule(dataset=DATASETS)
    def import_dataset(self, dataset: dict[str, Any]) -> None:
        self.import_dataset_twice(dataset)

    def import_dataset_twice(self, dataset: dict[str, Any]) -> None:
        """A dataset comes in; and once more, which changes nothing."""
        self.begin()
        self.dataset_count += 1
        folder = Path(self.scratch.name) / str(self.dataset_count)
        folder.mkdir()
        write_dataset(dataset, folder)
        self.shop.import_dataset(folder)
        take(self.world, naive(dataset))
        content_hash = self.shop.content_hash()
        self.check()
        self.begin()
        assert not self.shop.import_dataset(folder).has_changes
        assert self.shop.content_hash() == content_hash

    @precondition(lambda self: self.writes_since_opened > 4)
    @rule()
    def reopen(self) -> None:
        self.shop.close()
        self.shop = self.opened()

    # --- looking ------------------------------------------------------------------------------------------------------

    @invariant()
    def check(self) -> None:
        found = state_of_store(self.shop._store, self.world.unordered)
        expected = state_of_world(self.world)
        different = differences(found, expected)
        assert not different, "\n".join(different)
        mails = dict(self.shop._store.rows("SELECT sequence, created_at FROM outbox"))
        for sequence, at in mails.items():
            assert self.mails.setdefault(sequence, at) == at, "a number was given to a second mail"

    # --- help ---------------------------------------------------------------------------------------------------------

    def begin(self, writes: Sequence[Write] = ()) -> None:
        """The next hour."""
        self.world.now += timedelta(hours=1)
        self.writes_since_opened += 1
        if any(name in {"rename_tag", "merge_tag", "delete_tag"} for name, *_ in writes):
            self.world.unordered.add(self.world.now)

    def expected(self, write: Write) -> str:
        try:
            return _outcome(made_in_model(self.world, write))
        except RefusedWrite as refused:
            return refused.error

    def compare(self, results: Sequence[Written | str], expected: Sequence[str]) -> None:
        found = [_result(result) for result in results]
        assert found == expected, f"{found} instead of {expected}"

    def read(self, write: Write) -> Any:
        """The checked form of a write, as the writer gets it. Raises: CallerError."""
        writer = self.shop._writer
        with _Caught(writer) as caught:
            made_in(self.shop, write)
        return caught.write


class _Caught:
    """Keeps a writer from writing, and what it was to write."""

    def __init__(self, writer: Any) -> None:
        self.writer = writer
        self.write: Any = None

    def __enter__(self) -> _Caught:
        self.writer.write_one = self.catch
        return self

    def __exit__(self, *_: object) -> None:
        del self.writer.write_one

    def catch(self, write: Any) -> Outcome:
        self.write = write
        return Outcome.UNCHANGED


def _outcome(outcome: Any) -> str:
    """An outcome in one spelling; erasing says nothing."""
    return "deleted" if outcome is None else str(outcome)


def _result(result: Written | str) -> str:
    if isinstance(result, str):
        return result
    return result.outcome if result.error is None else type(result.error).__name__


if RUNS:
    _SETTINGS = settings(
        max_examples=RUNS,
        stateful_step_count=30,
        deadline=None,
        derandomize=False,
        print_blob=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
else:
    _SETTINGS = settings(max_examples=15, stateful_step_count=20, suppress_health_check=list(HealthCheck))

TestWrites = WritesMachine.TestCase
TestWrites.settings = _SETTINGS
