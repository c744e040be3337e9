"""Schema version 5: members are kept as they were after a transition, and what came later is in the transitions."""

from __future__ import annotations

STATEMENTS = (
    # through_sequence: `members` and `size` are those after this transition; later ones of the segment are to be added.
    "ALTER TABLE memberships ADD COLUMN through_sequence BIGINT",
    """
    UPDATE memberships SET through_sequence = (
        SELECT coalesce(max(first_sequence + left_count + entered_count - 1), 0) FROM transitions
    )
    """,
    # of_past: computed of an instant that had passed, by undoing what was written since. Of earlier ones it is unknown.
    "ALTER TABLE memberships ADD COLUMN of_past BOOLEAN",
    "UPDATE memberships SET of_past = true",
)
