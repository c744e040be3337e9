"""`/v2/*`: profiles changed by operations, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import populace
from tests.http_server import running_server


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        running_server(tmp_path_factory.mktemp("served") / "shops") as server,
        server.client("main", "write") as client,
    ):
        client.base_url = httpx.URL(f"{server.url}/v2/")
        yield client


def upsert(client: httpx.Client, *contacts: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("contacts.upsert", json={"contacts": contacts})
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    assert (done.pop("statusCode"), done.pop("success")) == (200, True)
    return done


def info(client: httpx.Client, contact_id: str) -> dict[str, Any]:
    answer = client.get("contacts.info", params={"id": contact_id})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_profiles_are_made_and_changed_by_operations(client: httpx.Client) -> None:
    first = {"$set": {"email": "Ada@X.example", "firstName": "Ada", "plan.tier": "gold"}, "$inc": {"visits": 2}}
    done = upsert(client, {"id": "u-1", "profile": first, "createdAt": "2026-05-01T10:00:00Z"})
    assert done == {"inserted": ["u-1"], "updated": [], "failed": []}
    found = info(client, "u-1")
    assert (found["id"], found["externalId"], found["project"], found["createdAt"]) == (
        "u-1", "u-1", "main", "2026-05-01T10:00:00Z",
    )  # fmt: skip
    assert found["profile"] == {"email": "Ada@X.example", "firstName": "Ada", "plan": {"tier": "gold"}, "visits": 2}
    more = {"$push": {"orders": {"total": 25}}, "$inc": {"visits": 1}, "$unset": ["firstName", "plan.tier"]}
    assert upsert(client, {"id": "u-1", "profile": more})["updated"] == ["u-1"]
    found = info(client, "u-1")
    assert found["profile"] == {"email": "Ada@X.example", "plan": {}, "visits": 3, "orders": [{"total": 25}]}
    assert found["stats"] == {}


def test_keys_that_name_a_field_feed_it(client: httpx.Client) -> None:
    profile = {
        "$set": {
            "email": "bo@x.example",
            "lastName": "Bo",
            "country": "Germany",
            "addressLine1": "Street 1",
            "ordersCount": 3,
        }
    }
    upsert(client, {"id": "u-2", "profile": profile})
    upsert(client, {"id": "u-2", "profile": {"$inc": {"ordersCount": 2}}})
    url = httpx.URL(str(client.base_url).replace("/v2/", "/v1/contacts/bo@x.example"))
    fields = client.get(url).json()["fields"]
    assert (fields["last_name"], fields["country"], fields["address_line_1"]) == ("Bo", "DE", "Street 1")
    assert (fields["orders_count"], fields["external_id"]) == (5, "u-2")
    assert fields["profile"]["country"] == "Germany"


def test_a_key_that_names_a_field_is_what_the_field_is_now(client: httpx.Client) -> None:
    upsert(client, {"id": "p-7", "profile": {"$set": {"firstName": "Old", "country": "FR", "petName": "Rex"}}})
    values = {"first_name": None, "country": "DE"}
    client.patch(f"{str(client.base_url)[:-4]}/v1/contacts/p-7", json={"fields": values}).raise_for_status()
    assert info(client, "p-7")["profile"] == {"country": "DE", "petName": "Rex"}


def test_what_is_not_valid_fails_alone_and_makes_nobody_a_contact(client: httpx.Client) -> None:
    done = upsert(
        client,
        {"id": "f-1", "profile": {"$set": {"plan": "x"}, "$inc": {"plan": 1}}},
        {"id": "f-2", "profile": {"$set": {"email": "nobody"}}},
        {"id": "f-3", "profile": {"$sit": {"plan": "x"}}},
        {"id": "f-4", "profile": {"$set": {"plan": "x"}}, "createdAt": "yesterday"},
        {"id": "f-5", "profile": {"$set": {"plan": "x"}}},
        {"id": "f-5", "profile": {"$inc": {"plan": 1}}},
        {"id": "f-5", "profile": {"$set": {"plan": "y"}}},
    )
    assert done == {"inserted": ["f-5"], "updated": ["f-5"], "failed": ["f-1", "f-2", "f-3", "f-4", "f-5"]}
    for number in range(1, 5):
        answer = client.get("contacts.info", params={"id": f"f-{number}"})
        assert (answer.status_code, answer.json()) == (404, {
            "statusCode": 404, "success": False, "error": f"no contact has the external id 'f-{number}'",
        })  # fmt: skip
    assert info(client, "f-5")["profile"] == {"plan": "y"}


def test_a_profile_with_a_known_e_mail_is_that_contacts(client: httpx.Client) -> None:
    upsert(client, {"id": "m-1", "profile": {"$set": {"email": "cy@x.example", "plan": "x"}}})
    assert upsert(client, {"id": "m-2", "profile": {"$set": {"email": "cy@x.example", "tier": 1}}})["updated"] == [
        "m-2"
    ]
    assert info(client, "m-2")["profile"] == {"email": "cy@x.example", "plan": "x", "tier": 1}


def test_requests_that_are_not_valid(client: httpx.Client) -> None:
    bodies: list[dict[str, Any]] = [{}, {"contacts": []}, {"contacts": [{"id": "x"}]}]
    for body in (*bodies, {"contacts": [{"id": "x", "profile": {}}] * 51}):
        answer = client.post("contacts.upsert", json=body)
        assert answer.status_code == 400
        assert {**answer.json(), "error": ""} == {"statusCode": 400, "success": False, "error": ""}
    assert client.get("contacts.info", params={"id": "x"}, headers={"Authorization": "Bearer x"}).status_code == 401


def test_from_python_many_profiles_are_upserted(tmp_path: Path) -> None:
    with populace.init(tmp_path / "w") as shop:
        written = shop.upsert_profiles(
            [
                {"contact": {"kind": "email", "value": "a@x.example"}, "operations": {"$set": {"country": "DE"}}},
                {"contact": {"kind": "push_token", "value": "t"}, "operations": {"$set": {"plan": "x"}}},
                {"contact": {"kind": "email", "value": "a@x.example"}, "operations": {}},
            ]
        )
        assert [one.outcome for one in written] == ["created", "created", "unchanged"]
        assert shop.record("a@x.example").fields["country"] == "DE"
        assert shop.record({"kind": "push_token", "value": "t"}).fields["profile"] == {"plan": "x"}
        assert shop.check().is_clean
