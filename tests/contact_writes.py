"""Writes of tiny worlds, as data: how each is made in a workspace, and what it is in the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from ingest.workspace import Workspace
from tests import contact_model, contact_model_events, contact_model_lists, contact_model_profiles
from tests.contact_world import World

EARLY, MIDDLE, FUTURE = (
    datetime(2025, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, 5, 30, tzinfo=UTC),
    datetime(2030, 1, 1, tzinfo=UTC),
)
"""Before every write; after the first few (one an hour from 2026 on); after all."""

EMAILS = ("a@x.example", "b@x.example", "c@x.example")
PHONES = ("+4930123456", "+4930123457")

Write = tuple[Any, ...]
"""A name in `IN_WORKSPACE` and `IN_MODEL`, and its arguments."""

emails = st.sampled_from([*EMAILS, *EMAILS, *EMAILS, " A@X.Example "])
phones = st.sampled_from(PHONES)
external_ids = st.sampled_from(["1", "2"])
order_ids = st.sampled_from(["1", "2", "3"])
names = st.sampled_from(["Ann", "Bob"])
numbers = st.sampled_from([1, 2])
lists = st.sampled_from(["news", "offers"])
tags = st.sampled_from(["x", "y"])
instants = st.sampled_from([EARLY, MIDDLE, FUTURE])
objects = st.sampled_from([{"a": 1}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": {"q": [1]}}, {"a": None}])

identities = st.one_of(
    st.tuples(st.just("email"), emails),
    st.tuples(st.just("phone"), phones),
    st.tuples(st.just("external_id"), external_ids),
    st.tuples(st.just("push_token"), st.just("t")),
)
objects_of_identities = identities.map(lambda identity: {"kind": identity[0], "value": identity[1]})
addresses = st.one_of(emails, emails, objects_of_identities)

contacts = st.fixed_dictionaries(
    {},
    optional={
        "email": emails,
        "phone": st.one_of(phones, phones, st.sampled_from(["no number", None])),
        "external_id": external_ids | st.none(),
        "first_name": names | st.none(),
        "orders_count": numbers | st.none(),
        "custom_json_1": objects | st.sampled_from([[1], None]),
        "profile": objects | st.none(),
        "tags": st.lists(tags, unique=True, max_size=2) | st.none(),
        "created_at": instants | st.none(),
        "updated_at": instants | st.none(),
        "identities": st.lists(objects_of_identities, max_size=1),
    },
)
known_contacts = st.builds(lambda contact, email: {**contact, "email": email}, contacts, emails)
upserts = st.one_of(
    known_contacts,
    known_contacts,
    known_contacts,
    contacts,
    st.sampled_from([{"email": None, "external_id": "1"}, {"email": "nobody"}, {"phone": None, "first_name": "Ann"}]),
)

_SETS = {
    "first_name": names | st.none(),
    "orders_count": numbers,
    "phone": phones | st.none(),
    "external_id": external_ids | st.none(),
    "email": emails.map(lambda email: email.strip().lower()),
    "tags": st.lists(tags, unique=True, max_size=2) | st.none(),
    "updated_at": instants,
    "created_at": instants,
    "a": st.sampled_from([1, "x", [1, 2], {"q": 1}, None]),
    "a.q": st.sampled_from([1, [1], None]),
    "custom_json_1.a": st.sampled_from([1, {"q": [1]}, None]),
    "custom_json_1": objects | st.none(),
}
_ALL_OPERATIONS = st.fixed_dictionaries(
    {},
    optional={
        "$set": st.fixed_dictionaries({}, optional=_SETS).filter(bool),
        "$unset": st.lists(
            st.sampled_from(["a", "a.q", "custom_json_1.a", "custom_json_1", "first_name", "phone", "email", "tags"]),
            max_size=2,
            unique=True,
        ),
        "$inc": st.dictionaries(st.sampled_from(["orders_count", "a", "a.q", "custom_json_1.a"]), numbers, max_size=2),
        "$push": st.dictionaries(st.sampled_from(["a", "a.q", "custom_json_1.a"]), numbers, max_size=1),
        "$addToSet": st.one_of(
            st.dictionaries(st.sampled_from(["a", "a.q"]), numbers, max_size=1),
            st.dictionaries(st.just("tags"), tags, max_size=1),
        ),
        "$pull": st.one_of(
            st.dictionaries(st.sampled_from(["a", "custom_json_1.a"]), numbers, max_size=1),
            st.dictionaries(st.just("tags"), tags, max_size=1),
        ),
    },
)
operations = st.one_of(
    st.sampled_from(sorted(_SETS)).flatmap(
        lambda path: _SETS[path].map(lambda value: {"$set": {path: value}, "$inc": {"orders_count": 1}})
    ),
    st.sampled_from(
        [
            {"$push": {"a": 1}},
            {"$addToSet": {"a": 1}, "$push": {"tags": "x"}},
            {"$pull": {"a": 1, "tags": "y"}},
            {"$inc": {"b": 1}, "$unset": ["a"]},
            {"$unset": ["a.q"]},
            {"$unset": ["a.r", "custom_json_1.a"]},
            {"$unset": {"phone": True}, "$set": {"a.q": {"r": True}}},
        ]
    ),
    _ALL_OPERATIONS,
)

flags = st.fixed_dictionaries(
    {},
    optional={
        "is_public": st.booleans(),
        "is_double_optin": st.booleans(),
        "welcome_template_id": st.sampled_from(["w", None]),
        "unsubscribe_template_id": st.just("g"),
    },
)

refusals = st.sampled_from(["bounce_email", "complain_email", "unsubscribe_email"])
events = st.fixed_dictionaries(
    {"email": emails, "kind": st.just("open_email") | refusals, "occurred_at": instants},
    optional={
        "id": st.sampled_from(["1", "2"]),
        "template_id": st.just("t"),
        "properties": st.sampled_from(
            [
                {"bounce_type": "hard"},
                {"bounce_type": "soft"},
                {"list_id": "news", "type": "Permanent"},
                {"type": "Permanent", "list_id": "news"},
            ]
        ),
    },
)
custom_events = st.fixed_dictionaries(
    {"email": emails, "event_name": st.just("order"), "external_id": order_ids, "occurred_at": instants},
    optional={"goal_value": numbers, "properties": st.sampled_from([{"a": 1, "b": 2}, {"b": 2, "a": 1}])},
)

writes_of_contacts = st.one_of(
    st.tuples(st.just("upsert"), upserts),
    st.tuples(st.just("upsert"), upserts),
    st.tuples(st.just("upsert"), upserts),
    st.tuples(st.just("change_profile"), external_ids | objects_of_identities, operations),
    st.tuples(st.just("change_profile"), emails.map(lambda email: {"kind": "email", "value": email}), operations),
)
writes_of_identities = st.one_of(
    st.tuples(st.just("add_identity"), addresses, identities),
    st.tuples(st.just("remove_identity"), addresses, identities),
    st.tuples(st.just("merge"), st.lists(addresses, min_size=1, max_size=3)),
    st.tuples(st.just("merge"), st.lists(emails, min_size=2, max_size=2)),
    st.tuples(st.just("erase"), addresses, st.booleans()),
    st.tuples(st.just("unsuppress"), emails),
)
writes_of_lists = st.one_of(
    st.tuples(st.just("save_list"), lists, flags),
    st.tuples(st.just("save_list"), lists, flags),
    st.tuples(st.just("delete_list"), lists),
    st.tuples(st.just("subscribe"), addresses, lists, st.sampled_from(["api", "api_forced", "import"])),
    st.tuples(st.just("subscribe_by_form"), emails, lists),
    st.tuples(st.just("subscribe_by_form"), emails, lists),
    st.tuples(st.just("unsubscribe"), addresses, lists),
    st.tuples(st.just("remove_subscription"), addresses, lists),
    st.tuples(
        st.just("set_status"),
        addresses,
        lists,
        st.sampled_from(["unsubscribed", "bounced", "complained"]),
        instants | st.none(),
    ),
)
writes_of_tags = st.one_of(
    st.tuples(st.just("add_tags"), addresses, st.lists(tags, min_size=1, max_size=2, unique=True)),
    st.tuples(st.just("remove_tags"), addresses, st.lists(tags, min_size=1, max_size=2, unique=True)),
    st.tuples(st.just("define_tag"), tags, st.sampled_from(["#ffffff", None])),
    st.tuples(st.just("rename_tag"), tags, tags | st.just("z")),
    st.tuples(st.just("merge_tag"), tags, tags),
    st.tuples(st.just("delete_tag"), tags | st.just("z")),
)
writes_of_events = st.one_of(
    st.tuples(st.just("record"), events),
    st.tuples(st.just("record"), events),
    st.tuples(st.just("record_custom"), custom_events),
    st.tuples(st.just("record_custom"), custom_events),
    st.tuples(st.just("delete_custom"), order_ids, st.booleans()),
)
first_writes = st.one_of(
    st.tuples(st.just("subscribe_by_form"), emails, lists),
    st.tuples(st.just("subscribe"), emails, lists, st.just("api")),
    st.tuples(st.just("unsubscribe"), emails, lists),
    st.tuples(st.just("add_tags"), emails, st.sampled_from([["x"], ["y", "x"]])),
    st.tuples(
        st.just("change_profile"),
        emails.map(lambda email: {"kind": "email", "value": email}),
        st.just({"$set": {"a.q": 1, "a.r": [1], "first_name": "Ann"}}),
    ),
    st.tuples(st.just("record_custom"), custom_events),
)
"""What is more often there for later writes to find."""


@st.composite
def any_writes(draw: st.DrawFn) -> Write:
    """A write of any topic. A function, because Hypothesis shows strategies, and this one is long."""
    topics = (writes_of_contacts, writes_of_identities, writes_of_lists, writes_of_tags, writes_of_events)
    write: Write = draw(st.sampled_from(range(len(topics))).flatmap(lambda number: topics[number]))
    return write


def made_in(shop: Workspace, write: Write) -> Any:
    """Make a write; its outcome. Raises: CallerError."""
    name, *arguments = write
    return IN_WORKSPACE[name](shop, *arguments)


def made_in_model(world: World, write: Write) -> Any:
    """Make a write in the model; its outcome. Raises: RefusedWrite."""
    name, *arguments = write
    return IN_MODEL[name](world, *map(naive, arguments))


def naive(value: Any) -> Any:
    """A value with all instants in the form that the model has."""
    match value:
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None)
        case dict():
            return {key: naive(item) for key, item in value.items()}
        case list():
            return [naive(item) for item in value]
        case _:
            return value


def _subscribe(shop: Workspace, address: Any, list_id: str, source: str) -> Any:
    if source == "api_forced":
        return shop.lists.subscribe(address, list_id, force=True)
    return shop.lists.subscribe(address, list_id, source="import" if source == "import" else "api")


def _delete_custom(shop: Workspace, external_id: str, restored: bool) -> Any:
    work = shop.events.restore_custom if restored else shop.events.delete_custom
    return work("order", external_id)


def _identity(identity: tuple[str, str]) -> str:
    kind, value = identity
    return f"{kind}:{value.strip().lower() if kind == 'email' else value}"


IN_WORKSPACE: Mapping[str, Callable[..., Any]] = {
    "upsert": Workspace.upsert,
    "change_profile": Workspace.change_profile,
    "add_identity": lambda shop, address, identity: shop.add_identity(address, *identity),
    "remove_identity": lambda shop, address, identity: shop.remove_identity(address, *identity),
    "merge": Workspace.merge,
    "erase": lambda shop, address, suppress: shop.erase(address, suppress=suppress),
    "unsuppress": Workspace.unsuppress,
    "save_list": lambda shop, list_id, given: shop.lists.save(list_id, **given),
    "delete_list": lambda shop, list_id: shop.lists.delete(list_id),
    "subscribe": _subscribe,
    "subscribe_by_form": lambda shop, email, list_id: shop.lists.subscribe(email, list_id, source="form"),
    "unsubscribe": lambda shop, address, list_id: shop.lists.unsubscribe(address, list_id),
    "remove_subscription": lambda shop, address, list_id: shop.lists.remove(address, list_id),
    "set_status": lambda shop, address, list_id, status, at: shop.lists.set_status(address, list_id, status, at=at),
    "confirm_with": lambda shop, token, _number, _list_id: shop.lists.confirm(token),
    "unsubscribe_with": lambda shop, token, _number, _list_id: shop.lists.unsubscribe_with(token),
    "add_tags": lambda shop, address, names: shop.tags.add(address, names),
    "remove_tags": lambda shop, address, names: shop.tags.remove(address, names),
    "define_tag": lambda shop, name, color: shop.tags.define(name, color),
    "rename_tag": lambda shop, old, new: shop.tags.rename(old, new),
    "merge_tag": lambda shop, tag, into: shop.tags.merge(tag, into),
    "delete_tag": lambda shop, name: shop.tags.delete(name),
    "record": lambda shop, event: shop.events.record(event),
    "record_custom": lambda shop, event: shop.events.record_custom(event),
    "delete_custom": _delete_custom,
}

IN_MODEL: Mapping[str, Callable[..., Any]] = {
    "upsert": contact_model.upsert,
    "change_profile": contact_model_profiles.change_profile,
    "add_identity": lambda world, address, identity: contact_model.add_identity(world, address, _identity(identity)),
    "remove_identity": lambda world, address, identity: contact_model.remove_identity(
        world, address, _identity(identity)
    ),
    "merge": contact_model.merge_known,
    "erase": lambda world, address, suppress: contact_model.erase(world, address, suppress=suppress),
    "unsuppress": lambda world, email: contact_model.unsuppress(world, email.strip().lower()),
    "save_list": contact_model_lists.save_list,
    "delete_list": contact_model_lists.delete_list,
    "subscribe": contact_model_lists.subscribe,
    "subscribe_by_form": contact_model_lists.subscribe_by_form,
    "unsubscribe": contact_model_lists.unsubscribe_known,
    "remove_subscription": contact_model_lists.remove_subscription,
    "set_status": contact_model_lists.set_status,
    "confirm_with": lambda world, _token, number, list_id: contact_model_lists.confirm(world, number, list_id),
    "unsubscribe_with": lambda world, _token, number, list_id: contact_model_lists.unsubscribe_holder(
        world, number, list_id
    ),
    "add_tags": lambda world, address, names: contact_model_lists.change_tags(world, address, names, is_added=True),
    "remove_tags": lambda world, address, names: contact_model_lists.change_tags(world, address, names, is_added=False),
    "define_tag": contact_model_lists.define_tag,
    "rename_tag": contact_model_lists.rename_tag,
    "merge_tag": contact_model_lists.merge_tag,
    "delete_tag": contact_model_lists.delete_tag,
    "record": contact_model_events.record,
    "record_custom": contact_model_events.record_custom,
    "delete_custom": lambda world, external_id, restored: contact_model_events.delete_custom(
        world, "order", external_id, restored=restored
    ),
}
