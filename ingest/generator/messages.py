"""Timeline rows: messages sent, and what contacts did with them."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.generator.columns import (
    INSTANT,
    PICKED,
    Column,
    grouped_column,
    instant_column,
    numbered_column,
    picked_column,
)
from ingest.generator.journeys import Step, Topic
from ingest.generator.products import PRODUCTS
from ingest.generator.randomness import draw_slots, weighted_slots
from ingest.generator.rhythm import FIRST_MONDAY_US, WEEK_US
from ingest.generator.steps import Steps

TIMELINE_SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "email": PICKED,
        "kind": PICKED,
        "occurred_at": INSTANT,
        "entity_type": PICKED,
        "entity_id": pa.string(),
        "template_id": PICKED,
        "properties": PICKED,
    }
)

_KIND_OF_STEP = {
    Step.SEND: "insert_message_history",
    Step.GREET: "insert_message_history",
    Step.REMIND: "insert_message_history",
    Step.OPEN: "open_email",
    Step.REOPEN: "open_email",
    Step.CLICK: "click_email",
    Step.SOFT_BOUNCE: "bounce_email",
    Step.HARD_BOUNCE: "bounce_email",
    Step.COMPLAIN: "complain_email",
    Step.UNSUBSCRIBE: "unsubscribe_email",
}
_KINDS = sorted(set(_KIND_OF_STEP.values()))
_KIND_CODE = np.array([_KINDS.index(kind) for kind in _KIND_OF_STEP.values()])

_NEWSLETTER_COUNT = 12
_SINGLE_MAILS = (
    "welcome", "cart-reminder", "product-lamp", "product-chair", "product-rug", "product-desk", "win-back",
    "loyalty-update",
)  # fmt: skip
TEMPLATES = (*(f"newsletter-{number:02}" for number in range(1, _NEWSLETTER_COUNT + 1)), *_SINGLE_MAILS)
_WELCOME, _CART_REMINDER = TEMPLATES.index("welcome"), TEMPLATES.index("cart-reminder")
# Code 0 stands for the newsletter of the week, the others for the mails after the cart reminder.
_CAMPAIGN_SLOTS = weighted_slots((60, 12, 9, 6, 4, 4, 5))


def _property_variants() -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """JSON texts, and where each step's run of variants starts and how long it is."""
    mail_clients = ("gmail", "apple-mail", "outlook", "yahoo", "thunderbird")
    devices = ("mobile", "desktop", "tablet")
    pages = ("", "sale", "blog/spring", "account", *(product.name.replace(" ", "-") for product in PRODUCTS))
    sends = [{"channel": "email", "variant": letter} for letter in "abc"]
    opens = [{"client": client, "device": device} for client in mail_clients for device in devices]
    clicks = [
        {"url": f"https://shop.example/{page}", "device": device, "position": position}
        for page in pages for device in devices for position in (1, 2, 5)
    ]  # fmt: skip
    soft = [
        {"type": "soft", "code": code, "reason": reason} for code, reason in ((452, "mailbox full"), (421, "try later"))
    ]
    hard = [
        {"type": "hard", "code": code, "reason": reason} for code, reason in ((550, "no such user"), (554, "refused"))
    ]
    complaints = [{"feedback": "abuse", "provider": provider} for provider in ("yahoo", "outlook")]
    goodbyes = [
        {"reason": reason, "list_id": "news"} for reason in ("too many", "not relevant", "never signed up", "other")
    ]
    by_step: tuple[Sequence[Mapping[str, object]], ...] = (
        sends, sends, sends, opens, opens, clicks, soft, hard, complaints, goodbyes,
    )  # fmt: skip
    texts = [json.dumps(value, separators=(",", ":")) for values in by_step for value in values]
    lengths = np.array([len(values) for values in by_step])
    return texts, np.cumsum(lengths) - lengths, lengths


_PROPERTY_TEXTS, _PROPERTY_START, _PROPERTY_COUNT = _property_variants()


def timeline_table(
    steps: Steps, emails: Column, first_row: int, first_journey: int, rng: np.random.Generator
) -> pa.Table:
    """Timeline rows of the steps; the numbers make ids unique across batches.

    Columns: those of TIMELINE_SCHEMA. Shape: emails has one entry per contact of the chunk.
    """
    template = _draw_templates(steps, rng)
    rows = np.flatnonzero(steps.step < Step.CART)
    step, journey = steps.step[rows], steps.journey[rows]
    slots = draw_slots(rng, rows.size)
    # Most sends and some opens and clicks say nothing more; a bounce always says whether it is final.
    silent = np.where(step <= Step.REMIND, slots % 4 > 0, (step <= Step.CLICK) & (slots % 16 == 0))
    variant = _PROPERTY_START[step] + (slots // 16) % _PROPERTY_COUNT[step]
    columns = {
        "id": numbered_column("ev", np.arange(first_row, first_row + rows.size)),
        "email": grouped_column(steps.contact[rows], emails),
        "kind": picked_column(_KIND_CODE[step], pa.array(_KINDS)),
        "occurred_at": instant_column(steps.at_us[rows]),
        "entity_type": picked_column(np.zeros(rows.size, dtype=np.int32), pa.array(["message_history"])),
        "entity_id": numbered_column("msg", first_journey + journey),
        "template_id": picked_column(template[journey], pa.array(TEMPLATES)),
        "properties": picked_column(variant, pa.array(_PROPERTY_TEXTS), silent),
    }
    return pa.table(columns, schema=TIMELINE_SCHEMA)


def _draw_templates(steps: Steps, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Template of each journey's message; everyone gets the same newsletter in the same week."""
    week = (steps.start_us - FIRST_MONDAY_US) // WEEK_US
    choice = _CAMPAIGN_SLOTS[draw_slots(rng, steps.topic.size)].astype(np.int64)
    campaign = np.where(choice == 0, week % _NEWSLETTER_COUNT, _CART_REMINDER + choice)
    return np.select((steps.topic == Topic.CART, steps.topic == Topic.WELCOME), (_CART_REMINDER, _WELCOME), campaign)
