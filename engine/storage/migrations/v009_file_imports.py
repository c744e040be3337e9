"""Schema version 9: files of contacts that are brought in part by part."""

from __future__ import annotations

STATEMENTS = (
    # request is what was asked for, by which the same command is known. settings is JSON, NULL until somebody decided.
    # bytes_done, row_count and the counts behind it are of what is in; rejected_bytes is how much of the file of
    # rejected rows belongs to it.
    """
    CREATE TABLE file_imports (
        id VARCHAR, name VARCHAR, path VARCHAR, file_bytes BIGINT, fingerprint VARCHAR, request VARCHAR,
        settings VARCHAR, is_dry_run BOOLEAN, state VARCHAR, problem VARCHAR, bytes_done BIGINT, row_count BIGINT,
        new_count BIGINT, changed_count BIGINT, repeated_count BIGINT, erased_count BIGINT, rejected_count BIGINT,
        rejected_bytes BIGINT, working_seconds DOUBLE, created_at TIMESTAMP, updated_at TIMESTAMP
    )
    """,
)
