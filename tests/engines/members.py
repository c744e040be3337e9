"""The members that an engine finds with the script of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine.compile import DIALECTS, members_script
from engine.plan import build_plan
from engine.storage.custom_fields import definition_fields
from tests.engine_under_test import World, checked, custom_fields_of, instant_of, loaded_world
from tests.engines.engine import Engine


def members_by_script(
    segments: Sequence[Mapping[str, Any]], world: World, engine: Engine, *, scratch: Path
) -> dict[str, set[str]]:
    """Segment id -> e-mails of the members, as `members_by_engine` gives them."""
    store, catalog = loaded_world(world)
    read = checked(segments, world, catalog)
    script = members_script(
        build_plan(read, catalog, instant_of(world)), [item.id for item in read], DIALECTS[engine.dialect]
    )
    with TemporaryDirectory(dir=scratch) as folder:
        engine.fill(store, definition_fields(custom_fields_of(world)), Path(folder))
        rows = engine.members(script)
    emails = dict(store.cursor().execute("SELECT contact_id, email FROM contacts").fetchall())
    found: dict[str, set[str]] = {segment.id: set() for segment in read}
    for segment_id, contact_id in rows:
        assert emails[contact_id] not in found[segment_id], "a member stands in one row"
        found[segment_id].add(emails[contact_id])
    return found
