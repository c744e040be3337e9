"""The table of all invariants."""

from __future__ import annotations

from collections.abc import Callable

from engine.execute.check import contacts, events, memberships
from engine.execute.check.found import Found, Reading

INVARIANTS: tuple[Callable[[Reading], Found], ...] = (
    events.workspace_is_one,
    contacts.contact_ids_are_unique,
    contacts.contact_ids_are_dense,
    contacts.merged_contacts_lead_to_contacts,
    contacts.rows_belong_to_contacts,
    contacts.emails_are_identities,
    contacts.phones_and_external_ids_are_identities,
    contacts.zones_fit_time_zones,
    contacts.tags_are_there_once,
    contacts.custom_fields_have_their_column,
    events.lists_are_unique,
    events.subscriptions_are_of_lists,
    events.subscriptions_are_unique,
    events.event_ids_are_unique,
    events.timeline_is_numbered,
    events.custom_event_versions_are_unique,
    events.custom_events_know_what_superseded_them,
    events.words_are_in_the_vocabulary,
    events.json_is_json,
    memberships.segment_versions_are_unique,
    memberships.transitions_are_numbered,
    memberships.replayed_transitions_are_the_members,
    memberships.members_are_those_of_a_recompute,
)
"""In the order in which they are looked at; the name of each function is what it says."""
