"""Who contacts are: by what they are known now, or were known last, and whom they were merged into."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

NAMES = ("email", "external_id", "phone")

MERGED_CTE = """
    merged AS (
        SELECT r.contact_id, r.merged_into AS owner_id FROM asked JOIN retired AS r USING (contact_id)
        WHERE r.merged_into IS NOT NULL
        UNION
        SELECT merged.contact_id, r.merged_into FROM merged JOIN retired AS r ON r.contact_id = merged.owner_id
        WHERE r.merged_into IS NOT NULL
    )
"""
"""Of each contact of the table `asked` all that it was merged into, one after the other. For WITH RECURSIVE."""


@dataclass(frozen=True, slots=True)
class ContactNames:
    """By what a contact is known, or was last; `merged_into` is who it is now, None if it is itself or nobody."""

    email: str | None = None
    external_id: str | None = None
    phone: str | None = None
    merged_into: ContactNames | None = None

    def document(self) -> dict[str, object]:
        """As JSON shows it; without `merged_into` where there is none."""
        own: dict[str, object] = {name: getattr(self, name) for name in NAMES}
        return own if self.merged_into is None else {**own, "merged_into": self.merged_into.document()}


NOBODY = ContactNames()
"""Who was erased."""


def contact_names(cursor: duckdb.DuckDBPyConnection, contact_ids: Collection[int]) -> dict[int, ContactNames]:
    """The names of contacts; those that were erased, or merged into one that was, are left out."""
    asked = np.array(sorted(set(contact_ids)), np.int32)
    cursor.register("asked", pa.table({"contact_id": pa.array(asked)}))
    try:
        query = "SELECT contact_id, email, external_id, phone FROM contacts SEMI JOIN asked USING (contact_id)"
        names = {contact_id: ContactNames(*own) for contact_id, *own in cursor.execute(query).fetchall()}
        return names if len(names) == len(asked) else {**names, **_names_of_merged(cursor)}
    finally:
        cursor.unregister("asked")


def _names_of_merged(cursor: duckdb.DuckDBPyConnection) -> dict[int, ContactNames]:
    """The last names of those of the table `asked` who are another contact now."""
    rows = cursor.execute(
        f"""
        WITH RECURSIVE {MERGED_CTE}
        SELECT merged.contact_id, r.last_row ->> '$.email', r.last_row ->> '$.external_id', r.last_row ->> '$.phone',
            c.email, c.external_id, c.phone
        FROM merged JOIN contacts AS c ON c.contact_id = merged.owner_id
            JOIN retired AS r ON r.contact_id = merged.contact_id
        """
    ).fetchall()
    return {
        contact_id: ContactNames(email, external_id, phone, merged_into=ContactNames(*now))
        for contact_id, email, external_id, phone, *now in rows
    }
