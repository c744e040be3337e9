"""The steps that a batch of contacts goes through, with their instants."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.generator.activity import SpanBatch
from ingest.generator.journeys import (
    DELAY_QUANTILES,
    DELAY_US,
    ENDS_MAIL,
    JOURNEY_SLOTS,
    MAIL_ENDING_STEPS,
    PLAIN_SEND,
    STEP_COUNT,
    STEPS,
    TOPIC,
    Engagement,
    Step,
    Topic,
)
from ingest.generator.randomness import SLOT_COUNT, draw_slots
from ingest.generator.rhythm import CAMPAIGN_RHYTHM, SECOND_US, SHOP_RHYTHM

_LEAVING_OCCASION_COUNT = 25


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Steps of a batch, contacts in order, each contact's journeys in order of their start.

    Shape: `contact`, `journey`, `step`, `at_us` have one entry per step, and `journey` points into `first`, `topic`
    and `start_us`, which have one entry per journey (`first` is the position of its first step).
    """

    contact: npt.NDArray[np.int64]
    journey: npt.NDArray[np.int64]
    step: npt.NDArray[np.uint8]
    at_us: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    topic: npt.NDArray[np.uint8]
    start_us: npt.NDArray[np.int64]


def draw_steps(
    batch: SpanBatch, utc_offset_us: npt.NDArray[np.int64], until_us: int, rng: np.random.Generator
) -> Steps:
    """As many steps per span as it asks for. Shape: utc_offset_us has one entry per contact of the chunk."""
    span, chain, size = _draw_journeys(batch, rng)
    start_us = _draw_starts(batch, span, TOPIC[chain], utc_offset_us, rng)
    start_us = np.where(_opens_life(batch, span), batch.start_us[span] + SECOND_US, start_us)

    journey = np.repeat(np.arange(chain.size), size)
    first = np.cumsum(size) - size
    position = np.arange(journey.size) - first[journey]
    step = STEPS[chain[journey], position]
    since_us = _draw_delays(step, position=position, first=first, journey=journey, room_us=until_us - start_us, rng=rng)
    contact = batch.contact[span]
    return Steps(
        contact=contact[journey],
        journey=journey,
        step=step,
        at_us=_end_mail_last(contact[journey], step, start_us[journey] + since_us, until_us),
        first=first,
        topic=TOPIC[chain],
        start_us=start_us,
    )


def _draw_journeys(
    batch: SpanBatch, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Span, chain and step count of each journey; the step counts of a span add up to its event_count."""
    # A journey has at least one step, so one journey per event is always enough; the surplus is dropped below.
    span = np.repeat(np.arange(batch.contact.size), batch.event_count)
    opening = np.cumsum(batch.event_count) - batch.event_count
    slots = draw_slots(rng, span.size)
    chain = JOURNEY_SLOTS[batch.engagement[span], slots]
    arrivals = opening[batch.arrives]
    chain[arrivals] = JOURNEY_SLOTS[Engagement.ARRIVAL, slots[arrivals]]

    ends_mail = ENDS_MAIL[chain]
    # A busy contact has more occasions to leave, but is no more likely to.
    leaves = batch.may_leave[span] & (rng.random(span.size) * batch.event_count[span] < _LEAVING_OCCASION_COUNT)
    chain[ends_mail & ~leaves] = PLAIN_SEND
    ends_mail &= leaves
    ended_before = np.cumsum(ends_mail) - ends_mail
    mail_ended = ended_before > ended_before[opening][span]
    chain[mail_ended] = JOURNEY_SLOTS[Engagement.MAIL_ENDED, slots[mail_ended]]

    size = STEP_COUNT[chain]
    done = np.cumsum(size) - size
    room = batch.event_count[span] - (done - done[opening][span])
    kept = room > 0
    return span[kept], chain[kept], np.minimum(size, room)[kept]


def _draw_starts(
    batch: SpanBatch,
    span: npt.NDArray[np.int64],
    topic: npt.NDArray[np.uint8],
    utc_offset_us: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """UTC start of each journey, rising within a span and rhythm, in the busy hours of the contact's local week."""
    ratio = np.sort(span + rng.random(span.size)) - span
    offset_us = utc_offset_us[batch.contact]
    starts_us = np.empty(span.size, dtype=np.int64)
    for rhythm, chosen in ((CAMPAIGN_RHYTHM, topic == Topic.CAMPAIGN), (SHOP_RHYTHM, topic != Topic.CAMPAIGN)):
        earliest, latest = rhythm.phase(batch.start_us + offset_us), rhythm.phase(batch.end_us + offset_us)
        row = span[chosen]
        phase = earliest[row] + ratio[chosen] * (latest - earliest)[row]
        starts_us[chosen] = rhythm.local_us(phase) - offset_us[row]
    return np.clip(starts_us, batch.start_us[span], batch.end_us[span])


def _opens_life(batch: SpanBatch, span: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which journeys are a contact's arrival: the first of a span that arrives."""
    return batch.arrives[span] & (np.diff(span, prepend=-1) > 0)


def _draw_delays(
    step: npt.NDArray[np.uint8],
    *,
    position: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    journey: npt.NDArray[np.int64],
    room_us: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Time of each step since its journey's start; journeys that would end in the future are squeezed in order."""
    delay_us = DELAY_US[step, draw_slots(rng, step.size) // (SLOT_COUNT // DELAY_QUANTILES)]
    delay_us += rng.integers(0, SECOND_US, step.size, dtype=np.int32)
    delay_us[position == 0] = 0
    since_us = np.cumsum(delay_us)
    since_us -= since_us[first][journey]
    total_us = since_us[np.append(first[1:], step.size) - 1] if first.size else since_us
    # To a random part of the room, so that the ends do not pile up on one instant.
    ratio = room_us * (1 - 0.95 * rng.random(room_us.size)) / np.maximum(total_us, 1)
    late = (total_us > room_us)[journey]
    since_us[late] = (since_us[late] * ratio[journey[late]]).astype(np.int64)
    return since_us


def _end_mail_last(
    contact: npt.NDArray[np.int64], step: npt.NDArray[np.uint8], at_us: npt.NDArray[np.int64], until_us: int
) -> npt.NDArray[np.int64]:
    """Instants in which no message follows the contact's last goodbye.

    Only a reminder of an earlier cart can be later than it; then the goodbye moves behind that reminder.
    """
    ending = np.flatnonzero(np.isin(step, MAIL_ENDING_STEPS))
    opening = np.flatnonzero(np.diff(contact, prepend=-1))
    last_send_us = np.maximum.reduceat(np.where(step <= Step.REMIND, at_us, np.iinfo(np.int64).min), opening)
    behind_us = last_send_us[np.searchsorted(contact[opening], contact[ending])] + SECOND_US
    moved_us = at_us.copy()
    moved_us[ending] = np.minimum(np.maximum(at_us[ending], behind_us), until_us)
    return moved_us
