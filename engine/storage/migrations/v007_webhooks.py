"""Schema version 7: who is to be told of what, what there is to tell, and what became of it."""

from __future__ import annotations

STATEMENTS = (
    # event_types: such as contact.created, or contact.* for all of that kind. filters: a JSON object.
    # previous_secret: signs too, for a while after secret_changed_at.
    """
    CREATE TABLE webhooks (
        id VARCHAR, name VARCHAR, url VARCHAR, secret VARCHAR, previous_secret VARCHAR, secret_changed_at TIMESTAMP,
        event_types VARCHAR[], filters VARCHAR, is_enabled BOOLEAN, created_at TIMESTAMP, updated_at TIMESTAMP
    )
    """,
    # What happened, as far as a webhook wants it, written with the change itself. It goes once every webhook has it.
    """
    CREATE TABLE webhook_outbox (
        sequence BIGINT, type VARCHAR, contact_id INTEGER, occurred_at TIMESTAMP, recorded_at TIMESTAMP, data VARCHAR
    )
    """,
    # How far each webhook has read the outbox and the transitions; deliveries have the numbers below next_number.
    """
    CREATE TABLE webhook_progress (
        webhook_id VARCHAR, outbox_sequence BIGINT, transition_sequence BIGINT, next_number BIGINT
    )
    """,
    # status: waiting, delivered or dead. A delivered one has no payload any more.
    """
    CREATE TABLE webhook_deliveries (
        webhook_id VARCHAR, number BIGINT, message_id VARCHAR, type VARCHAR, contact_id INTEGER,
        occurred_at TIMESTAMP, status VARCHAR, attempt_count INTEGER, waiting_since TIMESTAMP,
        last_attempt_at TIMESTAMP, next_attempt_at TIMESTAMP, status_code INTEGER, failure VARCHAR, payload VARCHAR
    )
    """,
)
