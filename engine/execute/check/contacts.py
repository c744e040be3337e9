"""Invariants of contacts: their numbers, who is known by what, zones, tags and fields."""

from __future__ import annotations

from engine.execute.check.found import Found, Reading
from engine.storage.custom_fields import COLUMN_TYPES

_NOT_OF_LIVING_CONTACTS = frozenset({"contacts", "retired", "touched"})


def contact_ids_are_unique(reading: Reading) -> Found:
    """No two contacts have one number, and each has one."""
    return reading.found(
        """
        SELECT coalesce('contact ' || contact_id || ' is there ' || count(*) || ' times', 'a contact without a number')
        FROM contacts GROUP BY contact_id HAVING count(*) > 1 OR contact_id IS NULL
        """
    )


def contact_ids_are_dense(reading: Reading) -> Found:
    """Every number from 0 to the last one given belongs to a contact, or to one that is retired; none to both."""
    used = "(SELECT contact_id FROM contacts UNION ALL SELECT contact_id FROM retired)"
    return reading.found_by(
        [
            f"""
            SELECT 'number ' || n || ' is neither a contact nor retired'
            FROM (SELECT unnest(range((SELECT coalesce(max(contact_id), -1) + 1 FROM {used} AS u)::BIGINT)) AS n)
            ANTI JOIN {used} AS u ON u.contact_id = n
            """,
            """
            SELECT 'contact ' || contact_id || ' is there and retired'
            FROM retired SEMI JOIN contacts USING (contact_id)
            """,
            """
            SELECT coalesce('contact ' || contact_id || ' is retired ' || count(*) || ' times', 'nobody is retired')
            FROM retired GROUP BY contact_id HAVING count(*) > 1 OR contact_id IS NULL
            """,
            f"SELECT 'number ' || contact_id || ' is below 0' FROM {used} AS u WHERE contact_id < 0",
        ]
    )


def merged_contacts_lead_to_contacts(reading: Reading) -> Found:
    """Who was merged was merged into somebody else, who is there or was retired later."""
    return reading.found(
        """
        SELECT 'contact ' || contact_id || ' was merged into ' || merged_into || ', who is nobody' FROM retired AS r
        WHERE merged_into = contact_id OR merged_into IS NOT NULL
            AND merged_into NOT IN (SELECT contact_id FROM contacts WHERE contact_id IS NOT NULL)
            AND merged_into NOT IN (SELECT contact_id FROM retired WHERE contact_id IS NOT NULL)
        """
    )


def rows_belong_to_contacts(reading: Reading) -> Found:
    """Every row of every table that names a contact names one that is there."""
    tables = [
        table
        for table, columns in reading.columns.items()
        if "contact_id" in columns and table not in _NOT_OF_LIVING_CONTACTS
    ]
    # Webhooks are told that a contact was erased, and that it left its segments.
    known = dict.fromkeys(
        ("webhook_outbox", "webhook_deliveries"),
        "(SELECT contact_id FROM contacts UNION ALL SELECT contact_id FROM retired WHERE merged_into IS NULL) AS known",
    )
    return reading.found_by(
        [
            f"""
            SELECT '{table}: ' || count(*) || ' rows of contact ' || coalesce(t.contact_id::VARCHAR, 'NULL')
            FROM {table} AS t ANTI JOIN {known.get(table, "contacts")} USING (contact_id) GROUP BY t.contact_id
            """
            for table in tables
        ]
    )


def emails_are_identities(reading: Reading) -> Found:
    """A contact is known by its e-mail."""
    return reading.found(
        """
        SELECT 'email:' || c.email || ' of contact ' || c.contact_id || ' is ' || coalesce(
            'contact ' || i.contact_id, 'nobody')
        FROM contacts AS c LEFT JOIN identities AS i ON i.identity = 'email:' || c.email
        WHERE c.email IS NOT NULL AND i.contact_id IS DISTINCT FROM c.contact_id
        """
    )


def phones_and_external_ids_are_identities(reading: Reading) -> Found:
    """A phone in E.164 and an external id are somebody's: those that several contacts claim are an older one's."""
    claims = {"phone": "c.phone_is_valid", "external_id": "c.external_id <> ''"}
    return reading.found_by(
        [
            f"""
            SELECT '{kind}:' || c.{kind} || ' of contact ' || c.contact_id || ' is nobody'
            FROM contacts AS c ANTI JOIN identities AS i ON i.identity = '{kind}:' || c.{kind} WHERE {is_identity}
            """
            for kind, is_identity in claims.items()
        ]
    )


def zones_fit_time_zones(reading: Reading) -> Found:
    """The number of a contact's zone is that of its time zone: 0 for a zone that is missing or unknown."""
    return reading.found_by(
        [
            """
            SELECT 'contact ' || c.contact_id || ' in ' || coalesce(c.timezone, 'no zone') || ' has the number '
                || coalesce(c.zone_id::VARCHAR, 'NULL')
            FROM contacts AS c LEFT JOIN zones AS z ON z.name = c.timezone
            WHERE c.zone_id IS DISTINCT FROM coalesce(z.zone_id, 0)
            """,
            """
            SELECT 'zone ' || coalesce(zone_id::VARCHAR, 'NULL') || ' is there ' || count(*) || ' times' FROM zones
            GROUP BY zone_id HAVING count(*) > 1 OR zone_id IS NULL OR zone_id <= 0
            """,
            "SELECT name || ' has ' || count(*) || ' numbers' FROM zones GROUP BY name HAVING count(*) > 1",
        ]
    )


def tags_are_there_once(reading: Reading) -> Found:
    """No contact has a tag twice, and no tag is defined twice."""
    return reading.found_by(
        [
            """
            SELECT 'contact ' || contact_id || ' has tags ' || tags::VARCHAR FROM contacts
            WHERE len(tags) <> len(list_distinct(tags)) OR list_contains(tags, '')
            """,
            "SELECT 'tag ' || name || ' is there ' || count(*) || ' times' FROM tags GROUP BY name HAVING count(*) > 1",
        ]
    )


def custom_fields_have_their_column(reading: Reading) -> Found:
    """Every field that a user defined is there once, of a type that there is, with a column of that type."""
    violations = []
    fields = reading.cursor.execute("SELECT key, type, count(*) FROM custom_fields GROUP BY ALL").fetchall()
    types = {str(name): column for name, column in COLUMN_TYPES.items()}
    keys = [key for key, _, _ in fields]
    for key, kind, count in fields:
        column = reading.columns["contacts"].get(key)
        if kind not in types:
            violations.append(f"field {key} has the type {kind}, which there is not")
        elif column != types[kind]:
            violations.append(
                f"field {key} of type {kind} has {'no column' if column is None else f'a {column} column'}"
            )
        if count > 1 or keys.count(key) > 1:
            violations.append(f"field {key} is there twice")
    return Found.of(violations)
