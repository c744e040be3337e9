"""Memberships that follow the data and the clock by themselves."""

from __future__ import annotations

from engine.execute.live.live import Live

__all__ = ["Live"]
