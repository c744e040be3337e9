"""What a condition can look at: one file per source, each with one function that reads its leaf."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from engine.definition.sources.contact_lists import read_contact_list
from engine.definition.sources.contact_timeline import read_contact_timeline
from engine.definition.sources.contacts import read_contact
from engine.definition.sources.custom_events_goals import read_custom_events_goal
from engine.definition.sources.identity import read_identity_condition
from engine.definition.sources.segment import read_segment_condition
from engine.definition.sources.sequence import read_sequence
from engine.definition.sources.sql import read_sql_condition
from engine.definition.sources.tag import read_tag
from engine.definition.tree import Node

Sources = Mapping[str, tuple[str, Callable[[object, str], Node]]]

SOURCES: Sources = MappingProxyType(
    {
        "contacts": ("contact", read_contact),
        "contact_lists": ("contact_list", read_contact_list),
        "tag": ("tag", read_tag),
        "identity": ("identity", read_identity_condition),
        "segment": ("segment", read_segment_condition),
        "contact_timeline": ("contact_timeline", read_contact_timeline),
        "sequence": ("sequence", read_sequence),
        "custom_events_goals": ("custom_events_goal", read_custom_events_goal),
        "sql": ("sql", read_sql_condition),
    }
)
"""The name of a source -> the key of its leaf, and the function that reads it."""
