"""`populace lists` and `populace tags`: what they print, what they write, which exit code they end with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import populace
from engine.definition.points import parsed_instant
from tests.commands import populace as command

ADA = "ada@x.example.com"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with populace.init(tmp_path / "shop") as opened:
        opened.upsert({"email": ADA, "tags": ["[red]vip"]})
        opened.lists.save("old", name="Old [b]news")
    return tmp_path / "shop"


def said(*arguments: object) -> str:
    done = command(*arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def refused(*arguments: object) -> str:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, ""), done
    return done.stderr


def test_lists_are_saved_listed_and_deleted(shop: Path) -> None:
    options = (
        "--name",
        "News",
        "--public",
        "--double-optin",
        "--confirmation",
        "c-1",
        "--welcome",
        "w-1",
        "--description",
        "What we make",
    )
    assert said("lists", "save", shop, "news", *options) == "created news\n"
    assert said("lists", "save", shop, "news", "--private", "--welcome", "") == "updated news\n"
    assert said("lists", "save", shop, "news", "--private") == "unchanged news\n"
    news, old = json.loads(said("lists", "list", shop, "--json"))
    created_at, updated_at = (parsed_instant(news.pop(name)) for name in ("created_at", "updated_at"))
    assert created_at is not None
    assert updated_at is not None
    assert created_at < updated_at
    assert news == {
        "id": "news",
        "name": "News",
        "is_public": False,
        "is_double_optin": True,
        "welcome_template_id": None,
        "unsubscribe_template_id": None,
        "confirmation_template_id": "c-1",
        "description": "What we make",
        "counts": {"active": 0, "pending": 0, "unsubscribed": 0, "bounced": 0, "complained": 0},
    }
    table = said("lists", "list", shop)
    assert "Old [b]news" in table
    assert "private" in table
    assert said("lists", "delete", shop, "old") == "deleted old\n"
    assert [item["id"] for item in json.loads(said("lists", "list", shop, "--json"))] == ["news"]
    assert "no list has the id 'old'" in refused("lists", "delete", shop, "old")
    assert old["id"] == "old"


def test_contacts_are_subscribed_and_unsubscribed(shop: Path) -> None:
    assert said("lists", "subscribe", shop, "old", ADA) == f"{ADA} is on old\n"
    assert said("lists", "subscribe", shop, "old", ADA) == f"{ADA} was already on old\n"
    assert said("lists", "unsubscribe", shop, "old", ADA) == f"{ADA} is off old\n"
    assert said("lists", "unsubscribe", shop, "old", ADA) == f"{ADA} was already off old\n"
    assert said("lists", "subscribe", shop, "old", ADA) == f"{ADA} is on old\n"
    with populace.open(shop) as opened:
        opened.lists.set_status(ADA, "old", "bounced")
    assert "has bounced on list 'old'" in refused("lists", "subscribe", shop, "old", ADA)
    assert said("lists", "subscribe", shop, "old", ADA, "--force") == f"{ADA} is on old\n"
    assert "no contact has the e-mail" in refused("lists", "subscribe", shop, "old", "eve@x.example.com")


def test_tags_are_defined_listed_and_changed(shop: Path) -> None:
    assert said("tags", "define", shop, "best", "--color", "#1F6FEB") == "created best\n"
    assert said("tags", "define", shop, "best") == "unchanged best\n"
    listed = {item["name"]: item for item in json.loads(said("tags", "list", shop, "--json"))}
    assert (listed["best"]["color"], listed["best"]["contact_count"]) == ("#1f6feb", 0)
    assert listed["best"]["created_at"].endswith("Z")
    assert listed["[red]vip"] == {"name": "[red]vip", "color": None, "created_at": None, "contact_count": 1}
    assert "[red]vip" in said("tags", "list", shop)
    assert said("tags", "rename", shop, "[red]vip", "vip") == "[red]vip is vip now\n"
    assert said("tags", "add", shop, ADA, "berlin", "[b]") == f"{ADA} has berlin, [b]\n"
    assert said("tags", "add", shop, ADA, "berlin") == f"{ADA} had berlin\n"
    assert said("tags", "remove", shop, ADA, "[b]") == f"{ADA} has no longer [b]\n"
    assert said("tags", "remove", shop, ADA, "[b]") == f"{ADA} had no [b]\n"
    assert said("tags", "merge", shop, "vip", "best") == "vip is part of best now\n"
    assert said("tags", "delete", shop, "berlin") == "deleted berlin\n"
    assert [item["name"] for item in json.loads(said("tags", "list", shop, "--json"))] == ["best"]
    assert said("tags", "define", shop, "best", "--color", "") == "updated best\n"
    assert "no tag is named 'bset'" in refused("tags", "delete", shop, "bset")


def test_empty_workspaces_say_what_comes_next(tmp_path: Path) -> None:
    command("init", tmp_path / "empty")
    assert "populace lists save" in said("lists", "list", tmp_path / "empty")
    assert "populace tags define" in said("tags", "list", tmp_path / "empty")
    assert json.loads(said("tags", "list", tmp_path / "empty", "--json")) == []


@pytest.mark.parametrize("group", ["lists", "tags"])
def test_help_names_every_command_and_shows_an_example(group: str) -> None:
    assert "list" in said(group, "--help")
    example = {"lists": ("save", "subscribe", "unsubscribe"), "tags": ("define", "rename", "merge", "add", "remove")}
    for name in example[group]:
        assert f"Example: populace {group} {name}" in " ".join(said(group, name, "--help").split())
