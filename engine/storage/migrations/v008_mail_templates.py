"""Schema version 8: the texts of mails."""

from __future__ import annotations

STATEMENTS = (
    # subject, html and text are Liquid templates; html or text may be NULL, not both.
    """
    CREATE TABLE mail_templates (
        id VARCHAR, name VARCHAR, subject VARCHAR, html VARCHAR, text VARCHAR, created_at TIMESTAMP,
        updated_at TIMESTAMP
    )
    """,
)
