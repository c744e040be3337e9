"""Definitions in plain English, for people and for errors."""

from __future__ import annotations

from engine.definition.words.describe import describe

__all__ = ["describe"]
