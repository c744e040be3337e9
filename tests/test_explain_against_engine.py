"""What explain says of one contact is what evaluations of all contacts find: at every node, now and later."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from unicodedata import normalize

from hypothesis import given, settings

from engine.definition import Segment
from engine.definition.points import parsed_instant
from engine.definition.references import with_referenced
from engine.definition.tree import Not, SegmentCondition
from engine.execute import evaluate
from engine.execute.explain import ExplainedNode, Explanation, explained, read_contact_values
from engine.plan import Catalog
from engine.storage import Store
from tests.engine_under_test import checked, instant_of, loaded_world, members_by_engine
from tests.strategies import TAPES, world_and_segments_of

Json = dict[str, Any]

MICROSECOND = timedelta(microseconds=1)
LAST_AT = datetime.max.replace(tzinfo=UTC)


def nodes_of(node: ExplainedNode, segment: Segment, segments: Mapping[str, Segment]) -> Iterator[tuple[Segment, bool]]:
    """Each explained node as a segment of its own, with what was said of it."""
    yield replace(segment, tree=node.node), node.holds
    inner = node.node.node if isinstance(node.node, Not) else node.node
    of_parts = segments[inner.segment_id] if isinstance(inner, SegmentCondition) else segment
    for part in node.parts:
        yield from nodes_of(part, of_parts, segments)


def explanation_of(
    store: Store, email: str, contact_id: int, segments: Sequence[Segment], at: datetime, catalog: Catalog
) -> Explanation:
    trees = [segment.tree for segment in segments]
    with store.cursor() as cursor:
        values = read_contact_values(cursor, contact_id, trees, catalog)
    assert values is not None
    return explained(email, segments, values, at)


def earlier_instant(random: Random, world: Json) -> datetime:
    """The instant of the world, or one a little before something happens: so that something is still to come."""
    rows = [*world["timeline"], *world["custom_events"], *world["contacts"], *world["lists"]]
    texts = [value for row in rows for key, value in row.items() if isinstance(value, str) and key != "email"]
    happens_at = [instant_of(world), *filter(None, map(parsed_instant, texts))]
    ago = random.choice([timedelta(0), MICROSECOND, timedelta(hours=5), *map(timedelta, (1, 2, 7, 25, 45))])
    at = random.choice(happens_at)
    return at - ago if at.year > 1 else at


def later_instants(random: Random, start: datetime, end: datetime | None) -> list[datetime]:
    """A few instants from the first to before the second: soon, and within the next years."""
    latest = end if end is not None else min(start + timedelta(days=20 * 366), LAST_AT)
    microseconds = (latest - start) // MICROSECOND
    reach = [microseconds, min(microseconds, 10**6 * 86_400 * 40), min(microseconds, 10**6 * 86_400)]
    return [start + random.randrange(size) * MICROSECOND for size in reach if size]


@settings(max_examples=max(settings().max_examples // 4, 1))  # each is some twenty evaluations
@given(tape=TAPES)
def test_explain_says_what_evaluation_finds(tape: bytes) -> None:
    world, rows = world_and_segments_of(tape)
    store, catalog = loaded_world(world)
    segments = {segment.id: segment for segment in checked(rows, world, catalog)}
    random = Random(tape)
    emails = store.rows("SELECT email, contact_id FROM contacts ORDER BY email")
    as_of, found_pairs = some_explanations(store, catalog, segments, emails, world, random)
    asked: dict[str, Segment] = {}
    said: list[tuple[str, int, bool]] = []
    for segment, contact_id, found in found_pairs:
        said.append((segment.id, contact_id, found.is_member))
        for part, holds in nodes_of(found.tree, segment, segments):
            part_id = f"part{len(asked)}"
            asked[part_id] = replace(part, id=part_id)
            said.append((part_id, contact_id, holds))
    members = members_of(store, catalog, [*segments.values(), *asked.values()], as_of)
    for segment_id, contact_id, holds in said:
        assert (contact_id in members[segment_id]) == holds, (segment_id, asked.get(segment_id), contact_id)
    for segment, contact_id, found in found_pairs:
        check_next_change(store, catalog, segments, segment, contact_id, found, random)


def some_explanations(
    store: Store,
    catalog: Catalog,
    segments: Mapping[str, Segment],
    emails: Sequence[tuple[str, int]],
    world: Json,
    random: Random,
) -> tuple[datetime, list[tuple[Segment, int, Explanation]]]:
    """Explanations at one instant; of three instants and all pairs rather those of which something is still to come."""
    found: list[tuple[Segment, int, Explanation]] = []
    for _ in range(3):
        as_of = earlier_instant(random, world)
        found = [
            (segment, contact_id, explanation_of(store, email, contact_id, ordered, as_of, catalog))
            for segment in segments.values()
            for ordered in [with_referenced([segment], segments)]
            for email, contact_id in emails
        ]
        if any(item.next_change_at is not None for _, _, item in found):
            break
    random.shuffle(found)
    return as_of, sorted(found, key=lambda item: item[2].next_change_at is None)[:3]


def check_next_change(
    store: Store,
    catalog: Catalog,
    segments: Mapping[str, Segment],
    segment: Segment,
    contact_id: int,
    found: Explanation,
    random: Random,
) -> None:
    change_at = found.next_change_at
    unchanged = later_instants(random, found.as_of, change_at)
    unchanged += [] if change_at is None else [change_at - MICROSECOND]
    for at in unchanged:
        members = members_of(store, catalog, with_referenced([segment], segments), at)
        assert (contact_id in members[segment.id]) == found.is_member, (segment, at, change_at)
    if change_at is not None:
        assert change_at > found.as_of
        members = members_of(store, catalog, with_referenced([segment], segments), change_at)
        assert (contact_id in members[segment.id]) != found.is_member, (segment, change_at)


def members_of(store: Store, catalog: Catalog, segments: Sequence[Segment], at: datetime) -> dict[str, set[int]]:
    evaluation = evaluate(store, segments, as_of=at, catalog=catalog)
    assert not evaluation.failed, evaluation.failed
    return {segment_id: set(found.ids().tolist()) for segment_id, found in evaluation.members.items()}


# --- single changes ---------------------------------------------------------------------------------------------------


@settings(max_examples=max(settings().max_examples // 3, 1))
@given(tape=TAPES)
def test_a_single_change_does_what_explain_says(tape: bytes) -> None:
    """Changes that can be made to the rows of the world are made, each alone, and looked at by an evaluation."""
    world, rows = world_and_segments_of(tape)
    store, catalog = loaded_world(world)
    segments = {segment.id: segment for segment in checked(rows, world, catalog)}
    as_of, random = instant_of(world), Random(tape)
    emails = store.rows("SELECT email, contact_id FROM contacts ORDER BY email")
    pairs = [(segment, email, contact_id) for segment in segments.values() for email, contact_id in emails]
    changed: list[tuple[str, str, bool, str, Json]] = []
    for segment, email, contact_id in random.sample(pairs, min(len(pairs), 6)):
        ordered = with_referenced([segment], segments)
        found = explanation_of(store, email, contact_id, ordered, as_of, catalog)
        for words in found.changes:
            other = with_change(world, email, words)
            if other is not None:
                changed.append((segment.id, email, found.is_member, words, other))
    for segment_id, email, was_member, words, other in changed[:3]:
        assert (email in members_by_engine(rows, other)[segment_id]) != was_member, (segment_id, email, words)


def with_change(world: Json, email: str, words: str) -> Json | None:
    """The world with a change that stands in words; None for one that is not tried here."""
    if (match := re.fullmatch(r"([\d,]+) more (\S+) events?", words)) is not None:
        count = int(match[1].replace(",", ""))
        event = {"email": email, "kind": match[2], "occurred_at": world["as_of"]}
        return world | {"timeline": [*world["timeline"], *[event] * count]} if count < 10 else None
    if (match := re.fullmatch(r'subscribed to the list (".*?")(?: as (\w+))?', words)) is not None:
        row = {"email": email, "list_id": json.loads(match[1]), "status": match[2] or "active"}
        return world | {"subscriptions": [*world["subscriptions"], row]}
    row = next(row for row in reversed(world["contacts"]) if row["email"].strip().lower() == email)
    if (match := re.fullmatch(r'given the tag (".*")', words)) is not None:
        row = row | {"tags": [*(row.get("tags") or ()), json.loads(match[1])]}
    elif (match := re.fullmatch(r'the tag (".*") removed', words)) is not None:
        tag = json.loads(match[1])
        row = row | {"tags": [held for held in row["tags"] if normalize("NFC", held) != tag]}
    elif (match := re.fullmatch(r"(\w+) set to (.+)", words)) is not None and match[1] not in ("email", "timezone"):
        row = row | {match[1]: json.loads(match[2])}
    elif (match := re.fullmatch(r"(\w+) removed", words)) is not None:
        row = row | {match[1]: None}
    else:
        return None
    return world | {"contacts": [*world["contacts"], row]}
