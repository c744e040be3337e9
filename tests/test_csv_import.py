"""CSV files of contacts in a workspace: what rows become, however they are cut into transactions."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import populace
from engine.errors import DatasetError, InvalidValueError, InvalidWriteError, UnknownImportError
from engine.storage.file_imports import FileImport, ImportStatus
from ingest.csv_import import reader
from ingest.csv_import.proposal import Proposal
from ingest.csv_import.running import ImportRun
from ingest.csv_import.settings import ColumnSettings, ImportSettings
from ingest.workspace import Workspace
from ingest.writer import utc_now

ADA = ("a; b", "yes", "41,5", "10.12.1815", "ja")
SKIPPED = {"created_at", "updated_at"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    populace.init(tmp_path / "shop", timezone="Europe/Berlin").close()
    with populace.open(tmp_path / "shop") as workspace:
        workspace.lists.save("news")
        yield workspace


def written(folder: Path, rows: Sequence[Sequence[str]], name: str = "file.csv") -> Path:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path = folder / name
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    return path


def settings_of(headers: Sequence[str], **targets: Any) -> ImportSettings:
    """Settings in which each header means itself, or what is said of it; the rest is of the whole import."""
    columns = []
    for header in headers:
        said = targets.pop(header, header)
        column = {"target": said} if isinstance(said, str) or said is None else said
        columns.append(ColumnSettings.model_validate({"header": header, **column}))
    return ImportSettings.model_validate({"columns": columns, **targets})


def brought_in(shop: Workspace, path: Path, wanted: ImportSettings, **options: Any) -> FileImport:
    item = shop.imports.begin(path, wanted, is_dry_run=options.pop("is_dry_run", False))
    return shop.imports.run(item.id, **options)


def kept_upload(shop: Workspace, path: Path) -> tuple[FileImport, Proposal]:
    upload = shop.imports.begin_upload()
    try:
        upload.write(path.read_bytes())
        return upload.keep(path.name)
    finally:
        upload.close()


def state_of(shop: Workspace) -> dict[str, dict[str, Any]]:
    """Every contact by e-mail: what is known of it, but for when it was written."""
    found = {}
    for record in shop.records(limit=1000).contacts:
        fields = {name: value for name, value in record.fields.items() if value is not None and name not in SKIPPED}
        subscriptions = {item.list_id: item.status for item in record.subscriptions}
        found[str(record.fields["email"])] = {**fields, "tags": sorted(record.tags), "lists": subscriptions}
    return found


def test_rows_become_contacts(shop: Workspace, tmp_path: Path) -> None:
    headers = ["Mail", "Name", "Phone", "Country", "Spent", "Since", "Groups", "May", "Size", "Born", "VIP"]
    rows = [
        headers,
        [" ADA@x.example ", "Ada King Lovelace", "0171 2345678", "Germany", "1.234,50 €", "31.12.2024", *ADA],
        [
            "bob@x.example",
            "Bob",
            "+1 (212) 555-0123",
            "US",
            "NULL",
            "2024-07-01 08:30",
            "",
            "unsubscribed",
            "",
            "",
            "no",
        ],
    ]
    wanted = settings_of(
        headers,
        Mail="email",
        Name="full_name",
        Phone="phone",
        Country="country",
        Spent={"target": "lifetime_value", "decimal": ","},
        Since={"target": "created_at", "formats": ("DD.MM.YYYY", "YYYY-MM-DD HH:MM")},
        Groups={"target": "tags", "separator": ";"},
        May="list_status",
        Size={"target": "shoe_size", "type": "number", "decimal": ",", "label": "Shoe size"},
        Born={"target": "born", "type": "date", "formats": ("DD.MM.YYYY",)},
        VIP={"target": "is_vip", "type": "boolean"},
        lists=("news",),
        tags=("imported",),
        constants={"language": "de"},
    )
    item = brought_in(shop, written(tmp_path, rows), wanted)
    assert (item.state, item.counts.row_count, item.counts.new_count) == (ImportStatus.DONE, 2, 2)
    ada, bob = shop.record("ada@x.example"), shop.record("bob@x.example")
    assert {name: ada.fields[name] for name in ("first_name", "last_name", "phone", "country", "language")} == {
        "first_name": "Ada King",
        "last_name": "Lovelace",
        "phone": "+491712345678",
        "country": "DE",
        "language": "de",
    }
    assert (ada.fields["lifetime_value"], ada.fields["shoe_size"], ada.fields["is_vip"]) == (1234.5, 41.5, True)
    assert str(ada.fields["born"]) == "1815-12-10"
    # A day without a time is its first instant, in the zone of the workspace.
    assert ada.fields["created_at"] == datetime(2024, 12, 30, 23, tzinfo=UTC)
    assert bob.fields["created_at"] == datetime(2024, 7, 1, 6, 30, tzinfo=UTC)
    assert sorted(ada.tags) == ["a", "b", "imported"]
    assert (bob.fields["lifetime_value"], bob.fields["phone"], bob.fields["first_name"]) == (
        None,
        "+12125550123",
        "Bob",
    )
    assert state_of(shop)["ada@x.example"]["lists"] == {"news": "active"}
    assert state_of(shop)["bob@x.example"]["lists"] == {"news": "unsubscribed"}
    assert [field.label for field in shop.fields.all() if field.key == "shoe_size"] == ["Shoe size"]
    assert shop.check().is_clean
    assert shop.record({"kind": "phone", "value": "+491712345678"}).fields["email"] == "ada@x.example"


def test_known_contacts_keep_what_a_row_does_not_give(shop: Workspace, tmp_path: Path) -> None:
    shop.upsert(
        {"email": "ada@x.example", "first_name": "Ada", "country": "GB", "tags": ["old"], "phone": "+4915112345"}
    )
    before = shop.record("ada@x.example").fields
    path = written(tmp_path, [["email", "first_name", "country", "tags"], ["ada@x.example", "", "DE", "new,old"]])
    wanted = settings_of(["email", "first_name", "country", "tags"])
    item = brought_in(shop, path, wanted)
    assert (item.counts.new_count, item.counts.changed_count) == (0, 1)
    after = shop.record("ada@x.example")
    assert (after.fields["first_name"], after.fields["country"], sorted(after.tags)) == ("Ada", "DE", ["new", "old"])
    assert after.fields["created_at"] == before["created_at"]
    assert after.fields["updated_at"] > before["updated_at"]  # type: ignore[operator]  # both are instants
    entries = shop.timeline("ada@x.example").entries
    assert entries[0].kind == "contact.updated"
    # The same once more changes nothing, and not even when it was updated.
    again = brought_in(shop, path, wanted)
    assert (again.counts.new_count, again.counts.changed_count) == (0, 0)
    assert shop.record("ada@x.example").fields == after.fields
    assert shop.check().is_clean


def test_empty_cells_can_remove_values(shop: Workspace, tmp_path: Path) -> None:
    shop.upsert({"email": "ada@x.example", "first_name": "Ada", "country": "GB", "tags": ["old"], "external_id": "x-1"})
    headers = ["email", "first_name", "country", "tags", "external_id", "created_at"]
    path = written(
        tmp_path, [headers, ["ada@x.example", "", "n/a", "", "", ""], ["bob@x.example", "", "", "", "x-1", ""]]
    )
    brought_in(shop, path, settings_of(headers, empty="clear"))
    state = state_of(shop)
    assert state["ada@x.example"] == {"email": "ada@x.example", "tags": ["old"], "lists": {}}
    # What one contact gave up in the same file is the other one's.
    assert shop.record({"kind": "external_id", "value": "x-1"}).fields["email"] == "bob@x.example"
    assert shop.record("ada@x.example").fields["created_at"] is not None
    assert shop.check().is_clean


def test_who_refused_stays_off_a_list(shop: Workspace, tmp_path: Path) -> None:
    for email, status in (("u@x.example", "unsubscribed"), ("b@x.example", "bounced"), ("c@x.example", "complained")):
        shop.upsert({"email": email})
        shop.lists.subscribe(email, "news")
        shop.lists.set_status(email, "news", status)
    emails = ["u@x.example", "b@x.example", "c@x.example", "new@x.example"]
    brought_in(
        shop, written(tmp_path, [["email"], *([email] for email in emails)]), settings_of(["email"], lists=("news",))
    )
    statuses = [state_of(shop)[email]["lists"]["news"] for email in emails]
    assert statuses == ["unsubscribed", "bounced", "complained", "active"]


def test_who_refuses_in_a_file_is_not_put_back_by_a_later_row(shop: Workspace, tmp_path: Path) -> None:
    rows = [["ada@x.example", "unsubscribed"], ["ada@x.example", "active"], ["bob@x.example", "pending"]]
    path = written(tmp_path, [["email", "list_status"], *rows, ["bob@x.example", "active"], ["cy@x.example", ""]])
    brought_in(shop, path, settings_of(["email", "list_status"], lists=("news",)))
    lists = {email: state["lists"] for email, state in state_of(shop).items()}
    assert lists == {
        "ada@x.example": {"news": "unsubscribed"},
        "bob@x.example": {"news": "active"},
        "cy@x.example": {},
    }


def test_who_was_erased_does_not_come_in_again(shop: Workspace, tmp_path: Path) -> None:
    shop.upsert({"email": "gone@x.example"})
    shop.erase("gone@x.example", suppress=True)
    path = written(tmp_path, [["email"], ["gone@x.example"], ["new@x.example"]])
    item = brought_in(shop, path, settings_of(["email"], lists=("news",)))
    assert (item.counts.erased_count, item.counts.new_count) == (1, 1)
    assert set(state_of(shop)) == {"new@x.example"}


def test_bad_rows_are_set_aside_and_can_be_mended(shop: Workspace, tmp_path: Path) -> None:
    rows = [
        ["email", "first_name", "orders_count"],
        ["ada@x.example", "=Ada", "3"],
        ["no mail", "Bob", "4"],
        ["", "Cy", "5"],
        ["dan@x.example", "@Dan", "many"],
    ]
    path = written(tmp_path, rows)
    path.write_text(path.read_text() + "eve@x.example\r\n")
    item = brought_in(shop, path, settings_of(rows[0]))
    assert (item.counts.new_count, item.counts.rejected_count, item.counts.row_count) == (1, 4, 5)
    source = b"".join(shop.imports.rejected(item.id)).decode()
    found = list(csv.DictReader(io.StringIO(source, newline="")))
    assert [row["import_row"] for row in found] == ["2", "3", "4", "5"]
    assert found[1]["import_problem"] == "email: is missing; every row needs an e-mail"
    assert "orders_count: 'many' is not a number" in found[2]["import_problem"]
    assert found[3]["import_problem"] == "has 1 fields, not 3"
    assert found[2]["first_name"] == "'@Dan"  # a spreadsheet takes it for text, and so do we when it comes back
    mended = source.replace("many", "7")
    (tmp_path / "mended.csv").write_text(mended, encoding="utf-8", newline="")
    proposal = shop.imports.propose(tmp_path / "mended.csv")
    assert [column.target for column in proposal.settings.columns] == [
        "email",
        "first_name",
        "orders_count",
        None,
        None,
    ]
    brought_in(shop, tmp_path / "mended.csv", proposal.settings)
    assert state_of(shop)["dan@x.example"]["first_name"] == "@Dan"
    assert state_of(shop)["ada@x.example"]["first_name"] == "=Ada"


def test_a_dry_run_reads_everything_and_stores_nothing(shop: Workspace, tmp_path: Path) -> None:
    shop.upsert({"email": "ada@x.example"})
    path = written(tmp_path, [["email", "first_name"], ["ada@x.example", "A"], ["bob@x.example", "B"], ["x", "C"]])
    wanted = settings_of(["email", "first_name"])
    uploaded, _ = kept_upload(shop, path)
    shop.imports.start(uploaded.id, wanted, is_dry_run=True)
    item = shop.imports.run(uploaded.id)
    assert (item.counts.new_count, item.counts.changed_count, item.counts.rejected_count) == (1, 1, 1)
    assert set(state_of(shop)) == {"ada@x.example"}
    assert "first_name" not in state_of(shop)["ada@x.example"]
    shop.imports.start(item.id, wanted)
    done = shop.imports.run(item.id)
    assert (done.state, done.is_dry_run, done.counts.new_count, done.counts.rejected_count) == ("done", False, 1, 1)


def test_an_import_goes_on_where_it_was_stopped(
    shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader.parts, "__kwdefaults__", {**(reader.parts.__kwdefaults__ or {}), "part_bytes": 512})
    rows = [[f"p{number}@x.example" if number % 7 else "bad", str(number)] for number in range(400)]
    path = written(tmp_path, [["email", "first_name"], *rows])
    wanted = settings_of(["email", "first_name"])
    item = shop.imports.begin(path, wanted)
    for _ in range(100):
        calls: list[FileImport] = []
        stops = iter([False, False, True])
        item = shop.imports.run(item.id, on_progress=calls.append, should_stop=stops.__next__, portion_rows=10)
        assert len(calls) <= 2
        if item.state is ImportStatus.DONE:
            break
        assert shop.imports.begin(path, wanted).id == item.id  # the same command finds it again
    assert item.counts.row_count == 400
    assert item.counts.rejected_count == len([row for row in rows if row[0] == "bad"])
    source = b"".join(shop.imports.rejected(item.id)).decode()
    rejected = csv.DictReader(io.StringIO(source, newline=""))
    assert [row["first_name"] for row in rejected] == [row[1] for row in rows if row[0] == "bad"]
    assert {email: state["first_name"] for email, state in state_of(shop).items()} == {
        row[0]: row[1] for row in rows if row[0] != "bad"
    }


def test_what_stands_in_the_way_is_said(shop: Workspace, tmp_path: Path) -> None:
    path = written(tmp_path, [["email", "x"], ["ada@x.example", "1"]])
    for wanted, words in (
        (settings_of(["email", "x"]), "no field"),
        (settings_of(["email", "x"], x=None, email=None), "no column with the target email"),
        (settings_of(["email", "x"], x=None, lists=("nws",)), "did you mean 'news'"),
        (settings_of(["email", "x"], x=None, timezone="Mars/Base"), "IANA"),
        (settings_of(["email", "x"], x=None, phone_country="Germany"), "ISO 3166-1"),
        (settings_of(["email", "x"], x=None, constants={"orders_count": "many"}), "constants.orders_count"),
        (settings_of(["email", "x"], x={"target": "created_at", "formats": ("DD.MM.YYY",)}), "DD.MM.YYYY"),
        (settings_of(["email", "x"], x="list_status"), "no list that it is about"),
    ):
        with pytest.raises(InvalidValueError, match=words):
            shop.imports.begin(path, wanted)
    with pytest.raises(DatasetError, match="settings are of another file"):
        shop.imports.begin(path, settings_of(["email", "y"], y=None))
    with pytest.raises(InvalidValueError, match="keep one of them"):
        ImportSettings.read({"columns": [{"header": "a", "target": "email"}, {"header": "b", "target": "email"}]})
    with pytest.raises(InvalidValueError, match=r"columns\[0\]\.taget"):
        ImportSettings.read({"columns": [{"header": "a", "taget": "email"}]})
    item = shop.imports.begin(path, settings_of(["email", "x"], x=None))
    with pytest.raises(InvalidWriteError, match="asked for otherwise"):
        shop.imports.begin(path, settings_of(["email", "x"], x="first_name"))
    path.write_text("email,x\nbob@x.example,1\n")
    with pytest.raises(DatasetError, match="not the file that the import began with"):
        shop.imports.run(item.id)
    assert shop.imports.get(item.id).state is ImportStatus.RUNNING  # it may be brought back
    with pytest.raises(InvalidWriteError, match="cancel it first"):
        shop.imports.delete(item.id)
    assert shop.imports.cancel(item.id).state is ImportStatus.CANCELLED
    with pytest.raises(InvalidWriteError, match="nothing to cancel"):
        shop.imports.cancel(item.id)
    shop.imports.delete(item.id)
    with pytest.raises(UnknownImportError):
        shop.imports.get(item.id)
    assert not (shop.path / "imports" / item.id).exists()


def test_fields_that_a_file_does_not_have_keep_their_values(shop: Workspace, tmp_path: Path) -> None:
    """Also those that are retired, or that somebody defines while the import is under way."""
    shop.fields.define("color", "text")
    shop.upsert({"email": "ada@x.example", "color": "red"})
    shop.fields.retire("color")
    path = written(tmp_path, [["email", "first_name"], ["ada@x.example", "Ada"], ["bob@x.example", "Bob"]])
    item = shop.imports.begin(path, settings_of(["email", "first_name"]))
    work = ImportRun(shop._store, shop.path / "imports" / item.id, item, utc_now, portion_rows=10)
    shop.fields.define("plan", "text")
    shop.upsert({"email": "ada@x.example", "plan": "gold"})
    work.run(None, lambda: False)
    shop.fields.define("color", "text")
    ada = state_of(shop)["ada@x.example"]
    assert (ada["first_name"], ada["color"], ada["plan"]) == ("Ada", "red", "gold")


def test_rows_of_several_emails_of_one_contact_count_one_after_the_other(shop: Workspace, tmp_path: Path) -> None:
    for email in ("a@x.example", "b@x.example"):
        shop.upsert({"email": email, "identities": [{"kind": "external_id", "value": email}]})
    shop.merge(["a@x.example", "b@x.example"])
    headers = ["email", "first_name", "last_name", "list_status", "tags"]
    rows = [["a@x.example", "Ada", "Lovelace", "unsubscribed", "t1"], ["b@x.example", "Bea", "", "active", "t2"]]
    item = brought_in(shop, written(tmp_path, [headers, *rows]), settings_of(headers, lists=("news",)))
    (state,) = state_of(shop).values()
    assert (state["first_name"], state["last_name"], state["tags"]) == ("Bea", "Lovelace", ["t1", "t2"])
    assert state["lists"] == {"news": "unsubscribed"}
    assert (item.counts.changed_count, item.counts.new_count) == (1, 0)
    assert shop.check().is_clean


EMAILS = st.sampled_from(["a@x.example", "A@X.example ", "b@x.example", "c@x.example", "bad", ""])
ROWS = st.tuples(
    EMAILS,
    st.sampled_from(["", "Ann", "Bob", "NULL"]),
    st.sampled_from(["", "+49 171 2345678", "0171 2345678", "(212) 555-0123", "none"]),
    st.sampled_from(["", "DE", "United States", "Atlantis"]),
    st.sampled_from(["", "1", "2.5", "x"]),
    st.sampled_from(["", "vip", "new,vip", "old"]),
    st.sampled_from(["", "yes", "no", "pending", "bounced"]),
    st.sampled_from(["", "x-1", "x-2"]),
)
HEADERS = ["email", "first_name", "phone", "country", "orders_count", "tags", "list_status", "external_id"]


@settings(max_examples=int(os.environ.get("POPULACE_EXAMPLES", "8")))
@given(st.lists(ROWS, max_size=6), st.lists(ROWS, max_size=8), st.sampled_from(["keep", "clear"]))
def test_rows_do_the_same_one_by_one_and_together(
    tmp_path_factory: pytest.TempPathFactory, before: list[Sequence[str]], rows: list[Sequence[str]], empty: str
) -> None:
    """However a file is cut into transactions, what comes of it is what comes of its records one after the other."""
    found: list[Mapping[str, Any]] = []
    counts: list[tuple[int, int]] = []
    folder = tmp_path_factory.mktemp("import")
    known = written(folder, [HEADERS, *before], "known.csv")
    path = written(folder, [HEADERS, *rows])
    single = [written(folder, [HEADERS, row], f"row-{number}.csv") for number, row in enumerate(rows)]
    wanted = settings_of(HEADERS, lists=("news",), phone_country="US", empty=empty)
    for name, files in (("together", [path]), ("one by one", single)):
        populace.init(folder / name).close()
        with populace.open(folder / name) as shop:
            shop.lists.save("news")
            brought_in(shop, known, wanted)
            items = [brought_in(shop, file, wanted) for file in files]
            found.append(state_of(shop))
            counts.append((sum(i.counts.row_count for i in items), sum(i.counts.rejected_count for i in items)))
            assert shop.check().is_clean
    assert found[0] == found[1]
    assert counts[0] == counts[1]
