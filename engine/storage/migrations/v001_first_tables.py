"""Schema version 1: contacts and what happens to them, segments, memberships, transitions.

Only `identities` has a key, no table has an index (measured: both cost more than they give); whoever writes keeps rows
unique. Instants are UTC. `contact_id` is dense, starts at 0 and never leaves the store.
"""

from __future__ import annotations

STATEMENTS = (
    # One row. `generation` is a new random text whenever anything that an analyst can see has changed.
    """
    CREATE TABLE workspace (
        schema_version INTEGER, timezone VARCHAR, created_at TIMESTAMP, created_by VARCHAR, generation VARCHAR
    )
    """,
    # Zone 0 stands for a zone that is missing or unknown.
    "CREATE TABLE zones (zone_id SMALLINT, name VARCHAR)",
    # Without a key: a key on the wide table makes every write several times slower.
    """
    CREATE TABLE contacts (
        contact_id INTEGER, zone_id SMALLINT,
        email VARCHAR, external_id VARCHAR, first_name VARCHAR, last_name VARCHAR, phone VARCHAR, timezone VARCHAR,
        language VARCHAR, job_title VARCHAR, address_line_1 VARCHAR, address_line_2 VARCHAR, country VARCHAR,
        state VARCHAR, postcode VARCHAR,
        custom_string_1 VARCHAR, custom_string_2 VARCHAR, custom_string_3 VARCHAR, custom_string_4 VARCHAR,
        custom_string_5 VARCHAR,
        lifetime_value DOUBLE, orders_count DOUBLE,
        custom_number_1 DOUBLE, custom_number_2 DOUBLE, custom_number_3 DOUBLE, custom_number_4 DOUBLE,
        custom_number_5 DOUBLE,
        last_order_at TIMESTAMP,
        custom_datetime_1 TIMESTAMP, custom_datetime_2 TIMESTAMP, custom_datetime_3 TIMESTAMP,
        custom_datetime_4 TIMESTAMP, custom_datetime_5 TIMESTAMP,
        created_at TIMESTAMP, updated_at TIMESTAMP,
        custom_json_1 VARCHAR, custom_json_2 VARCHAR, custom_json_3 VARCHAR, custom_json_4 VARCHAR,
        custom_json_5 VARCHAR,
        tags VARCHAR[]
    )
    """,
    # Which contact an e-mail is: the thin map that finds one contact among millions in under a millisecond.
    "CREATE TABLE identities (email VARCHAR PRIMARY KEY, contact_id INTEGER)",
    """
    CREATE TABLE timeline (
        contact_id INTEGER, kind VARCHAR, occurred_at TIMESTAMP, template_id VARCHAR, sequence BIGINT, id VARCHAR,
        entity_type VARCHAR, entity_id VARCHAR, operation VARCHAR, properties VARCHAR, ingested_at TIMESTAMP
    )
    """,
    # goal_value is exact: sums of money must not depend on the order of addition.
    # superseded_at: when a later version of the event took its place.
    """
    CREATE TABLE custom_events (
        contact_id INTEGER, event_name VARCHAR, external_id VARCHAR, occurred_at TIMESTAMP, goal_type VARCHAR,
        goal_name VARCHAR, goal_value DECIMAL(38, 9), properties VARCHAR, deleted_at TIMESTAMP,
        superseded_at TIMESTAMP, sequence BIGINT, ingested_at TIMESTAMP
    )
    """,
    """
    CREATE TABLE lists (
        id VARCHAR, name VARCHAR, is_public BOOLEAN, is_double_optin BOOLEAN, deleted_at TIMESTAMP, sequence BIGINT
    )
    """,
    """
    CREATE TABLE subscriptions (
        contact_id INTEGER, list_id VARCHAR, status VARCHAR, created_at TIMESTAMP, sequence BIGINT
    )
    """,
    # Every version of every segment; a version without a definition says that the segment was deleted.
    "CREATE TABLE segments (id VARCHAR, version INTEGER, definition VARCHAR, applied_at TIMESTAMP)",
    # One row per segment that was ever computed: its members as a packed bitmap, and which version they are of.
    # A segment that failed keeps its last members, and says why.
    """
    CREATE TABLE memberships (
        segment_id VARCHAR, version INTEGER, as_of TIMESTAMP, size INTEGER, members BLOB, failure VARCHAR
    )
    """,
    # One row per segment and recompute that changed it: who entered and who left, as packed bitmaps. The transitions of
    # a row have the sequence numbers from first_sequence on: first who left, then who entered, each by contact id.
    """
    CREATE TABLE transitions (
        first_sequence BIGINT, segment_id VARCHAR, version INTEGER, as_of TIMESTAMP, left_count INTEGER,
        entered_count INTEGER, left_members BLOB, entered_members BLOB
    )
    """,
)
