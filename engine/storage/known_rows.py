"""What a store knows already, added to what arrives: rows may speak of contacts and lists that did not arrive."""

from __future__ import annotations

from engine.storage.store import Store


def add_known_contacts(arrived: Store, store: Store) -> None:
    """Let events and subscriptions arrive for contacts of the store that did not arrive themselves."""
    with arrived.transaction() as cursor:
        cursor.execute(
            f"""
            INSERT INTO contacts (contact_id, email)
            SELECT (SELECT coalesce(max(contact_id), -1) FROM contacts) + row_number() OVER (), known.email
            FROM (
                SELECT identity[7:] AS email FROM {store.database}.main.identities
                WHERE starts_with(identity, 'email:')
            ) AS known ANTI JOIN contacts USING (email)
            """
        )


def add_known_lists(arrived: Store, store: Store) -> None:
    """Let subscriptions arrive to lists of the store that did not arrive themselves."""
    with arrived.transaction() as cursor:
        cursor.execute(
            f"""
            INSERT INTO lists (id, name)
            SELECT known.id, known.name FROM {store.database}.main.lists AS known ANTI JOIN lists USING (id)
            """
        )
