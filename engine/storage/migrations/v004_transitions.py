"""Schema version 4: why somebody entered or left, and when that was written down."""

from __future__ import annotations

STATEMENTS = (
    # cause: first_run, definition, data, time, merge or delete; NULL where an older populace wrote it.
    # recorded_at: does not fall from one row to the next; as_of may.
    "ALTER TABLE transitions ADD COLUMN cause VARCHAR",
    "ALTER TABLE transitions ADD COLUMN recorded_at TIMESTAMP",
    """
    UPDATE transitions SET recorded_at = known.recorded_at
    FROM (SELECT first_sequence, max(as_of) OVER (ORDER BY first_sequence) AS recorded_at FROM transitions) AS known
    WHERE known.first_sequence = transitions.first_sequence
    """,
    # Before its first transition a segment had no members.
    """
    UPDATE transitions SET cause = 'first_run'
    WHERE first_sequence IN (SELECT min(first_sequence) FROM transitions GROUP BY segment_id)
    """,
)
