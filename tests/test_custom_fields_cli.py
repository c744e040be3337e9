"""`populace fields`: what it prints, and which exit code it ends with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from engine.storage.custom_fields import COLUMN_TYPES, CustomFieldType, definition_fields
from ingest.writes.fields import RESERVED_KEYS
from tests.commands import populace
from tests.definitions import field, segment

PAGE = (Path(__file__).parents[1] / "docs" / "fields.md").read_text("utf-8")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    assert populace("init", folder).returncode == 0
    return folder


def test_fields_are_defined_listed_renamed_and_retired(shop: Path) -> None:
    assert "no custom fields yet" in populace("fields", "list", shop).stdout
    done = populace("fields", "define", shop, "renews_on", "date", "--label", "Renewal")
    assert (done.returncode, done.stdout) == (0, "created renews_on\n")
    assert json.loads(populace("fields", "list", shop, "--json").stdout)[0]["label"] == "Renewal"
    assert populace("fields", "define", shop, "renews_on", "date").stdout == "unchanged renews_on\n"
    assert populace("fields", "rename", shop, "renews_on", "Renewal [day]").stdout == "updated renews_on\n"
    listed = populace("fields", "list", shop).stdout
    assert "renews_on" in listed
    assert "Renewal [day]" in listed
    assert populace("fields", "retire", shop, "renews_on").stdout == "retired renews_on\n"
    (found,) = json.loads(populace("fields", "list", shop, "--json").stdout)
    assert {key: found[key] for key in ("key", "label", "type")} == {
        "key": "renews_on",
        "label": "Renewal [day]",
        "type": "date",
    }
    assert found["created_at"] < found["retired_at"]


def test_the_page_names_every_type_with_its_column_and_every_refused_key() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (\w+)[^|]* \| `(\w+)` \|$", PAGE, flags=re.MULTILINE)
    types = definition_fields({kind.value: kind for kind in CustomFieldType})
    assert rows == [(kind, COLUMN_TYPES[kind], types[kind]) for kind in CustomFieldType]
    assert [key for key in sorted(RESERVED_KEYS) if f"`{key}`" not in PAGE] == []


def test_what_the_caller_can_fix_ends_with_2_and_says_what(shop: Path) -> None:
    populace("fields", "define", shop, "plan", "text")
    for arguments, problem in (
        (("define", shop, "plan", "number"), "keeps its type"),
        (("define", shop, "email", "text"), "every contact has"),
        (("define", shop, "plan", "word"), "word"),
        (("rename", shop, "plann", "Plan"), "did you mean 'plan'?"),
        (("retire", shop, "nothing"), "no custom field has the key 'nothing'"),
    ):
        done = populace("fields", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), done
        assert problem in done.stderr


def test_files_definitions_cards_and_sql_know_a_field(shop: Path, tmp_path: Path) -> None:
    for key, kind in (("renews_on", "date"), ("is_partner", "boolean"), ("group", "text")):
        populace("fields", "define", shop, key, kind)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "contacts.csv").write_text(
        "email,renews_on,is_partner,group\nada@x.example,2026-05-01,true,A\nbo@x.example,,,\n", "utf-8"
    )
    done = populace("import", shop, tmp_path / "data")
    assert (done.returncode, done.stderr) == (0, ""), done
    definitions = tmp_path / "segments.json"
    definitions.write_text(json.dumps([segment(field("is_partner", "equals", True), "partners")]), "utf-8")
    previewed = json.loads(populace("preview", shop, definitions, "--json").stdout)
    assert previewed["segments"] == [{"id": "partners", "size": 1, "sample": ["ada@x.example"]}]
    assert populace("segments", "apply", shop, definitions).returncode == 0
    assert populace("recompute", shop).returncode == 0
    refused = populace("fields", "retire", shop, "is_partner")
    assert (refused.returncode, "'is_partner' is in use by 'partners'" in refused.stderr) == (2, True)
    card = json.loads(populace("contact", shop, "ada@x.example", "--json").stdout)
    own = {key: card["profile"][key] for key in ("renews_on", "is_partner", "group")}
    assert own == {"renews_on": "2026-05-01", "is_partner": True, "group": "A"}
    assert "renews_on: 2026-05-01" in populace("contact", shop, "ada@x.example").stdout
    rows = populace("sql", shop, 'SELECT renews_on, "group" FROM segment.partners', "--format", "csv").stdout
    assert rows == "renews_on,group\n2026-05-01,A\n"
