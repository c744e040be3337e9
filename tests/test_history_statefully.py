"""Whatever was written since, an evaluation of an instant that has passed finds who an evaluation at it found."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import populace
from engine.definition import Segment
from engine.errors import PopulaceError
from engine.storage import StoreSettings
from engine.storage.workspace_folder import opened_workspace
from ingest.workspace import Workspace
from tests import contact_writes as tiny
from tests.definitions import Json, branch, events, field, goal, leaf, on_list, segment, tagged
from tests.engine_under_test import write_dataset

START = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOM_FIELDS = {"plan": "text", "old": "number", "renews_on": "date", "seen_at": "datetime", "is_vip": "boolean",
                 "own": "json"}  # fmt: skip

Step = tuple[Any, ...]
"""A write of `contact_writes`, or one of the names below, and its arguments."""

LEAVES: list[Json] = [
    field("first_name", "equals", "Ann"),
    field("first_name", "not_equals", "Ann"),
    field("country", "equals", "DE"),
    field("external_id", "is_set"),
    field("email", "equals", "a@x.example"),
    field("phone", "equals", tiny.PHONES[0]),
    field("orders_count", "gte", 2),
    field("created_at", "before_date", "2026-01-01T05:00:00Z"),
    *(field("updated_at", "before_date", f"2026-01-01T{hour:02}:00:00Z") for hour in range(1, 9)),
    field("updated_at", "in_the_last_days", "1"),
    field("created_at", "in_the_last_days", "1"),
    field("seen_at", "in_date_range", "2026-01-01", "2026-01-01"),
    field("custom_json_1", "equals", 1, json_path=["a"], field_type="number"),
    field("profile", "is_set", json_path=["a", "q"], field_type="string"),
    field("plan", "equals", "gold"),
    field("old", "gt", 1),
    field("is_vip", "equals", True),
    field("renews_on", "before_date", "2026-02-01"),
    field("own", "equals", "x", json_path=["k"], field_type="string"),
    tagged("x"),
    tagged("y", operator="not_in"),
    on_list("news"),
    on_list("news", "active"),
    on_list("offers"),
    on_list("news", "unsubscribed"),
    on_list("offers", "unsubscribed"),
    on_list("offers", "pending", operator="not_in"),
    leaf("identity", {"kind": "phone"}),
    leaf("identity", {"kind": "push_token"}),
    leaf("identity", {"kind": "external_id", "operator": "is_not_set"}),
    events("visit", "at_least", 1),
    events("visit", "exactly", 2, "in_the_last_days", "1"),
    events("custom_event.order", "at_least", 1),
    goal("sum", "gte", 2),
]

trees = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.builds(lambda word, nodes: branch(word, *nodes), st.sampled_from(["and", "or"]),
                            st.lists(inner, min_size=2, max_size=3))
    | st.builds(lambda node: branch("not", node), inner),
    max_leaves=5,
)  # fmt: skip

own_values = st.fixed_dictionaries(
    {"email": tiny.emails},
    optional={
        "country": st.sampled_from(["DE", "US", None]),
        "timezone": st.sampled_from(["Asia/Tokyo", "America/Lima", None]),
        "plan": st.sampled_from(["gold", 'in "quotes" \\ é', None]),
        "old": st.sampled_from([1.5, 0.1, 1e22, None]),
        "renews_on": st.sampled_from(["2026-01-31", "2026-02-01", None]),
        "seen_at": st.sampled_from([tiny.MIDDLE, START + timedelta(microseconds=1), None]),
        "is_vip": st.sampled_from([True, False, None]),
        "own": st.sampled_from([{"k": "x"}, {"k": ["x"]}, None]),
    },
)
contact_rows = st.lists(
    st.fixed_dictionaries(
        {"email": st.sampled_from(tiny.EMAILS)},
        optional={
            "first_name": tiny.names | st.none(),
            "orders_count": tiny.numbers,
            "phone": tiny.phones | st.none(),
            "external_id": tiny.external_ids | st.none(),
            "timezone": st.sampled_from(["Asia/Tokyo", None]),
            "tags": st.sampled_from([["x"], ["y", "x"], None]),
            "created_at": st.sampled_from([tiny.EARLY, tiny.FUTURE]),
        },
    ),
    min_size=1,
    max_size=3,
)
subscription_rows = st.lists(
    st.fixed_dictionaries(
        {
            "email": st.sampled_from(tiny.EMAILS),
            "list_id": tiny.lists,
            "status": st.sampled_from(["active", "pending", "unsubscribed"]),
        }
    ),
    min_size=1,
    max_size=3,
)
list_rows = st.lists(
    st.fixed_dictionaries(
        {"id": tiny.lists, "name": st.just("A")}, optional={"deleted_at": st.sampled_from([tiny.EARLY, None])}
    ),
    min_size=1,
    max_size=2,
)
imports = st.fixed_dictionaries(
    {}, optional={"contacts": contact_rows, "lists": list_rows, "subscriptions": subscription_rows}
)

writes = st.one_of(
    tiny.writes_of_contacts,
    tiny.writes_of_identities.filter(lambda write: write[0] != "erase"),
    tiny.writes_of_lists,
    tiny.writes_of_tags,
    st.tuples(st.just("record"), tiny.events.filter(lambda event: event["kind"] != "open_email")),
    st.tuples(st.just("delete_custom"), tiny.order_ids, st.just(False)),
    st.tuples(st.just("own_values"), own_values),
    st.tuples(st.just("visit"), tiny.emails),
    st.tuples(st.just("visit"), tiny.emails),
    st.tuples(st.just("order"), tiny.emails, tiny.order_ids, tiny.numbers),
    st.tuples(st.just("merge"), st.lists(tiny.emails, min_size=2, max_size=3)),
)
steps = st.one_of(
    *[st.lists(writes, min_size=1, max_size=4).map(lambda items: ("writes", items))] * 16,
    st.tuples(st.just("import"), imports.filter(bool)),
    st.tuples(st.just("erase"), tiny.emails),
)


BEGINNING: Step = (
    "writes",
    [
        *(("upsert", {"email": email, "first_name": "Ann", "phone": phone, "profile": {"a": {"q": 1}}, "tags": ["x"]})
          for email, phone in zip(tiny.EMAILS, (*tiny.PHONES, None), strict=True)),
        ("own_values", {"email": tiny.EMAILS[0], "country": "DE", "timezone": "Asia/Tokyo"}),
        ("own_values", {"email": tiny.EMAILS[0], "seen_at": "2026-01-01T20:00:00Z"}),
        ("own_values", {"email": tiny.EMAILS[1], "country": "DE", "plan": "gold", "old": 2, "renews_on": "2026-01-31"}),
        ("subscribe", tiny.EMAILS[0], "news", "api"),
        ("subscribe", tiny.EMAILS[1], "offers", "api"),
        ("visit", tiny.EMAILS[0]),
        ("visit", tiny.EMAILS[1]),
        ("order", tiny.EMAILS[1], "1", 2),
    ],
)  # fmt: skip
"""There is something for later writes to change."""


class Shop:
    """A workspace whose clock stands still until it is told to go on."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now, self.import_count = folder, START, 0
        shutil.copytree(_empty_workspace(), folder / "shop")
        with ExitStack() as stack:
            store = stack.enter_context(opened_workspace(folder / "shop", StoreSettings(threads=1)))
            self.workspace = Workspace(folder / "shop", store, stack.pop_all(), clock=lambda: self.now)

    def take(self, step: Step) -> None:
        """The next hour, and what is written in it; what is refused is refused."""
        self.now += timedelta(hours=1)
        word, *arguments = step
        match word:
            case "writes":
                for write in arguments[0]:
                    self.write(write)
            case "import":
                self.import_dataset(arguments[0])
            case "erase":
                self.write(("erase", arguments[0], False))

    def write(self, write: Step) -> None:
        word, *arguments = write
        try:
            match word:
                case "own_values":
                    self.workspace.upsert(arguments[0])
                case "visit":
                    self.workspace.events.record({"email": arguments[0], "kind": "visit", "occurred_at": self.now})
                case "order":
                    email, external_id, value = arguments
                    order = {"email": email, "event_name": "order", "external_id": external_id}
                    goals = {"goal_type": "purchase", "goal_value": value, "occurred_at": self.now}
                    self.workspace.events.record_custom({**order, **goals})
                case _:
                    tiny.made_in(self.workspace, write)
        except PopulaceError:
            pass

    def import_dataset(self, dataset: Json) -> None:
        folder = self.folder / f"data {self.import_count}"
        self.import_count += 1
        folder.mkdir()
        write_dataset(dataset, folder)
        self.workspace.import_dataset(folder)

    def members(self, segments: Sequence[Segment], as_of: datetime) -> tuple[datetime | None, dict[str, Any]]:
        """Since when the answer is exact, and the e-mails (None: without one) of the members of each segment."""
        found = self.workspace.preview(segments, as_of=as_of, sample_size=10)
        assert not [item.failure for item in found.segments if item.failure]
        named = {item.segment.id: (item.size, item.sample) for item in found.segments}
        return found.exact_since, {"everyone": found.contact_count, **named}


@cache
def _empty_workspace() -> Path:
    """A workspace with lists and custom fields alone; every run copies it, which is faster than making one."""
    folder = TemporaryDirectory(prefix="populace-history-")
    _KEPT.append(folder)
    with populace.init(Path(folder.name) / "shop") as shop:
        for key, kind in CUSTOM_FIELDS.items():
            shop.fields.define(key, kind)
        for list_id in ("news", "offers"):
            shop.lists.save(list_id, is_public=True)
    return Path(folder.name) / "shop"


_KEPT: list[TemporaryDirectory[str]] = []


@contextmanager
def opened_shop() -> Iterator[Shop]:
    with TemporaryDirectory(prefix="populace-history-") as folder:
        shop = Shop(Path(folder))
        with shop.workspace:
            yield shop


def read(shop: Shop, definitions: Sequence[Json]) -> list[Segment]:
    fields = shop.workspace.fields.of_definitions
    return [populace.read_segment(item, fields=fields) for item in definitions]


LOCAL = segment(field("seen_at", "today"), "local", timezone="contact")
ALONE = [segment(tree, f"leaf-{number}") for number, tree in enumerate(LEAVES)]


A, B, C = tiny.EMAILS
EVERYTHING: list[Step] = [
    ("writes", [("own_values", {"email": A, "country": "US", "timezone": "America/Lima", "is_vip": True}),
                ("upsert", {"email": B, "first_name": "Bob", "profile": None}),
                ("own_values", {"email": B, "old": None})]),
    ("writes", [("add_tags", A, ["y"]), ("remove_tags", B, ["x"])]),
    ("writes", [("rename_tag", "x", "z")]),
    ("writes", [("unsubscribe", A, "news"), ("subscribe", B, "news", "api"), ("visit", A)]),
    ("writes", [("merge", [A, B])]),
    ("writes", [("visit", A), ("order", A, "1", 1), ("remove_subscription", A, "news")]),
    ("writes", [("visit", C), ("upsert", {"email": C, "created_at": tiny.EARLY})]),
    ("writes", [("merge", [A, C])]),
    ("writes", [("add_identity", A, ("push_token", "t")), ("subscribe", A, "news", "api")]),
    ("writes", [("delete_list", "news"), ("delete_tag", "y")]),
    ("writes", [("save_list", "news", {}), ("delete_custom", "1", False)]),
    ("import", {"contacts": [{"email": A, "external_id": "1", "tags": ["x"], "orders_count": 2}],
                "lists": [{"id": "offers", "name": "A", "deleted_at": tiny.EARLY}]}),
    ("writes", [("upsert", {"email": A, "phone": None, "external_id": None, "updated_at": tiny.EARLY})]),
]  # fmt: skip
"""One of each, and nothing that ends what is known exactly."""

ENDS: list[Step] = [
    ("writes", [("own_values", {"email": A, "country": "US"})]),
    (
        "import",
        {"contacts": [{"email": C, "first_name": "Bob"}, {"email": "new@x.example", "created_at": tiny.FUTURE}]},
    ),
    ("writes", [("upsert", {"email": "new@x.example", "first_name": "Ann"})]),
    ("erase", A),
    ("writes", [("upsert", {"email": A, "first_name": "Ann"})]),
]

ROWS = "SELECT count(*) FROM contacts UNION ALL SELECT count(*) FROM subscriptions"


@settings(max_examples=max(settings().max_examples // 28, 1), suppress_health_check=list(HealthCheck))
@example(history=EVERYTHING, drawn=[LEAVES[0]])
@example(history=ENDS[:3], drawn=[LEAVES[0]])
@example(history=ENDS, drawn=[LEAVES[0]])
@given(history=st.lists(steps, min_size=4, max_size=10), drawn=st.lists(trees, min_size=1, max_size=5))
def test_an_evaluation_of_an_instant_that_has_passed_finds_who_was_found_then(
    history: list[Step], drawn: list[Json]
) -> None:
    with opened_shop() as shop:
        definitions = [*ALONE, LOCAL, *(segment(tree, f"tree-{number}") for number, tree in enumerate(drawn))]
        segments = read(shop, definitions)
        found_then: dict[datetime, Any] = {}
        exact_since = None
        for step in (BEGINNING, *history):
            before = shop.workspace._store.rows(ROWS)
            shop.take(step)
            after = shop.workspace._store.rows(ROWS)
            # Nothing but a contact that is deleted, and a file with something new, ends what is known of before.
            is_more = any(new > old for (old,), (new,) in zip(before, after, strict=True))
            if (step[0] == "erase" and before != after) or (step[0] == "import" and is_more):
                exact_since = shop.now
            found_then[shop.now] = shop.members(segments, shop.now)
        for as_of, expected in found_then.items():
            found = shop.members(segments, as_of)
            assert found[0] == exact_since
            if exact_since is None or as_of >= exact_since:
                assert found[1] == expected[1], as_of
