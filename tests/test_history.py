"""What an evaluation of an instant that has passed sees, and since when it is exact: docs/history.md, line by line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import populace
from engine.storage.history import moment_of
from tests.clocked_shop import Shop, shop
from tests.commands import populace as command
from tests.definitions import branch, events, field, goal, on_list, segment, tagged
from tests.engine_under_test import write_dataset

__all__ = ["shop"]

ADA, BO, CY = "ada@x.example", "bo@x.example", "cy@x.example"
GERMANS = field("country", "equals", "DE")
OTHERS = field("country", "not_equals", "DE")


def test_a_contact_is_there_from_when_it_was_taken_in_and_before_that_in_no_negation(shop: Shop) -> None:
    shop.upsert({"email": ADA, "country": "DE"})
    first = shop.at
    shop.later()
    shop.upsert({"email": BO, "country": "US", "created_at": "2020-01-01T00:00:00Z"})
    assert (shop.who(OTHERS, first), shop.found(OTHERS, first).contact_count) == ([], 1)
    assert (shop.who(OTHERS, shop.at), shop.found(OTHERS, shop.at).contact_count) == ([BO], 2)
    assert shop.found(OTHERS, first - timedelta(microseconds=1)).contact_count == 0


def test_a_write_counts_from_when_it_was_taken_in_whatever_instant_it_names(shop: Shop) -> None:
    shop.upsert({"email": ADA, "country": "DE"})
    shop.lists.save("news")
    shop.lists.subscribe(ADA, "news")
    first = shop.at
    shop.later()
    shop.upsert({"email": ADA, "country": "US", "updated_at": "2020-01-01T00:00:00Z"})
    shop.lists.set_status(ADA, "news", "bounced", at="2026-03-01T09:00:00Z")
    before = shop.at - timedelta(microseconds=1)
    assert (shop.who(GERMANS, first), shop.who(GERMANS, before), shop.who(GERMANS, shop.at)) == ([ADA], [ADA], [])
    assert [shop.who(on_list("news", "active"), at) for at in (first, before, shop.at)] == [[ADA], [ADA], []]


def test_events_count_from_when_they_happened_however_late_they_came(shop: Shop) -> None:
    shop.upsert({"email": ADA})
    first = shop.at
    shop.later()
    shop.events.record({"email": ADA, "kind": "visit", "occurred_at": first})
    shop.events.record({"email": ADA, "kind": "visit", "occurred_at": "2030-01-01T00:00:00Z"})
    assert shop.who(events("visit", "exactly", 1), first) == [ADA]
    assert shop.who(events("visit", "exactly", 2), shop.at) == []
    assert shop.who(events("visit", "exactly", 2), datetime(2030, 1, 1, tzinfo=UTC)) == [ADA]


def test_an_instant_to_come_changes_nothing_but_the_time(shop: Shop) -> None:
    shop.upsert({"email": ADA, "country": "DE", "tags": ["vip"]})
    future = datetime(2036, 1, 1, tzinfo=UTC)
    assert shop.who(branch("and", GERMANS, tagged("vip")), future) == [ADA]
    assert shop.who(field("created_at", "in_the_last_days", "1"), shop.at) == [ADA]
    assert shop.who(field("created_at", "in_the_last_days", "1"), future) == []


def test_contacts_are_apart_before_they_were_merged_each_with_its_events_and_email(shop: Shop) -> None:
    shop.upsert({"email": ADA, "country": "DE"})
    shop.upsert({"email": BO, "country": "US"})
    for email in (ADA, BO):
        shop.events.record({"email": email, "kind": "visit", "occurred_at": shop.at})
    apart = shop.at
    shop.later()
    shop.merge([ADA, BO])
    assert shop.who(events("visit", "exactly", 1), apart) == [ADA, BO]
    assert [len(shop.who(events("visit", "exactly", count), shop.at)) for count in (1, 2)] == [0, 1]
    assert (shop.who(GERMANS, apart), shop.found(GERMANS, apart).contact_count) == ([ADA], 2)
    assert shop.found(GERMANS, apart).is_exact


def test_a_custom_event_that_is_told_anew_after_a_merge_still_was_the_other_contacts(shop: Shop) -> None:
    order = {"email": BO, "event_name": "order", "external_id": "1", "occurred_at": shop.at, "goal_type": "purchase"}
    for email in (ADA, BO):
        shop.upsert({"email": email})
    shop.events.record_custom({**order, "goal_value": 1})
    apart = shop.at
    shop.later()
    shop.merge([ADA, BO])
    shop.events.record_custom({**order, "goal_value": 2})
    assert shop.who(goal("sum", "eq", 2), apart) == [BO]


def test_a_list_that_came_back_was_gone_in_between(shop: Shop) -> None:
    shop.upsert({"email": ADA})
    shop.lists.save("news")
    shop.lists.subscribe(ADA, "news")
    instants = [shop.at]
    for change in (shop.lists.delete, shop.lists.save):
        instants.append(shop.later())
        change("news")
    assert [shop.who(on_list("news"), at) for at in instants] == [[ADA], [], [ADA]]


def test_what_ends_what_is_known_exactly_and_what_does_not(shop: Shop, tmp_path: Path) -> None:
    assert shop.exact_since is None
    shop.upsert({"email": ADA, "tags": ["vip"]})
    shop.upsert({"email": BO})
    shop.upsert({"email": CY})
    shop.later()
    shop.tags.rename("vip", "best")
    shop.merge([ADA, BO])
    shop.later()
    shop.take(tmp_path / "changes", contacts=[{"email": ADA, "country": "FR"}], lists=[{"id": "news", "name": "News"}])
    assert shop.exact_since is None
    imported = shop.later()
    shop.take(tmp_path / "subscriptions", subscriptions=[{"email": ADA, "list_id": "news", "status": "active"}])
    assert shop.exact_since == imported
    imported = shop.later()
    shop.take(tmp_path / "contacts", contacts=[{"email": "new@x.example"}])
    shop.later()
    shop.take(tmp_path / "again", contacts=[{"email": "new@x.example", "country": "DE"}])
    assert shop.exact_since == imported
    assert [shop.found(GERMANS, at).is_exact for at in (imported - timedelta(seconds=1), imported)] == [False, True]
    erased = shop.later()
    shop.erase(CY)
    assert shop.exact_since == erased
    shop.at -= timedelta(hours=2)
    shop.erase(BO)
    shop.take(tmp_path / "late", contacts=[{"email": "late@x.example"}])
    assert shop.exact_since == erased, "a clock that was set back lets nobody know of earlier times"


def test_an_event_that_turns_out_to_be_another_one_ends_what_is_known_exactly(shop: Shop, tmp_path: Path) -> None:
    order = {"kind": "custom_event.order", "occurred_at": shop.at.isoformat()}
    shop.upsert({"email": ADA})
    shop.take(tmp_path / "one", timeline=[{**order, "email": ADA, "entity_id": name} for name in "XYZ"])
    told = {"email": ADA, "event_name": "order", "occurred_at": shop.at}
    shop.later()
    shop.events.record_custom({**told, "external_id": "X"})
    assert shop.exact_since is None
    recorded = shop.later()
    shop.events.record_custom({**told, "external_id": "Y", "occurred_at": shop.at})
    assert shop.exact_since == recorded
    imported = shop.later()
    row = {"email": ADA, "event_name": "order", "external_id": "Z", "occurred_at": shop.at.isoformat()}
    shop.take(tmp_path / "two", custom_events=[row])
    assert shop.exact_since == imported


def test_before_an_import_contacts_and_subscriptions_count_from_when_they_were_created(
    shop: Shop, tmp_path: Path
) -> None:
    shop.take(
        tmp_path / "data",
        contacts=[
            {"email": ADA, "created_at": "2025-01-01T00:00:00Z", "country": "DE"},
            {"email": BO, "created_at": "2025-06-01T00:00:00Z", "country": "DE"},
            {"email": CY, "country": "DE"},
        ],
        subscriptions=[
            {"email": email, "list_id": "news", "status": "active", "created_at": "2025-06-01T00:00:00Z"}
            for email in (ADA, BO)
        ],
    )
    imported = shop.at
    shop.later()
    shop.upsert({"email": ADA, "country": "US"})
    assert shop.who(GERMANS, datetime(2025, 1, 1, tzinfo=UTC)) == [ADA, CY]
    assert shop.who(on_list("news"), datetime(2025, 3, 1, tzinfo=UTC)) == []
    assert shop.who(on_list("news"), datetime(2025, 6, 1, tzinfo=UTC)) == [ADA, BO]
    assert shop.who(GERMANS, imported) == [ADA, BO, CY]
    assert shop.who(GERMANS, shop.at) == [BO, CY]


def test_what_came_in_while_files_were_read_comes_before_them(shop: Shop, tmp_path: Path) -> None:
    shop.upsert({"email": ADA, "country": "DE"})
    (tmp_path / "data").mkdir()
    write_dataset({"contacts": [{"email": ADA, "country": "FR"}]}, tmp_path / "data")
    written: list[datetime] = []

    def write_beside(_table: str) -> None:
        if not written:
            written.append(shop.later())
            shop.upsert({"email": ADA, "first_name": "Ada"})
            shop.later()

    shop.import_dataset(tmp_path / "data", on_table=write_beside)
    assert shop.who(GERMANS, written[0]) == [ADA]
    assert shop.who(GERMANS, shop.at) == []


def test_nobody_is_kept_by_a_recompute_of_the_past_who_was_merged_since(shop: Shop) -> None:
    shop.upsert({"email": ADA, "country": "DE"})
    shop.upsert({"email": BO, "country": "DE"})
    shop.upsert({"email": CY, "country": "DE"})
    past = shop.at
    shop.apply([populace.read_segment(segment(GERMANS, "germans"))])
    shop.later()
    shop.merge([ADA, BO])
    shop.upsert({"email": CY, "country": "US"})
    result = shop.recompute(past)
    assert (result.contact_count, result.segments[0].size, result.is_exact) == (3, 2, True)
    assert len(shop.members("germans")) == 2
    assert shop.members("germans", as_of=past)["email"].to_list() == [ADA, BO, CY]
    assert shop.members("germans", as_of=shop.at)["email"].len() == 1
    # What changed after that instant is still to come, for whoever computes differences.
    assert len(shop._store.rows("SELECT DISTINCT contact_id FROM touched")) == 3
    assert shop.check().is_clean
    assert len(shop.sql("SELECT email FROM memberships")) == 2
    assert [(item.entered, item.left) for item in shop.recompute(shop.at).segments] == [(0, 1)]
    assert shop._store.rows("FROM touched") == []


def test_one_contact_alone_can_be_seen_as_it_was(shop: Shop) -> None:
    shop.upsert({"email": ADA, "country": "DE", "tags": ["vip"]})
    shop.upsert({"email": BO, "country": "DE"})
    shop.lists.save("news")
    shop.lists.subscribe(ADA, "news")
    past = shop.at
    shop.later()
    shop.upsert({"email": ADA, "country": "US", "tags": []})
    shop.lists.unsubscribe(ADA, "news")
    ((number,),) = shop._store.rows("SELECT contact_id FROM contacts WHERE email = $1", [ADA])
    with moment_of(shop._store, past, contact_id=number) as moment:
        row = moment.cursor.execute("SELECT country, tags FROM contacts WHERE contact_id = $1", [number]).fetchall()
        status = moment.cursor.execute("SELECT status FROM subscriptions WHERE contact_id = $1", [number]).fetchall()
    assert (row, status) == ([("DE", ["vip"])], [("active",)])


def test_explain_sees_a_contact_as_it_was(shop: Shop) -> None:
    early = shop.at - timedelta(hours=1)
    tree = branch("and", GERMANS, tagged("vip"), on_list("news", "active"))
    shop.upsert({"email": ADA, "country": "DE", "tags": ["vip"]})
    shop.lists.save("news")
    shop.lists.subscribe(ADA, "news")
    shop.apply([populace.read_segment(segment(tree, "kept"))])
    past = shop.at
    shop.later()
    shop.upsert({"email": ADA, "country": "US", "tags": []})
    shop.lists.unsubscribe(ADA, "news")
    shop.upsert({"email": BO, "country": "DE"})
    then, now = (shop.explain("kept", ADA, as_of=at) for at in (past, shop.at))
    assert [part.holds for part in then.tree.parts] == [True, True, True]
    assert [part.holds for part in now.tree.parts] == [False, False, False]
    assert (then.is_member, now.is_member) == (True, False)
    assert [shop.who(tree, at) for at in (past, shop.at)] == [[ADA], []]
    assert (then.next_change_at, then.exact_since) == (None, None)
    with pytest.raises(
        populace.NotYetContactError, match=r"'bo@x.example' was not a contact yet at 2026-03-01T10:00:00Z"
    ):
        shop.explain("kept", BO, as_of=past)
    with pytest.raises(populace.NotYetContactError):
        shop.explain("kept", ADA, as_of=early)


def test_explain_sees_whom_an_e_mail_meant_before_contacts_were_merged(shop: Shop) -> None:
    shop.upsert({"email": ADA, "country": "DE"})
    shop.upsert({"email": BO, "country": "US"})
    shop.apply([populace.read_segment(segment(GERMANS, "germans"))])
    past = shop.at
    shop.later()
    shop.merge([ADA, BO])
    assert [shop.explain("germans", email, as_of=past).is_member for email in (ADA, BO)] == [True, False]
    assert shop.who(GERMANS, past) == [ADA]
    now = [shop.explain("germans", email, as_of=shop.at).is_member for email in (ADA, BO)]
    assert now == [bool(shop.who(GERMANS, shop.at))] * 2


def test_where_nothing_is_later_nothing_is_rebuilt(shop: Shop) -> None:
    shop.upsert({"email": ADA, "country": "DE"})
    temporary = "SELECT count(*) FROM duckdb_tables() WHERE temporary"
    for as_of, is_past in ((shop.at, False), (shop.at - timedelta(microseconds=1), True)):
        with moment_of(shop._store, as_of) as moment:
            assert moment.has_later_changes is is_past
            ((count,),) = moment.cursor.execute(temporary).fetchall()
            assert (count > 0) is is_past


def test_the_command_line_says_how_well_the_past_is_known(shop: Shop, tmp_path: Path) -> None:
    shop.upsert({"email": ADA, "country": "DE"})
    past = shop.at
    shop.apply([populace.read_segment(segment(GERMANS, "germans"))])
    shop.later()
    shop.upsert({"email": ADA, "country": "US"})
    shop.upsert({"email": BO, "country": "DE"})
    shop.upsert({"email": CY})
    shop.close()
    definitions = tmp_path / "segments.json"
    definitions.write_text(json.dumps([segment(GERMANS, "germans")]), "utf-8")
    folder, at = tmp_path / "shop", past.isoformat()
    done = command("members", folder, "germans", "--as-of", at)
    assert (done.stdout.split(), done.stderr) == (["email", ADA], "members at 2026-03-01T10:00:00Z (exact)\n")
    done = command("preview", folder, definitions, "--as-of", at)
    assert "Preview at 2026-03-01T10:00:00Z (exact), over 1 contacts" in done.stdout
    with populace.open(folder) as opened:
        opened.erase(CY)
        since = opened.exact_since
    assert since is not None
    shown = since.isoformat().replace("+00:00", "Z")
    done = command("recompute", folder, "--as-of", at)
    assert f"1 segment over 1 contact (exact only from {shown} on): computed" in done.stdout
    done = command("preview", folder, definitions, "--as-of", at, "--json")
    found = json.loads(done.stdout)
    assert (found["is_exact"], found["exact_since"]) == (False, shown)
    found = json.loads(command("preview", folder, definitions, "--json").stdout)
    assert (found["is_exact"], found["exact_since"]) == (True, shown)
