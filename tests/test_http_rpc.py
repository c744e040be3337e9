"""`/api/*`: contacts, lists, segments, timeline and custom events of a workspace, over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest

from tests.definitions import Json, events, field, segment
from tests.http_server import Server, running_server

_numbers = count()
GERMANS = field("country", "equals", "DE")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("served") / "shops") as server:
        yield server
        assert server.process.poll() is None, "".join(server.log)


@pytest.fixture
def shop(server: Server) -> Iterator[Shop]:
    """A workspace of its own, and a client that may do everything."""
    workspace_id = f"shop-{next(_numbers)}"
    server.make_workspace(workspace_id)
    with server.client(workspace_id) as client:
        yield Shop(client, workspace_id)


class Shop:
    """What an application does with one workspace."""

    def __init__(self, client: httpx.Client, workspace_id: str) -> None:
        self.client, self.id = client, workspace_id

    def get(self, name: str, status: int = 200, /, **query: Any) -> Any:
        answer = self.client.get(f"/api/{name}", params={"workspace_id": self.id, **query})
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, name: str, status: int = 200, /, **body: Any) -> Any:
        answer = self.client.post(f"/api/{name}", json={"workspace_id": self.id, **body})
        assert answer.status_code == status, answer.text
        return answer.json()

    def emails(self, **query: Any) -> list[str]:
        return [contact["email"] for contact in self.get("contacts.list", **query)["contacts"]]

    def wait_for(self, segment_id: str, size: int) -> Json:
        """The segment, once it has so many members."""
        deadline = time.monotonic() + 30
        while True:
            found: Json = self.get("segments.get", id=segment_id)["segment"]
            if found["status"] == "active" and found["users_count"] == size:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.02)


def test_a_contact_is_created_changed_and_found(shop: Shop) -> None:
    given = {"email": " Ada@Example.com", "first_name": "Ada", "external_id": "u-1", "tags": ["vip"]}
    created = shop.post("contacts.upsert", contact=given)
    assert (created["action"], created["email"], created["error"]) == ("created", "ada@example.com", None)
    assert created["contact"]["first_name"] == "Ada"
    assert created["contact"]["last_name"] is None
    changed = shop.post(
        "contacts.upsert", contact={"email": "ada@example.com", "first_name": None, "custom_json_1": [1]}
    )
    assert (changed["action"], changed["contact"]["first_name"]) == ("updated", None)
    assert (changed["contact"]["custom_json_1"], changed["contact"]["tags"]) == ([1], ["vip"])
    by_email = shop.get("contacts.getByEmail", email="ADA@example.com")["contact"]
    assert by_email == shop.get("contacts.getByExternalID", external_id="u-1")["contact"]
    assert by_email == {**changed["contact"], "contact_lists": [], "contact_segments": []}
    assert shop.get("contacts.count") == {"total_contacts": 1}
    assert "no contact has the e-mail 'bo@" in shop.get("contacts.getByEmail", 404, email="bo@example.com")["error"]
    assert shop.post("contacts.delete", email="ada@example.com") == {"success": True}
    assert shop.get("contacts.count") == {"total_contacts": 0}
    shop.post("contacts.delete", 404, email="ada@example.com")


def test_what_an_upsert_answers_is_what_is_read_then(shop: Shop) -> None:
    """Of a merge too, and of custom fields: the writer tells it from its own rows."""
    shop.post(
        "contacts.upsert",
        contact={"email": "a@x.example", "phone": "+4930123456", "last_order_at": "2026-05-01T10:00:00Z"},
    )
    shop.post(
        "contacts.upsert", contact={"email": "b@x.example", "lifetime_value": 1.5, "profile": {"a": [1, {"b": None}]}}
    )
    merged = shop.post(
        "contacts.upsert",
        contact={"email": "b@x.example", "phone": "+4930123456", "custom_datetime_1": "2026-01-01T01:00:00+01:00"},
    )
    read = shop.get("contacts.getByEmail", email="a@x.example")["contact"]
    assert merged["contact"] == {name: value for name, value in read.items() if not name.startswith("contact_")}
    assert (merged["action"], read["lifetime_value"], read["profile"]) == ("updated", 1.5, {"a": [1, {"b": None}]})
    assert (read["last_order_at"], read["custom_datetime_1"]) == ("2026-05-01T10:00:00Z", "2026-01-01T00:00:00Z")


def test_many_contacts_come_in_at_once_and_each_fails_alone(shop: Shop) -> None:
    shop.post("lists.create", 201, id="news")
    contacts = [
        {"email": "a@x.example"},
        {"email": "nobody"},
        {"email": "a@x.example", "country": "DE"},
        {"country": "DE"},
    ]
    done = shop.post("contacts.import", contacts=contacts, subscribe_to_lists=["news"])["operations"]
    assert [item["action"] for item in done] == ["create", "error", "update", "error"]
    assert "contacts[1].email" in done[1]["error"]
    assert "names nobody" in done[3]["error"]
    assert done[0] == {"email": "a@x.example", "action": "create"}
    (subscription,) = shop.get("contacts.getByEmail", email="a@x.example")["contact"]["contact_lists"]
    assert (subscription["list_id"], subscription["status"]) == ("news", "active")
    refused = shop.post(
        "contacts.import", 404, contacts=[{"email": "c@x.example"}], subscribe_to_lists=["news", "olds"]
    )
    assert "subscribe_to_lists[1]: no list has the id 'olds'" in refused["error"]
    assert shop.get("contacts.count") == {"total_contacts": 1}
    shop.post("contacts.import", 400, contacts=[{}] * 10_001)


def test_contacts_are_listed_page_by_page_newest_first(shop: Shop) -> None:
    names = [f"c{number}@x.example" for number in range(7)]
    shop.post("contacts.import", contacts=[{"email": name} for name in names])
    first = shop.get("contacts.list", limit=3)
    shop.post("contacts.upsert", contact={"email": "late@x.example"})
    shop.post("contacts.delete", email=names[2])
    second = shop.get("contacts.list", limit=3, cursor=first["next_cursor"])
    pages = [[contact["email"] for contact in page["contacts"]] for page in (first, second)]
    assert pages == [names[:3:-1], [names[3], names[1], names[0]]]
    assert second["next_cursor"] is None
    assert "contact_lists" not in first["contacts"][0]
    for cursor in ("x", "!!", "bnVsbA", "LTE", "dHJ1ZQ"):
        assert "is no cursor" in shop.get("contacts.list", 400, cursor=cursor)["error"]


def test_contacts_are_found_by_parts_lists_and_segments(shop: Shop) -> None:
    shop.post("lists.create", 201, id="news")
    people = [
        {"email": "ada@x.example", "first_name": "Ada", "last_name": "Lovelace", "country": "GB", "language": "en"},
        {
            "email": "Bo@y.example",
            "first_name": "Bo",
            "country": "DE",
            "phone": "+4930123456",
            "external_id": "50%_off",
        },
        {"email": "cy@x.example", "last_name": "Adams", "country": "DE"},
    ]
    shop.post("contacts.import", contacts=people)
    for email, status in (("ada@x.example", "active"), ("cy@x.example", "unsubscribed")):
        shop.post("contactLists.updateStatus", email=email, list_id="news", status="active")
        shop.post("contactLists.updateStatus", email=email, list_id="news", status=status)
    for segment_id, tree in (("germans", GERMANS), ("empty", field("country", "equals", "FR"))):
        shop.post("segments.create", 201, id=segment_id, tree=tree)
    shop.wait_for("germans", 2)
    shop.wait_for("empty", 0)
    ada, bo, cy = "ada@x.example", "bo@y.example", "cy@x.example"
    assert shop.emails(email="X.EX") == [cy, ada]
    assert shop.emails(full_name="a love") == [ada]
    assert shop.emails(full_name="adam") == [cy]
    assert shop.emails(external_id="%_") == [bo]
    assert shop.emails(external_id="5%o") == []
    assert shop.emails(country="de", email="x.") == [cy]
    assert shop.emails(phone="3012", language="") == [bo]
    assert shop.emails(list_id="news") == [cy, ada]
    assert shop.emails(list_id="news", contact_list_status="active") == [ada]
    assert shop.emails(contact_list_status="unsubscribed") == [cy]
    assert shop.emails(**{"segments[]": ["germans", "empty"]}) == [cy, bo]
    assert shop.emails(**{"segments[]": "empty"}) == []
    (listed,) = shop.get("contacts.list", email="ada", with_contact_lists=True)["contacts"]
    assert [item["status"] for item in listed["contact_lists"]] == ["active"]
    shop.get("contacts.list", 404, list_id="olds")
    shop.get("contacts.list", 404, **{"segments[]": "olds"})
    shop.get("contacts.list", 400, contact_list_status="gone")
    shop.get("contacts.list", 400, limit=101)
    (found,) = shop.get("contacts.getByEmail", email=cy)["contact"]["contact_segments"]
    assert (found["segment_id"], found["name"], found["version"]) == ("germans", "germans", 1)


def test_lists_are_made_changed_and_counted(shop: Shop) -> None:
    made = shop.post("lists.create", 201, id="news", name="News", is_public=True, double_optin_template={"id": "t-1"})[
        "list"
    ]
    assert made["double_optin_template"] == {"id": "t-1"}
    assert made["created_at"] == made["updated_at"]
    shop.post("lists.create", 400, id="news")
    changed = shop.post("lists.update", id="news", description="What we make", double_optin_template=None)["list"]
    assert changed == {
        **made,
        "description": "What we make",
        "double_optin_template": None,
        "updated_at": changed["updated_at"],
    }
    assert changed["updated_at"] > made["updated_at"]
    assert shop.get("lists.get", id="news") == {"list": changed}
    assert shop.get("lists.list") == {"lists": [changed]}
    shop.post("lists.subscribe", contact={"email": "a@x.example", "first_name": "A"}, list_ids=["news"])
    shop.post("lists.subscribe", 404, contact={"email": "b@x.example"}, list_ids=["news", "olds"])
    assert shop.get("contacts.count") == {"total_contacts": 1}
    stats = shop.get("lists.stats", list_id="news")["stats"]
    assert stats == {
        "total_active": 1,
        **{f"total_{name}": 0 for name in ("pending", "unsubscribed", "bounced", "complained")},
    }
    shop.post("contactLists.updateStatus", email="a@x.example", list_id="news", status="bounced")
    refused = shop.post("contactLists.updateStatus", 422, email="a@x.example", list_id="news", status="active")
    assert "has bounced on list 'news', and stays so" in refused["error"]
    assert shop.get("contactLists.getByIDs", email="a@x.example", list_id="news")["contact_list"]["status"] == "bounced"
    page = shop.get("contactLists.getContactsByList", list_id="news")
    assert [(item["email"], item["status"]) for item in page["contact_lists"]] == [("a@x.example", "bounced")]
    assert shop.get("contactLists.getListsByContact", email="a@x.example")["contact_lists"] == page["contact_lists"]
    shop.post("contactLists.removeContact", email="a@x.example", list_id="news")
    shop.get("contactLists.getByIDs", 404, email="a@x.example", list_id="news")
    assert shop.post("lists.delete", id="news") == {"success": True}
    shop.get("lists.get", 404, id="news")


def test_a_contact_is_on_all_lists_or_nothing_is_done(shop: Shop) -> None:
    for list_id in ("news", "deals"):
        shop.post("lists.create", 201, id=list_id, name=list_id)
    shop.post("lists.subscribe", contact={"email": "a@x.example", "first_name": "A"}, list_ids=["deals"])
    shop.post("contactLists.updateStatus", email="a@x.example", list_id="deals", status="bounced")
    given = {"email": "a@x.example", "first_name": "B"}
    assert (
        "has bounced on list 'deals'"
        in shop.post("lists.subscribe", 422, contact=given, list_ids=["news", "deals"])["error"]
    )
    known = shop.get("contacts.getByEmail", email="a@x.example")["contact"]
    assert (known["first_name"], [item["list_id"] for item in known["contact_lists"]]) == ("A", ["deals"])
    shop.post("lists.subscribe", 400, contact={"phone": "+4930123456", "first_name": "C"}, list_ids=["news"])
    assert shop.get("contacts.count")["total_contacts"] == 1
    shop.post("contacts.upsert", contact={"email": "d@x.example", "phone": "+4930123456"})
    shop.post("lists.subscribe", contact={"phone": "+4930123456", "first_name": "D"}, list_ids=["news", "news"])
    assert shop.emails(list_id="news") == ["d@x.example"]


def test_who_makes_and_changes_segments_at_once_loses_nothing(shop: Shop) -> None:
    def at_once(name: str, bodies: list[Json]) -> list[int]:
        def ask(body: Json) -> int:
            return shop.client.post(f"/api/{name}", json={"workspace_id": shop.id, **body}).status_code

        with ThreadPoolExecutor(len(bodies)) as threads:
            return sorted(threads.map(ask, bodies))

    assert at_once("segments.create", [{"id": "s", "tree": GERMANS}] * 6) == [201, *[400] * 5]
    assert at_once("lists.create", [{"id": "news", "name": "News"}] * 6) == [201, *[400] * 5]
    changes: list[Json] = [{"name": "S"}, {"color": "#1f6feb"}, {"timezone": "Asia/Tokyo"}]
    assert at_once("segments.update", [{"id": "s", **change} for change in changes]) == [200] * 3
    found = shop.get("segments.get", id="s")["segment"]
    assert (found["name"], found["color"], found["timezone"], found["version"]) == ("S", "#1f6feb", "Asia/Tokyo", 4)


def test_segments_are_made_previewed_and_follow(shop: Shop) -> None:
    shop.post("contacts.import", contacts=[{"email": f"c{number}@x.example", "country": "DE"} for number in range(3)])
    preview = shop.post("segments.preview", tree=GERMANS, limit=2)
    assert (preview["total_count"], preview["limit"], len(preview["emails"])) == (3, 2, 2)
    assert "country" in preview["generated_sql"]
    made = shop.post("segments.create", 201, id="germans", name="Germans", color="#ffcc00", tree=GERMANS)["segment"]
    assert (made["version"], made["name"], made["tree"], made["timezone"]) == (1, "Germans", GERMANS, "UTC")
    shop.post("segments.create", 400, id="germans", tree=GERMANS)
    shop.wait_for("germans", 3)
    shop.post("contacts.upsert", contact={"email": "c1@x.example", "country": "FR"})
    shop.wait_for("germans", 2)
    assert shop.get("segments.contacts", segment_id="germans", limit=1, offset=1)["emails"] == ["c2@x.example"]
    french = field("country", "equals", "FR")
    changed = shop.post("segments.update", id="germans", tree=french, color=None)["segment"]
    assert (changed["version"], changed["tree"], changed["color"], changed["name"]) == (2, french, None, "Germans")
    assert changed["db_created_at"] == made["db_created_at"] < changed["db_updated_at"]
    shop.wait_for("germans", 1)
    (listed,) = shop.get("segments.list", with_count=True)["segments"]
    assert (listed["users_count"], listed["generated_sql"]) == (1, None)
    assert shop.get("segments.list")["segments"][0]["users_count"] is None
    assert "1 members" in shop.post("segments.rebuild", segment_id="germans")["message"]
    assert shop.post("segments.delete", id="germans") == {"success": True}
    shop.get("segments.get", 404, id="germans")
    shop.post("segments.rebuild", 404, segment_id="germans")


def test_a_bad_tree_is_refused_with_the_path_of_its_node(shop: Shop) -> None:
    bad = {"kind": "branch", "branch": {"operator": "and", "leaves": [GERMANS, field("contry", "equals", "DE")]}}
    for name, status in (("segments.create", 400), ("segments.preview", 400)):
        body = {"tree": bad, **({"id": "s"} if name == "segments.create" else {})}
        assert (
            "tree.branch.leaves[1].leaf.contact.filters[0].field_name: no contact field"
            in shop.post(name, status, **body)["error"]
        )
    on_list = {
        "kind": "leaf",
        "leaf": {"source": "contact_lists", "contact_list": {"operator": "in", "list_id": "olds"}},
    }
    assert "olds" in shop.post("segments.create", 400, id="s", tree=on_list)["error"]
    assert shop.get("segments.list") == {"segments": []}


def test_the_timeline_is_read_page_by_page(shop: Shop) -> None:
    shop.post("contacts.upsert", contact={"email": "a@x.example", "created_at": "2026-01-01T00:00:00Z"})
    for number in range(4):
        shop.post(
            "customEvents.upsert", email="a@x.example", event_name="shop.order", external_id=f"o{number}",
            occurred_at=f"2026-02-0{number // 2 + 1}T00:00:00Z", goal_type="purchase", goal_value=number,
        )  # fmt: skip
    seen: list[Json] = []
    cursor = None
    while True:
        page = shop.get("timeline.list", email="a@x.example", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += page["timeline"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    kinds = [(entry["kind"], entry["entity_id"], entry["created_at"][:10]) for entry in seen]
    assert sorted(kinds) == sorted({*kinds})
    assert [at for _, _, at in kinds] == sorted((at for _, _, at in kinds), reverse=True)
    assert [entry["changes"]["email"]["new"] for entry in seen if entry["kind"] == "contact.created"] == ["a@x.example"]
    assert {name for kind, name, _ in kinds if kind == "custom_event.shop.order"} == {"o0", "o1", "o2", "o3"}
    shop.get("timeline.list", 404, email="b@x.example")


def test_custom_events_have_the_state_of_their_latest_version(shop: Shop) -> None:
    shop.post("contacts.upsert", contact={"email": "a@x.example"})
    order = {"email": "a@x.example", "event_name": "shop.order", "external_id": "o1", "goal_type": "purchase"}
    shop.post("customEvents.upsert", **order, occurred_at="2026-02-02T00:00:00Z", goal_value=2.5, properties={"n": [1]})
    late = shop.post("customEvents.upsert", **order, occurred_at="2026-02-01T00:00:00Z", goal_value=1)["event"]
    assert (late["goal_value"], late["occurred_at"], late["properties"]) == (2.5, "2026-02-02T00:00:00Z", {"n": [1]})
    assert shop.get("customEvents.get", event_name="shop.order", external_id="o1")["event"] == late
    shop.get("customEvents.get", 404, event_name="shop.order", external_id="o2")
    events = [{**order, "external_id": f"p{number}"} for number in range(3)]
    events[1]["email"] = "nobody@x.example"
    done = shop.post("customEvents.import", 201, events=events)
    assert (done["event_ids"], done["count"]) == (["p0", "p2"], 2)
    assert [item["index"] for item in done["errors"]] == [1]
    shop.post("customEvents.import", 400, events=[events[1]])
    for name in ("external_id", "occurred_at"):
        refused = shop.post("customEvents.upsert", 400, **{**order, name: ""})
        assert f"{name}: '' is empty" in refused["error"]
        done = shop.post("customEvents.import", 201, events=[{**order, name: ""}, events[0]])
        assert f"events[0].{name}: '' is empty" in done["errors"][0]["error"]
    page = shop.get("customEvents.list", email="a@x.example", limit=2)
    assert (page["count"], len(page["events"])) == (3, 2)
    assert shop.get("customEvents.list", event_name="shop.order", offset=2)["events"] == [late]
    shop.get("customEvents.list", 400)


def test_memberships_follow_what_is_written(shop: Shop) -> None:
    definition = segment(events("custom_event.shop.order", "at_least", 1, "in_the_last_days", "30"), "buyers")
    shop.post("segments.create", 201, **definition)
    shop.post("contacts.upsert", contact={"email": "a@x.example"})
    shop.wait_for("buyers", 0)
    shop.post("customEvents.upsert", email="a@x.example", event_name="shop.order", external_id="o1")
    assert shop.wait_for("buyers", 1)["recompute_after"] is None  # a month ahead: not known yet
