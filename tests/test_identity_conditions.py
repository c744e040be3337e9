"""Source `identity`: who is known by an identity of a kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import populace
from engine.definition import read_segment
from tests.definitions import leaf

CONTACTS: list[dict[str, Any]] = [
    {"email": "ada@x.example", "phone": "+49 30 123456", "external_id": "a-1"},
    {"email": "bob@x.example", "phone": "call me", "identities": [{"kind": "push_token", "value": "t-1"}]},
    {"email": "cyd@x.example", "identities": [{"kind": "push", "value": "t-2"}]},
    {"external_id": "d-4"},
]


def asked(kind: str, operator: str = "is_set") -> populace.Segment:
    tree = leaf("identity", {"operator": operator, "kind": kind})
    return read_segment({"id": f"{kind}-{operator}".replace(".", "_"), "tree": tree})


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("email", {"ada", "bob", "cyd"}),
        ("phone", {"ada"}),
        ("external_id", {"ada", "d-4"}),
        ("push_token", {"bob"}),
        ("push", {"cyd"}),
        ("whatsapp", set()),
    ],
)
def test_those_who_have_an_identity_of_a_kind(tmp_path: Path, kind: str, known: set[str]) -> None:
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert_many(CONTACTS)
        shop.apply([asked(kind), asked(kind, "is_not_set")])
        shop.recompute()
        names = {0: "ada", 1: "bob", 2: "cyd", 3: "d-4"}
        found = {
            segment_id: {names[i] for i in membership.members.ids().tolist()}
            for segment_id, membership in shop._read_memberships().items()
        }
        assert found == {f"{kind}-is_set": known, f"{kind}-is_not_set": {*names.values()} - known}
        assert shop.check().is_clean


def test_files_have_the_identities_that_are_fields(tmp_path: Path) -> None:
    lines = 'email,phone,external_id\nada@x.example,+4930123456,a-1\nbob@x.example,call me,\ncyd@x.example,,""\n'
    (tmp_path / "contacts.csv").write_text(lines, "utf-8")
    kinds = ("email", "phone", "external_id", "push_token")
    found = populace.run(tmp_path, segments=[asked(kind) for kind in kinds])
    sizes = {segment_id: members.size for segment_id, members in found.evaluation.members.items()}
    assert sizes == {"email-is_set": 3, "phone-is_set": 1, "external_id-is_set": 1, "push_token-is_set": 0}
