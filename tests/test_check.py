"""Check finds every kind of damage, and says which."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import populace
from engine.compile import Step, scan_step
from engine.execute import ContactSet
from engine.execute.check import INVARIANTS, CheckReport
from engine.plan import Plan
from engine.plan.scans import Scan
from ingest.workspace import Workspace
from tests.cases.world import AS_OF
from tests.commands import populace as command
from tests.definitions import field, segment
from tests.full_workspace import fill, run

ROOT = Path(__file__).parents[1]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "w") as opened:
        fill(opened, tmp_path)
        yield opened


def broken(report: CheckReport) -> dict[str, str]:
    """The invariants that do not hold, with their examples."""
    return {item.name: "\n".join(item.examples) for item in report.invariants if item.violation_count}


def packed(*contact_ids: int) -> str:
    """A bitmap as SQL writes it."""
    return f"from_hex('{ContactSet.of_ids(np.array(contact_ids, dtype=np.int32), 5).packed().hex()}')"


EVENT = "INSERT INTO timeline (contact_id, kind, occurred_at, sequence, id) VALUES"
VERSION = "INSERT INTO custom_events (contact_id, event_name, external_id, occurred_at) VALUES"

DAMAGES: list[tuple[str, str, str]] = [
    # What is damaged, the invariant that must name it, and words of the example.
    ("INSERT INTO workspace FROM workspace", "workspace is one", "2 rows"),
    ("INSERT INTO settings VALUES ('secret', '1')", "workspace is one", "setting secret"),
    (
        "INSERT INTO contacts (contact_id, zone_id) VALUES (1, 0)",
        "contact ids are unique",
        "contact 1 is there 2 times",
    ),
    ("INSERT INTO contacts (zone_id) VALUES (0)", "contact ids are unique", "without a number"),
    ("INSERT INTO contacts (contact_id, zone_id) VALUES (9, 0)", "contact ids are dense", "number 7 is neither"),
    ("DELETE FROM retired WHERE contact_id = 5", "contact ids are dense", "number 5 is neither"),
    ("INSERT INTO retired (contact_id) VALUES (2)", "contact ids are dense", "contact 2 is there and retired"),
    ("INSERT INTO retired (contact_id) VALUES (6)", "contact ids are dense", "contact 6 is retired 2 times"),
    ("INSERT INTO contacts (contact_id, zone_id) VALUES (-1, 0)", "contact ids are dense", "below 0"),
    ("UPDATE retired SET merged_into = 99 WHERE contact_id = 5", "merged contacts lead to contacts", "into 99"),
    ("UPDATE retired SET merged_into = 5 WHERE contact_id = 5", "merged contacts lead to contacts", "into 5"),
    (f"{EVENT} (6, 'open_email', TIMESTAMP '2026-01-01', 900, NULL)", "rows belong to contacts", "timeline: 1 rows"),
    (f"{VERSION} (77, 'order', 'z', TIMESTAMP '2026-01-01')", "rows belong to contacts", "custom_events: 1 rows"),
    (
        "INSERT INTO subscriptions (contact_id, list_id, status) VALUES (77, 'news', 'active')",
        "rows belong to contacts",
        "subscriptions: 1 rows of contact 77",
    ),
    ("INSERT INTO identities VALUES ('push:x', 77)", "rows belong to contacts", "identities: 1 rows of contact 77"),
    ("UPDATE outbox SET contact_id = 77", "rows belong to contacts", "outbox: 1 rows of contact 77"),
    ("UPDATE outbox SET contact_id = NULL", "rows belong to contacts", "outbox: 1 rows of contact NULL"),
    ("DELETE FROM identities WHERE identity = 'email:ed@x.example'", "emails are identities", "is nobody"),
    (
        "UPDATE identities SET contact_id = 0 WHERE identity = 'email:ed@x.example'",
        "emails are identities",
        "email:ed@x.example of contact 4 is contact 0",
    ),
    ("DELETE FROM identities WHERE identity LIKE 'phone:%'", "phones and external ids are identities", "phone:+49"),
    ("DELETE FROM identities WHERE identity LIKE 'ext%'", "phones and external ids are identities", "external_id:x-0"),
    ("UPDATE contacts SET zone_id = 0 WHERE contact_id = 0", "zones fit time zones", "America/New_York"),
    ("UPDATE contacts SET zone_id = 5 WHERE contact_id = 4", "zones fit time zones", "no zone"),
    ("UPDATE contacts SET timezone = 'Asia/Tokyo' WHERE contact_id = 1", "zones fit time zones", "Asia/Tokyo"),
    ("INSERT INTO zones VALUES (1, 'Mars/Olympus')", "zones fit time zones", "zone 1 is there 2 times"),
    ("INSERT INTO zones VALUES (9999, 'Asia/Tokyo')", "zones fit time zones", "Asia/Tokyo has 2 numbers"),
    ("UPDATE contacts SET tags = ['a', 'b', 'a'] WHERE contact_id = 2", "tags are there once", "contact 2"),
    ("INSERT INTO tags VALUES ('vip', NULL, NULL)", "tags are there once", "tag vip"),
    ("ALTER TABLE contacts DROP COLUMN born", "custom fields have their column", "field born of type date has no"),
    (
        "ALTER TABLE contacts ALTER COLUMN born TYPE VARCHAR",
        "custom fields have their column",
        "field born of type date has a VARCHAR column",
    ),
    ("INSERT INTO custom_fields (key, type) VALUES ('born', 'date')", "custom fields have their column", "twice"),
    ("INSERT INTO lists (id) VALUES ('news')", "lists are unique", "list news"),
    ("DELETE FROM lists WHERE id = 'gone'", "subscriptions are of lists", "subscriptions: 1 rows of list gone"),
    ("UPDATE outbox SET list_id = 'nowhere'", "subscriptions are of lists", "outbox: 1 rows of list nowhere"),
    ("INSERT INTO subscriptions FROM subscriptions WHERE contact_id = 0", "subscriptions are unique", "contact 0"),
    (f"{EVENT} (1, 'open_email', TIMESTAMP '2026-01-01', 900, 'o1')", "event ids are unique", "event o1 is there 2"),
    (
        f"{EVENT} (1, 'open_email', TIMESTAMP '2026-01-01', (SELECT min(sequence) FROM timeline), NULL)",
        "timeline is numbered",
        "is there several times",
    ),
    (f"{EVENT} (1, 'open_email', TIMESTAMP '2026-01-01', NULL, NULL)", "timeline is numbered", "1 entries without"),
    (f"{EVENT} (1, 'open_email', NULL, 900, NULL)", "timeline is numbered", "1 entries without"),
    (f"{VERSION} (0, 'order', 'a1', TIMESTAMP '2026-05-30')", "custom event versions are unique", "order a1"),
    (
        "UPDATE custom_events SET superseded_at = NULL WHERE external_id = 'b1'",
        "custom events know what superseded them",
        "never superseded",
    ),
    (
        "UPDATE custom_events SET superseded_at = TIMESTAMP '2030-01-01' WHERE external_id = 'a1'",
        "custom events know what superseded them",
        "superseded at 2030",
    ),
    ("UPDATE subscriptions SET status = 'maybe' WHERE contact_id = 0", "words are in the vocabulary", "maybe"),
    ("UPDATE timeline SET kind = 'Open E-Mail' WHERE id = 'o1'", "words are in the vocabulary", "Open E-Mail"),
    ("UPDATE custom_events SET goal_type = 'win' WHERE external_id = 'a1'", "words are in the vocabulary", "win"),
    ("UPDATE custom_events SET event_name = 'a b' WHERE external_id = 'a1'", "words are in the vocabulary", "a b"),
    ("UPDATE custom_fields SET type = 'color' WHERE key = 'born'", "words are in the vocabulary", "color"),
    ("UPDATE contacts SET profile = '{' WHERE contact_id = 0", "json is json", "contacts.profile: {"),
    ("UPDATE contacts SET custom_json_3 = 'x' WHERE contact_id = 0", "json is json", "contacts.custom_json_3: x"),
    ("""UPDATE contacts SET "pet Rex" = 'Rex' WHERE contact_id = 0""", "json is json", "contacts.pet Rex: Rex"),
    ("UPDATE timeline SET properties = '' WHERE id = 'o1'", "json is json", "timeline.properties"),
    ("UPDATE timeline SET changes = '[1' WHERE id = 'o1'", "json is json", "timeline.changes: [1"),
    ("UPDATE custom_events SET properties = 'NaN!' WHERE external_id = 'a1'", "json is json", "custom_events.prop"),
    ("INSERT INTO segments FROM segments WHERE id = 'openers'", "segment versions are unique", "openers version 1"),
    ("""UPDATE segments SET definition = '{"id": 1}' WHERE id = 'openers'""", "segment versions are unique", "openers"),
    (
        "UPDATE segments SET definition = (SELECT definition FROM segments WHERE id = 'readers') WHERE id = 'openers'",
        "segment versions are unique",
        "the definition of another segment",
    ),
    ("DELETE FROM transitions WHERE first_sequence = 1", "transitions are numbered", "where 1 should"),
    ("UPDATE transitions SET entered_count = 3 WHERE first_sequence = 1", "transitions are numbered", "other sizes"),
    ("INSERT INTO transitions FROM transitions WHERE first_sequence = 1", "transitions are numbered", "comes where"),
    ("UPDATE transitions SET cause = 'luck' WHERE first_sequence = 1", "transitions are numbered", "cause luck"),
    ("UPDATE transitions SET recorded_at = NULL WHERE first_sequence = 1", "transitions are numbered", "or never"),
    (
        f"UPDATE transitions SET entered_members = {packed(1, 2)} WHERE segment_id = 'americans'",
        "replayed transitions are the members",
        "segment americans: 4 members",
    ),
    (
        f"UPDATE memberships SET members = {packed(0)}, size = 1 WHERE segment_id = 'americans'",
        "members are those of a recompute",
        "segment americans: 1 contacts are wrong, such as 4",
    ),
    (
        f"UPDATE memberships SET members = {packed(0)}, size = 1 WHERE segment_id = 'americans'",
        "replayed transitions are the members",
        "segment americans: 1 members",
    ),
    (
        "UPDATE memberships SET size = 7 WHERE segment_id = 'openers'",
        "replayed transitions are the members",
        "segment openers says 7 members and has 2",
    ),
    (
        "UPDATE memberships SET members = 'torn'::BLOB WHERE segment_id = 'openers'",
        "replayed transitions are the members",
        "segment openers has members that cannot be read",
    ),
    (
        "INSERT INTO memberships FROM memberships WHERE segment_id = 'openers'",
        "replayed transitions are the members",
        "two rows",
    ),
    ("UPDATE contacts SET country = 'DE' WHERE contact_id = 0", "members are those of a recompute", "such as 0"),
    (
        "UPDATE memberships SET as_of = TIMESTAMP '2027-01-01' WHERE segment_id = 'openers'",
        "members are those of a recompute",
        "segment openers: 2 contacts are wrong",
    ),
    (
        "UPDATE memberships SET version = 2 WHERE segment_id = 'openers'",
        "members are those of a recompute",
        "no definition",
    ),
]


def test_a_sound_workspace_is_clean(workspace: Workspace) -> None:
    seen: list[str] = []
    report = workspace.check(on_invariant=lambda item: seen.append(item.name))
    assert broken(report) == {}
    assert report.is_clean
    assert seen == [invariant.__name__.replace("_", " ") for invariant in INVARIANTS]


@pytest.mark.parametrize(("statement", "name", "said"), DAMAGES, ids=lambda value: str(value)[:60])
def test_damage_is_named(workspace: Workspace, statement: str, name: str, said: str) -> None:
    run(workspace, statement)
    found = broken(workspace.check())
    assert name in found, found
    assert said in found[name], found[name]


def test_every_invariant_is_seen_to_be_broken() -> None:
    assert {name for _, name, _ in DAMAGES} == {item.__name__.replace("_", " ") for item in INVARIANTS}


def test_many_violations_are_counted_and_some_are_shown(workspace: Workspace) -> None:
    run(workspace, f"{EVENT} {', '.join(f'({i}, {chr(39)}x{chr(39)}, NULL, {i}, NULL)' for i in range(100, 180))}")
    (item,) = [item for item in workspace.check().invariants if item.name == "rows belong to contacts"]
    assert (item.violation_count, len(item.examples)) == (80, 5)


def test_who_changed_since_the_recompute_is_left_out(workspace: Workspace) -> None:
    """A write makes the members those of before, which is no damage: the contact stands in touched."""
    workspace.upsert({"email": "ada@x.example", "country": "DE"})
    report = workspace.check()
    assert broken(report) == {}
    assert "2 contacts changed since, and were left out" in {item.note for item in report.invariants}
    workspace.recompute(AS_OF)  # before the write, which is therefore still to come
    assert "1 contacts changed since, and were left out" in {item.note for item in workspace.check().invariants}
    workspace.recompute()
    report = workspace.check()
    assert report.is_clean
    assert {item.note for item in report.invariants} == {""}


def test_a_segment_that_is_outdated_or_new_is_held_against_the_version_that_it_has(workspace: Workspace) -> None:
    changed = segment(field("country", "equals", "FR"), "americans")
    new = segment(field("country", "is_set"), "somewhere")
    workspace.apply([populace.read_segment(changed), populace.read_segment(new)])
    assert workspace.segment("americans").status == "outdated"
    assert broken(workspace.check()) == {}
    workspace.delete_segment("openers")
    assert broken(workspace.check()) == {}


def test_a_segment_that_failed_is_held_against_the_version_and_the_instant_that_it_has(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Even after contacts changed and the others were computed with them."""

    def broken_for_events(scan: Scan, plan: Plan) -> Step:
        step = scan_step(scan, plan)
        return replace(step, sql="SELECT no_such_column FROM contacts") if "open_email" in step.sql else step

    workspace.recompute(AS_OF)
    run(
        workspace,
        "DELETE FROM timeline WHERE contact_id = 0 AND kind = 'open_email'",
        "UPDATE contacts SET country = 'US' WHERE contact_id = 2",
        "INSERT INTO touched VALUES (0), (2)",
    )
    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
        patch.setattr("engine.execute.batch.scan_step", broken_for_events)
        assert list(workspace.recompute("2026-07-01T00:00:00Z").failed) == ["openers"]
    assert workspace.segment("openers").status == "failed"
    assert broken(workspace.check()) == {}
    run(workspace, f"UPDATE memberships SET members = {packed(0, 1, 3)}, size = 3 WHERE segment_id = 'openers'")
    assert "such as 3" in broken(workspace.check())["members are those of a recompute"]
    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
        patch.setattr("engine.execute.batch.scan_step", broken_for_events)
        assert "cannot be computed" in broken(workspace.check())["members are those of a recompute"]


def test_what_writers_leave_is_clean(workspace: Workspace) -> None:
    """Upserts, a merge, an import over them, and a recompute."""
    workspace.upsert_many(
        [
            {"email": "new@x.example", "phone": "+4915112345679", "external_id": "n-1", "timezone": "Asia/Tokyo"},
            {"email": "ed@x.example", "phone": "+4915112345679"},
            {"external_id": "only-this"},
            {"email": "bo@x.example", "timezone": None, "tags": ["a", "b"]},
        ]
    )
    assert broken(workspace.check()) == {}
    workspace.recompute(AS_OF)
    assert broken(workspace.check()) == {}


def test_the_command_names_the_damage_and_ends_with_1(workspace: Workspace) -> None:
    workspace.close()

    def check(*options: str) -> subprocess.CompletedProcess[str]:
        return command("check", workspace.path, *options)

    done = check()
    assert (done.returncode, done.stderr) == (0, "")
    assert f"all {len(INVARIANTS)} invariants hold" in done.stdout
    assert "contact ids are dense: ok" in done.stdout
    with populace.open(workspace.path) as opened:
        run(opened, "DELETE FROM retired WHERE contact_id = 5")
    done = check()
    assert done.returncode == 1
    assert "contact ids are dense: 1 wrong" in done.stdout
    assert "    number 5 is neither a contact nor retired" in done.stdout
    assert f"1 of {len(INVARIANTS)} invariants are broken" in done.stdout
    done = check("--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert not report["is_clean"]
    assert {item["name"] for item in report["invariants"] if item["violations"]} == {"contact ids are dense"}
