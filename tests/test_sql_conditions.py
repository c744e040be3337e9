"""Source `sql`: an analyst's query as a condition of a segment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings

import populace
from api.cli.explain import explanation_lines
from engine.compile import Step
from engine.definition import Segment, read_segment
from engine.errors import InternalError, SegmentsFileError
from engine.execute import publish, sql_conditions
from engine.execute.analyst import QueryLimits
from engine.execute.publish import published_file, published_in_transaction, remove_published
from ingest.workspace import Workspace
from tests import reference
from tests.definitions import branch, field, found_by, leaf, segment
from tests.engine_under_test import members_by_engine, write_dataset
from tests.reference_sql import ABOVE_AVERAGE, KNOWN
from tests.strategies import worlds

AS_OF = "2099-06-01T12:00:00Z"
CONTACTS: list[dict[str, Any]] = [
    {"email": "ada@x.example", "country": "US", "lifetime_value": 1200},
    {"email": "bo@x.example", "lifetime_value": 10},
    {"email": "élan@x.example", "country": "FR", "lifetime_value": 20},
    {"external_id": "d-4", "country": "US"},
]
IN_THE_US = "SELECT email FROM contacts WHERE country = 'US'"
NOT_A_NUMBER = "SELECT email FROM contacts WHERE country::INTEGER = 1"
ENDLESS = "SELECT 'a' FROM range(100000) a(n), range(100000) b(n), range(100000) c(n) WHERE hash(a.n + b.n) = c.n"


def asked(query: str, segment_id: str = "s", operator: str = "in") -> Segment:
    return read_segment(segment(found_by(query, operator), segment_id))


def is_member_of(segment_id: str) -> Any:
    return leaf("segment", {"operator": "in", "segment_id": segment_id})


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert_many(CONTACTS)
        yield shop


def members(shop: Workspace, segment_id: str = "s") -> list[str]:
    return shop.members(segment_id)["email"].to_list()


# --- what it finds ----------------------------------------------------------------------------------------------------


def test_members_are_those_whose_email_is_found_and_not_in_is_everybody_else(shop: Workspace) -> None:
    shop.apply([asked(IN_THE_US), asked(IN_THE_US, "others", "not_in")])
    found = {item.segment.id: item.size for item in shop.recompute(AS_OF).segments}
    assert members(shop) == ["ada@x.example"]
    assert found == {"s": 1, "others": 3}  # d-4 has no e-mail, and is not found by one


def test_emails_are_trimmed_and_lowered_and_those_of_nobody_match_nobody(shop: Workspace) -> None:
    query = "VALUES (' ADA@x.example'), ('É' || 'LAN@X.example\n'), ('ada@x.example'), ('zoe@x.example'), (NULL), ('')"
    shop.apply([asked(query)])
    shop.recompute(AS_OF)
    assert members(shop) == ["ada@x.example", "élan@x.example"]


def test_as_of_is_the_instant_of_the_evaluation_in_utc(shop: Workspace) -> None:
    query = "SELECT 'bo@x.example' WHERE $as_of = TIMESTAMP '2099-06-01 12:00:00.000001'"
    shop.apply([asked(query)])
    assert [item.size for item in shop.recompute("2099-06-01T14:00:00.000001+02:00").segments] == [1]
    assert [item.size for item in shop.recompute(AS_OF).segments] == [0]


def test_a_query_stands_among_other_conditions_and_runs_once_for_all_segments(shop: Workspace) -> None:
    tree = branch("and", found_by(ABOVE_AVERAGE), branch("not", field("country", "equals", "FR")))
    shop.apply([asked(ABOVE_AVERAGE, "above"), read_segment(segment(tree, "both"))])
    steps: list[Step] = []
    shop.recompute(AS_OF, on_step=steps.append)
    assert [(members(shop, name)) for name in ("above", "both")] == [["ada@x.example"], ["ada@x.example"]]
    queries = [step for step in steps if step.sql == ABOVE_AVERAGE]
    assert len(queries) == 1
    assert "$as_of is 2099-06-01 12:00:00" in queries[0].script


def test_a_query_sees_what_was_written_since_the_last_recompute(shop: Workspace) -> None:
    shop.apply([asked(IN_THE_US)])
    shop.recompute(AS_OF)
    shop.upsert({"email": "bo@x.example", "country": "US"})
    shop.recompute(AS_OF)
    assert members(shop) == ["ada@x.example", "bo@x.example"]


def test_a_query_can_read_custom_fields(shop: Workspace) -> None:
    with pytest.raises(SegmentsFileError, match=r'(?s)column "shoe_size" not found'):
        shop.apply([asked("SELECT email FROM contacts WHERE shoe_size > 40")])
    shop.fields.define("shoe_size", "number")
    shop.upsert({"email": "bo@x.example", "shoe_size": 44})
    shop.apply([asked("SELECT email FROM contacts WHERE shoe_size > 40")])
    shop.recompute(AS_OF)
    assert members(shop) == ["bo@x.example"]


def test_a_preview_finds_the_same_in_a_workspace_that_is_only_read(shop: Workspace) -> None:
    path = shop.path
    shop.close()
    with populace.open(path, read_only=True) as opened:
        (found,) = opened.preview([asked(IN_THE_US)], as_of=AS_OF).segments
    assert (found.size, found.sample, found.failure) == (1, ("ada@x.example",), None)


def test_a_folder_of_files_is_asked_too(tmp_path: Path) -> None:
    write_dataset({"contacts": CONTACTS[:3]}, tmp_path)
    found = populace.run(tmp_path, segments=[asked(ABOVE_AVERAGE)], as_of=AS_OF)
    assert found.members("s")["email"].to_list() == ["ada@x.example"]
    with pytest.raises(SegmentsFileError, match="the function random gives another value each time"):
        populace.run(tmp_path, segments=[asked("SELECT email FROM contacts WHERE random() < 1")])


@settings(max_examples=5, phases=[Phase.generate])
@given(world=worlds())
def test_members_are_those_of_the_judge_in_any_world(world: dict[str, Any]) -> None:
    segments = [
        segment(found_by(query, operator), f"{operator}-{number}")
        for number, query in enumerate(KNOWN)
        for operator in ("in", "not_in")
    ]
    expected = {item["id"]: reference.members(item, world) for item in segments}
    assert members_by_engine(segments, world) == expected


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT email, country FROM contacts", "the query gives 2 columns; it must give one"),
        ("SELECT lifetime_value FROM contacts", "a column of type DOUBLE; it must be of text"),
        ("SELECT NULL", 'a column of type "NULL"; it must be of text'),
        ("SELECT emial FROM contacts", 'Referenced column "emial" not found'),
        ("SELECT email FROM contacts WHERE", "not SQL: syntax error"),
        ("DELETE FROM contacts", "only one SELECT is allowed"),
        ("SELECT content FROM read_text('/etc/hostname')", "'read_text' cannot stand in FROM"),
        ("SELECT email FROM '/etc/passwd'", "there is no table '/etc/passwd' to read"),
        ("SELECT email FROM contacts WHERE created_at > now()", "now reads the clock; write $as_of"),
        ("SELECT email FROM contacts LIMIT 5", "LIMIT keeps some of the rows that tie"),
        ("SELECT email FROM memberships WHERE segment_id = 'a'", "memberships changes with every recompute"),
        ("WITH segments AS (SELECT 'a' AS email) SELECT email FROM contacts", "a CTE cannot be named 'segments'"),
        ("SELECT email FROM contacts WHERE created_at > $since", "the parameter 'since' has no value here; it can be"),
        ("SELECT email FROM contacts WHERE created_at > ?", "the parameter '1' has no value here; it can be $as_of"),
    ],
)
def test_a_query_that_cannot_be_a_condition_is_refused_when_it_is_applied(
    shop: Workspace, query: str, reason: str
) -> None:
    tree = branch("and", field("email", "is_set"), found_by(query))
    with pytest.raises(SegmentsFileError) as caught:
        shop.apply([asked(IN_THE_US, "fine"), read_segment(segment(tree, "wrong"))])
    assert str(caught.value).startswith("segment 'wrong': tree.branch.leaves[1].leaf.sql.query: ")
    assert reason in str(caught.value)
    assert shop.segments() == []


def test_a_preview_refuses_it_too(shop: Workspace) -> None:
    with pytest.raises(SegmentsFileError, match=r"segment 's': tree.leaf.sql.query: the function uuid"):
        shop.preview([asked("SELECT uuid()::VARCHAR")])


def test_what_is_refused_for_less_is_said_before_any_query_is_looked_at(shop: Workspace) -> None:
    trees = [found_by("SELECT random()"), leaf("contact_lists", {"operator": "in", "list_id": "nowhere"})]
    with pytest.raises(SegmentsFileError, match="nowhere"):
        shop.apply([read_segment(segment(branch("and", *trees)))])


# --- what fails alone -------------------------------------------------------------------------------------------------


def test_a_query_that_fails_fails_its_segment_alone(shop: Workspace) -> None:
    shop.apply([asked(NOT_A_NUMBER, "cast"), asked(IN_THE_US, "fine")])
    shop.apply([read_segment(segment(is_member_of("cast"), "named")), asked(ABOVE_AVERAGE, "above")])
    result = shop.recompute(AS_OF)
    assert result.failed.keys() == {"cast", "named"}
    assert "its SQL failed: Conversion Error: Could not convert string" in result.failed["cast"]
    assert (members(shop, "fine"), members(shop, "above")) == (["ada@x.example"], ["ada@x.example"])


def test_a_segment_that_fails_keeps_its_members_and_says_why(shop: Workspace) -> None:
    shop.upsert({"email": "ada@x.example", "custom_string_1": "1"})
    shop.apply([asked("SELECT email FROM contacts WHERE custom_string_1::INTEGER = 1")])
    assert shop.recompute(AS_OF).failed == {}
    shop.upsert({"email": "bo@x.example", "custom_string_1": "one"})
    shop.recompute("2099-06-02T12:00:00Z")
    state = shop.segment("s")
    assert (state.status, state.size, members(shop)) == ("failed", 1, ["ada@x.example"])
    assert "its SQL failed" in (state.failure or "")


def test_a_query_that_takes_too_long_is_stopped_and_fails_alone(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.apply([asked(ENDLESS, "endless"), asked(IN_THE_US, "fine")])
    monkeypatch.setattr(sql_conditions, "LIMITS", QueryLimits(timeout_seconds=1.5))
    result = shop.recompute(AS_OF)
    assert result.failed == {"endless": "its SQL failed: the query took more than 1.5 s; ask for less"}
    assert members(shop, "fine") == ["ada@x.example"]


def test_a_process_that_cannot_run_a_query_fails_its_segment_alone(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.apply([asked(IN_THE_US), read_segment(segment(field("country", "equals", "US"), "fine"))])

    def broken(*_: object, **__: object) -> None:
        raise InternalError("the process that runs SQL cannot be started")

    monkeypatch.setattr(sql_conditions, "started_worker", broken)
    assert shop.recompute(AS_OF).failed == {"s": "the process that runs SQL cannot be started"}


def test_who_stops_a_recompute_does_not_wait_for_a_query(shop: Workspace) -> None:
    shop.apply([asked(IN_THE_US, "a"), asked(ENDLESS, "b")])
    has_begun = threading.Event()
    ended: list[BaseException] = []

    def work() -> None:
        def on_step(step: Step) -> None:
            if step.sql == ENDLESS:
                has_begun.set()

        try:
            shop.recompute(AS_OF, on_step=on_step)
        except KeyboardInterrupt as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert has_begun.wait(30)
    started = time.monotonic()
    while thread.is_alive() and time.monotonic() - started < 20:
        shop._store.interrupt()
        thread.join(0.1)
    shop._store.resume()
    assert ended
    assert time.monotonic() - started < 10
    assert [item.status for item in shop.segments()] == ["new", "new"]


def test_of_an_instant_since_which_contacts_changed_a_query_is_not_asked(shop: Workspace) -> None:
    """It would see them as they are now, and the conditions beside it as they were."""
    past = datetime.now(UTC)
    shop.upsert({"email": "bo@x.example", "country": "US"})
    shop.apply([asked(IN_THE_US), read_segment(segment(field("country", "equals", "US"), "native"))])
    found = {item.segment.id: item for item in shop.preview([asked(IN_THE_US)], as_of=past).segments}
    assert "it sees contacts as they are now, and they have changed since" in (found["s"].failure or "")
    assert shop.recompute(past).failed.keys() == {"s"}
    assert members(shop, "native") == ["ada@x.example", None]
    assert shop.recompute(AS_OF).failed == {}
    assert members(shop) == ["ada@x.example", "bo@x.example"]


def test_a_forecast_asks_again_for_every_day(shop: Workspace) -> None:
    shop.apply([asked("SELECT email FROM contacts WHERE $as_of < TIMESTAMP '2099-06-03'")])
    sizes = [day.size for day in shop.forecast("s", days=2, as_of=AS_OF).days]
    assert sizes == [3, 3, 0]


def test_an_explanation_runs_the_query_and_foresees_nothing(shop: Workspace) -> None:
    named = read_segment(segment(branch("not", is_member_of("s")), "named"))
    shop.apply([asked(IN_THE_US), named])
    shop.recompute(AS_OF)
    for email in ("ada@x.example", "bo@x.example"):
        for segment_id in ("s", "named"):
            found = shop.explain(segment_id, email, as_of=AS_OF)
            assert found.is_member == (segment_id in shop.segments_of(email))
            assert (found.is_foreseen, found.next_change_at, found.changes) == (False, None, ())
    details = shop.explain("s", "ada@x.example", as_of=AS_OF).tree.details
    assert details is not None
    assert details.found == "found by it"
    lines = "\n".join(explanation_lines(shop.explain("s", "ada@x.example", as_of=AS_OF)))
    assert "nobody can tell; a query may find others at any time" in lines


# --- the same data as the rest of the recompute -----------------------------------------------------------------------


def test_a_query_sees_the_data_of_the_recompute_whatever_is_written_meanwhile(shop: Workspace) -> None:
    native = read_segment(segment(field("country", "equals", "US"), "native"))
    shop.apply([asked("SELECT email FROM contacts WHERE country = 'US'"), native])
    is_over = threading.Event()

    def write() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            shop.upsert({"email": f"c{number}@x.example", "country": "US"})

    thread = threading.Thread(target=write)
    thread.start()
    sizes = []
    try:
        for _ in range(3):
            assert shop.recompute(AS_OF).failed == {}
            assert members(shop) == [email for email in members(shop, "native") if email]
            sizes.append(len(members(shop)))
    finally:
        is_over.set()
        thread.join()
    assert sizes[0] < sizes[-1]


def test_questions_erasures_and_recomputes_do_not_wait_for_each_other_forever(shop: Workspace) -> None:
    shop.apply([asked("SELECT email FROM contacts WHERE email LIKE 'c%'")])
    shop.upsert_many([{"email": f"c{number}@x.example"} for number in range(20)])
    errors: list[BaseException] = []

    def ask() -> None:
        for _ in range(4):
            shop.sql("SELECT count(*) FROM contacts")

    def erase() -> None:
        for number in range(6):
            shop.erase(f"c{number}@x.example")

    def compute() -> None:
        for _ in range(3):
            assert shop.recompute(AS_OF).failed == {}

    def caught(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=caught, args=(work,), daemon=True) for work in (ask, erase, compute)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []
    shop.recompute(AS_OF)
    assert len(members(shop)) == 14


def test_a_copy_is_made_only_for_a_query_and_one_that_is_there_is_used(shop: Workspace) -> None:
    shop.apply([read_segment(segment(field("country", "equals", "US"), "native"))])
    shop.recompute(AS_OF)
    assert list(shop.path.glob("published-*")) == []
    shop.apply([asked(IN_THE_US)])
    copy = published_file(shop._store)
    written_at = copy.stat().st_mtime_ns
    shop.recompute(AS_OF)
    assert [(path, path.stat().st_mtime_ns) for path in shop.path.glob("published-*")] == [(copy, written_at)]


def test_a_copy_that_a_transaction_is_about_to_read_is_not_removed_by_questions(
    shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question makes a copy; while it does, another write comes, and a recompute that makes a later copy."""
    newer: list[Path] = []
    reshape = publish._reshape

    def slow(*arguments: Any) -> None:
        if not newer:
            newer.append(Path())
            shop.upsert({"email": "new@x.example"})
            with shop._store.transaction():
                newer[0] = published_in_transaction(shop._store)
        reshape(*arguments)

    monkeypatch.setattr(publish, "_reshape", slow)
    older = published_file(shop._store)
    assert newer[0] not in (Path(), older)
    assert newer[0].exists()


def test_an_erasure_waits_until_a_transaction_has_read_its_copy(shop: Workspace) -> None:
    eraser = threading.Thread(target=remove_published, args=(shop._store,))
    with shop._store.transaction():
        copy = published_in_transaction(shop._store)
        eraser.start()
        eraser.join(0.5)
        assert copy.exists()
    eraser.join(30)
    assert not copy.exists()


def test_the_check_leaves_out_what_it_cannot_know(shop: Workspace) -> None:
    shop.apply([asked(ABOVE_AVERAGE)])
    shop.recompute(AS_OF)
    shop.upsert({"email": "ada@x.example", "lifetime_value": 0})  # and so bo and élan are above the average
    report = shop.check()
    assert report.is_clean
    notes = " ".join(item.note for item in report.invariants)
    assert "segments with SQL (1) were left out, and those that name them" in notes
