"""Contacts, subscriptions, identities, lists and events as a store had them at an instant: see docs/history.md."""

from __future__ import annotations

from engine.storage.history.moment import Moment, has_changed_since, is_exact, moment_of

__all__ = ["Moment", "has_changed_since", "is_exact", "moment_of"]
