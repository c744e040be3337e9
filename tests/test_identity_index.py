"""The owners of identities in memory: right whatever the hashes are, and however much changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import populace
from engine.storage.changes import identity_index
from engine.storage.changes.identity_index import IdentityIndex
from engine.storage.changes.text_hashes import Hashes

names = st.text("ab", max_size=4)
changes = st.lists(st.dictionaries(names, st.none() | st.integers(0, 5), max_size=6), max_size=8)


def weak_hashes(identities: object) -> tuple[Hashes, Hashes]:
    """Hashes of which the first is often the same for different identities, and the second sometimes."""
    texts = [*identities]  # type: ignore[misc]
    first = np.array([len(text) for text in texts], np.uint64)
    second = np.array([int(f"1{text.replace('a', '2').replace('b', '3')}") for text in texts], np.uint64)
    return first, second


@given(stored=st.dictionaries(names, st.integers(0, 5)), changes=changes, asked=st.lists(names))
def test_it_says_what_a_dictionary_says(
    stored: dict[str, int], changes: list[dict[str, int | None]], asked: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity_index, "_hashes_of", weak_hashes)
        patch.setattr(identity_index, "MOST_CHANGES", 3)
        part = ([*stored], np.array([*stored.values()], np.int32))
        index = IdentityIndex([part])
        owners: dict[str, int | None] = {**stored}
        for change in changes:
            index.change(change)
            owners.update(change)
        found = index.owners(asked)
        assert {name: found.get(name) for name in asked} == {name: owners.get(name) for name in asked}


def test_a_writer_that_has_read_all_identities_goes_on_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity_index, "MOST_CHANGES", 5)
    with populace.init(tmp_path / "w") as workspace:
        for name in ("ada", "bob", "cyd", "dan", "ada", "eve"):
            workspace.upsert({"email": f"{name}@example.com", "external_id": name})
        assert workspace._writer._memory is not None
        assert workspace._writer._memory.identities is not None
        workspace.upsert({"email": "ada@example.com", "first_name": "Ada"})
        workspace.upsert({"external_id": "bob", "email": "bob@example.org"})
        workspace.upsert({"external_id": "dan", "email": None})
        workspace.upsert({"email": "dan@example.com"})
        workspace.erase("cyd@example.com")
        workspace.upsert({"email": "cyd@example.com"})
        emails = workspace._store.rows("SELECT email, external_id FROM contacts ORDER BY ALL")
        assert emails == [
            ("ada@example.com", "ada"),
            ("bob@example.org", "bob"),
            ("cyd@example.com", None),
            ("dan@example.com", None),
            ("eve@example.com", "eve"),
            (None, "dan"),
        ]
        assert workspace.check().is_clean
