"""Tags: defined, given, renamed, merged and deleted, with what the timeline says of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import populace
from engine.errors import InvalidValueError, InvalidWriteError, UnknownContactError, UnknownTagError
from engine.storage.group_commit import GroupCommit
from ingest.workspace import Workspace

ADA, BO, CY = "ada@x.example.com", "bo@x.example.com", "cy@x.example.com"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    """Ada has two tags, Bo one of them, Cy none."""
    with populace.init(tmp_path / "shop") as opened:
        opened.upsert({"email": ADA, "tags": ["vip", "berlin"]})
        opened.upsert({"email": BO, "tags": ["vip"]})
        opened.upsert({"email": CY})
        yield opened


def tags_of(shop: Workspace, email: str) -> list[str]:
    return list(shop.contact(email).tags)


def entries(shop: Workspace) -> list[tuple[object, ...]]:
    """What the timeline says of tags: whose, kind, tag, operation, changes."""
    return shop._store.rows(
        """
        SELECT c.email, t.kind, t.entity_id, t.operation, t.changes
        FROM timeline AS t JOIN contacts AS c USING (contact_id)
        WHERE t.entity_type = 'tag' ORDER BY t.sequence, c.email
        """
    )


def all_tags(shop: Workspace) -> dict[str, tuple[str | None, int]]:
    return {tag.name: (tag.color, tag.contact_count) for tag in shop.tags.all()}


def test_tags_are_listed_with_their_colour_and_how_many_have_them(shop: Workspace) -> None:
    assert shop.tags.define("new", "#1F6FEB") == "created"
    assert shop.tags.define("vip") == "created"
    assert all_tags(shop) == {"berlin": (None, 1), "new": ("#1f6feb", 0), "vip": (None, 2)}
    assert [tag.created_at is None for tag in shop.tags.all()] == [True, False, False]


def test_a_colour_stays_until_another_one_or_none_is_given(shop: Workspace) -> None:
    shop.tags.define("vip", "#000000")
    assert shop.tags.define("vip") == "unchanged"
    assert shop.tags.define("vip", "#000000") == "unchanged"
    assert all_tags(shop)["vip"] == ("#000000", 2)
    assert shop.tags.define("vip", "#ffffff") == "updated"
    assert all_tags(shop)["vip"] == ("#ffffff", 2)
    assert shop.tags.define("vip", None) == "updated"
    assert all_tags(shop)["vip"] == (None, 2)


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "123456", "#12345g", "#123456\n", 7])
def test_what_is_no_colour_is_refused(shop: Workspace, color: object) -> None:
    with pytest.raises(InvalidValueError, match="write it like #1f6feb"):
        shop.tags.define("vip", color)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "x" * 65, "a\x00b", 7, None])
def test_what_is_no_name_of_a_tag_is_refused(shop: Workspace, name: object) -> None:
    with pytest.raises(InvalidValueError, match="tag"):
        shop.tags.define(name)  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match="names"):
        shop.tags.add(CY, [name])  # type: ignore[list-item]
    with pytest.raises(InvalidValueError, match="new"):
        shop.tags.rename("vip", name)  # type: ignore[arg-type]


def test_adding_writes_one_entry_for_each_new_tag(shop: Workspace) -> None:
    assert shop.tags.add(BO, ["vip", "paris", "new", "paris"]) == "updated"
    assert tags_of(shop, BO) == ["vip", "paris", "new"]
    assert entries(shop) == [(BO, "tag.added", "paris", "add", None), (BO, "tag.added", "new", "add", None)]
    assert shop.tags.add(BO, ["vip", "paris"]) == "unchanged"
    assert len(entries(shop)) == 2


def test_the_same_name_in_another_spelling_is_the_same_tag(shop: Workspace) -> None:
    shop.tags.add(CY, ["Zo\u00eb"])
    assert shop.tags.add(CY, ["Zoe\u0308"]) == "unchanged"


def test_removing_writes_one_entry_for_each_tag_that_was_there(shop: Workspace) -> None:
    assert shop.tags.remove(ADA, ["berlin", "paris"]) == "updated"
    assert tags_of(shop, ADA) == ["vip"]
    assert entries(shop) == [(ADA, "tag.removed", "berlin", "remove", None)]
    assert shop.tags.remove(ADA, ["berlin"]) == "unchanged"
    shop.tags.remove(ADA, ["vip"])
    assert shop._store.rows("SELECT tags FROM contacts WHERE email = $1", [ADA]) == [(None,)]


def test_a_contact_is_named_by_any_identity_and_must_be_there(shop: Workspace) -> None:
    shop.upsert({"email": CY, "external_id": "c-3"})
    assert shop.tags.add({"kind": "external_id", "value": "c-3"}, ["new"]) == "updated"
    assert tags_of(shop, CY) == ["new"]
    with pytest.raises(UnknownContactError):
        shop.tags.add("eve@x.example.com", ["new"])
    with pytest.raises(InvalidValueError, match="not an e-mail"):
        shop.tags.remove("eve", ["new"])


def test_a_change_of_tags_changes_updated_at(shop: Workspace) -> None:
    def updated_at(email: str) -> object:
        return shop.contact(email).profile["updated_at"]

    before = {email: updated_at(email) for email in (ADA, BO, CY)}
    shop.tags.add(CY, ["new"])
    shop.tags.rename("berlin", "Berlin")
    assert [updated_at(email) != before[email] for email in (ADA, BO, CY)] == [True, False, True]


def test_renaming_changes_all_contacts_and_keeps_the_colour(shop: Workspace) -> None:
    shop.tags.define("vip", "#112233")
    assert shop.tags.rename("vip", "best") == "updated"
    assert (tags_of(shop, ADA), tags_of(shop, BO), tags_of(shop, CY)) == (["best", "berlin"], ["best"], [])
    assert all_tags(shop) == {"berlin": (None, 1), "best": ("#112233", 2)}
    said = '{"tag":{"old":"vip","new":"best"}}'
    assert entries(shop) == [(email, "tag.renamed", "best", "rename", said) for email in (ADA, BO)]


def test_renaming_to_a_tag_that_is_there_asks_for_a_merge(shop: Workspace) -> None:
    with pytest.raises(InvalidWriteError, match="merge 'vip' into it"):
        shop.tags.rename("vip", "berlin")
    shop.tags.define("new")
    with pytest.raises(InvalidWriteError, match="merge"):
        shop.tags.rename("vip", "new")
    assert shop.tags.rename("vip", "vip") == "unchanged"
    with pytest.raises(UnknownTagError, match="did you mean 'vip'"):
        shop.tags.rename("vipp", "x")
    assert entries(shop) == []


def test_merging_leaves_each_contact_one_of_the_two(shop: Workspace) -> None:
    shop.tags.define("berlin", "#445566")
    assert shop.tags.merge("berlin", "vip") == "merged"
    assert (tags_of(shop, ADA), tags_of(shop, BO)) == (["vip"], ["vip"])
    assert all_tags(shop) == {"vip": ("#445566", 2)}
    assert entries(shop) == [(ADA, "tag.merged", "vip", "merge", '{"tag":{"old":"berlin","new":"vip"}}')]
    with pytest.raises(InvalidWriteError, match="name another one"):
        shop.tags.merge("vip", "vip")
    with pytest.raises(UnknownTagError):
        shop.tags.merge("vip", "nobody's")


def test_merging_keeps_the_colour_of_the_one_that_stays(shop: Workspace) -> None:
    shop.tags.define("berlin", "#445566")
    shop.tags.define("vip", "#778899")
    shop.tags.merge("berlin", "vip")
    assert all_tags(shop) == {"vip": ("#778899", 2)}


def test_deleting_takes_a_tag_from_everybody(shop: Workspace) -> None:
    shop.tags.define("vip", "#112233")
    assert shop.tags.delete("vip") == "deleted"
    assert (tags_of(shop, ADA), tags_of(shop, BO)) == (["berlin"], [])
    assert shop._store.rows("SELECT tags FROM contacts WHERE email = $1", [BO]) == [(None,)]
    assert all_tags(shop) == {"berlin": (None, 1)}
    assert entries(shop) == [(email, "tag.removed", "vip", "delete", None) for email in (ADA, BO)]
    with pytest.raises(UnknownTagError):
        shop.tags.delete("vip")


def test_what_is_renamed_is_touched_for_the_next_recompute(shop: Workspace) -> None:
    shop._store.rows("SELECT 1")
    with shop._store.transaction() as cursor:
        cursor.execute("DELETE FROM touched")
    shop.tags.rename("vip", "best")
    touched = "SELECT DISTINCT c.email FROM touched JOIN contacts AS c USING (contact_id) ORDER BY 1"
    assert shop._store.rows(touched) == [(ADA,), (BO,)]


def test_sequence_numbers_are_dense_after_entries_that_sql_wrote(shop: Workspace) -> None:
    shop.tags.rename("vip", "best")
    shop.tags.add(CY, ["new"])
    shop.tags.delete("best")
    shop.upsert({"email": CY, "first_name": "Cy"})
    numbers = [number for (number,) in shop._store.rows("SELECT sequence FROM timeline ORDER BY sequence")]
    assert numbers == list(range(1, len(numbers) + 1))
    shop.close()
    with populace.open(shop.path) as reopened:
        reopened.tags.add(CY, ["newer"])
        assert reopened._store.rows("SELECT max(sequence) FROM timeline") == [(len(numbers) + 1,)]


def test_definitions_survive_reopening(shop: Workspace) -> None:
    shop.tags.define("vip", "#112233")
    shop.close()
    with populace.open(shop.path, read_only=True) as reopened:
        assert all_tags(reopened) == {"berlin": (None, 1), "vip": ("#112233", 2)}


def test_renames_amid_other_writes_lose_nothing(shop: Workspace) -> None:
    """A write in the same group as a rename would put the row back as it was before."""
    emails = [f"c{number}@x.example.com" for number in range(12)]
    for email in emails:
        shop.upsert({"email": email, "tags": ["tag-0"]})
    failures: list[BaseException] = []

    def write(email: str) -> None:
        try:
            for number in range(30):
                shop.upsert({"email": email, "first_name": str(number)})
                shop.tags.add(email, [f"own-{number}"])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(email,)) for email in emails]
    for thread in threads:
        thread.start()
    for number in range(8):
        shop.tags.rename(f"tag-{number}", f"tag-{number + 1}")
    for thread in threads:
        thread.join()
    assert failures == []
    expected = {"tag-8", *(f"own-{number}" for number in range(30))}
    assert [set(tags_of(shop, email)) for email in emails] == [expected] * len(emails)
    assert shop._store.rows("SELECT count(*), count(DISTINCT contact_id) FROM contacts") == [(15, 15)]


def test_what_is_alone_shares_its_group_with_nobody() -> None:
    groups: list[list[str]] = []
    may_go_on = threading.Event()

    def commit(writes: Sequence[str]) -> Sequence[str]:
        groups.append(list(writes))
        may_go_on.wait(10)
        return writes

    group = GroupCommit[str, str](commit)
    threads = []
    for number, write in enumerate(("first", "a", "b", "alone", "c", "d")):
        thread = threading.Thread(target=group.submit, args=([write],), kwargs={"alone": write == "alone"})
        thread.start()
        threads.append(thread)
        deadline = time.monotonic() + 60
        while len(groups) < 1 or (number > 0 and group._waiting_count < number):
            assert time.monotonic() < deadline
            threading.Event().wait(0.001)
    may_go_on.set()
    for thread in threads:
        thread.join(10)
    group.close()
    assert groups == [["first"], ["a", "b"], ["alone"], ["c", "d"]]
