"""Contact rows: who the contacts of a chunk are."""

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.generator.columns import (
    INSTANT,
    PICKED,
    Column,
    digits_column,
    instant_column,
    joined_column,
    nulled,
    number_column,
    numbered_column,
    picked_column,
)
from ingest.generator.names import JOB_TITLES
from ingest.generator.people import (
    ADDRESS_FIRST_NAMES,
    ADDRESS_LAST_NAMES,
    COUNTRY_CODES,
    COUNTRY_CURRENCY,
    FIRST_NAMES,
    LANGUAGES,
    LAST_NAMES,
    PHONE_PREFIXES,
    PLACE_COUNTRY,
    PLACE_SLOTS,
    PLACE_STATES,
    PLACE_TIMEZONES,
    POSTCODES_PER_PLACE,
    WordTable,
)
from ingest.generator.randomness import draw_skewed, draw_slots, weighted_slots
from ingest.generator.rhythm import DAY_US
from ingest.generator.shop import OrderTotals

CONTACT_SCHEMA = pa.schema(
    {
        "email": pa.string(),
        "external_id": pa.string(),
        "first_name": PICKED,
        "last_name": PICKED,
        "phone": pa.string(),
        "timezone": PICKED,
        "language": PICKED,
        "job_title": PICKED,
        "country": PICKED,
        "state": PICKED,
        "postcode": PICKED,
        "lifetime_value": pa.float64(),
        "orders_count": pa.int64(),
        "last_order_at": INSTANT,
        "custom_string_1": PICKED,
        "custom_number_1": pa.float64(),
        "custom_datetime_1": INSTANT,
        "custom_json_1": PICKED,
        "tags": pa.list_(pa.string()),
        "created_at": INSTANT,
        "updated_at": INSTANT,
    }
)

MISSING_RATIO = {
    "external_id": 0.15, "first_name": 0.06, "last_name": 0.10, "phone": 0.55, "timezone": 0.08, "language": 0.05,
    "job_title": 0.60, "country": 0.04, "state": 0.25, "postcode": 0.30, "custom_string_1": 0.40,
    "custom_number_1": 0.35, "custom_datetime_1": 0.45, "custom_json_1": 0.50,
}  # fmt: skip

_DOMAINS = pa.array(["mail.example", "post.example", "inbox.example", "correo.example", "work.example"])
_DOMAIN_SLOTS = weighted_slots((45, 25, 15, 8, 7))
_TIERS = ("bronze", "silver", "gold", "platinum", "Founder's club")
_TIER_SLOTS = weighted_slots((50, 28, 15, 6, 1))
_TAG_SETS: tuple[list[str], ...] = (
    [], ["newsletter"], ["vip"], ["vip", "beta"], ["wholesale"], ["beta"], ["newsletter", "event-2025"], ["event-2025"],
    ["café"], ["newsletter", "vip", "reviewer"], ["do-not-call"], ["reviewer"],
)  # fmt: skip
_TAG_SLOTS = weighted_slots((45, 15, 8, 2, 5, 6, 4, 5, 1, 1, 5, 3))
_PLAN_TAGS: tuple[list[str], ...] = ([], ["x"], ["x", "y"], ["annual"], ["annual", "x"], ["trial"])
_JSON_TEXTS = [
    json.dumps({"plan": {"tier": tier, "tags": tags}, "n": number}, separators=(",", ":"))
    for tier in (1, 2, 3, 4) for tags in _PLAN_TAGS for number in (0, 1, 2, 3, 5, 8, 12, 40)
] + ['{"n":"5"}', '{"plan":null,"n":2.5}', '{"plan":{"tier":"2"}}', "{}"]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """Who the contacts of a chunk are, as codes. Shape: one entry per contact."""

    first_number: int
    emails: Column
    place: npt.NDArray[np.int64]
    first_name: npt.NDArray[np.int64]
    last_name: npt.NDArray[np.int64]

    @property
    def currency(self) -> npt.NDArray[np.int64]:
        """Code of the currency each contact pays in."""
        codes: npt.NDArray[np.int64] = COUNTRY_CURRENCY[PLACE_COUNTRY[self.place]]
        return codes


def draw_identities(first_number: int, contact_count: int, rng: np.random.Generator) -> Identities:
    """Places, names and unique e-mail addresses of contacts numbered from first_number."""
    place = PLACE_SLOTS[draw_slots(rng, contact_count)].astype(np.int64)
    country = PLACE_COUNTRY[place]
    first_name = _draw_words(FIRST_NAMES, country, rng)
    last_name = _draw_words(LAST_NAMES, country, rng)
    local_part = joined_column(
        ADDRESS_FIRST_NAMES.words.take(first_name),
        ADDRESS_LAST_NAMES.words.take(last_name),
        digits_column(np.arange(first_number, first_number + contact_count)),
        separator=".",
    )
    domain = _DOMAINS.take(_DOMAIN_SLOTS[draw_slots(rng, contact_count)])
    emails = joined_column(local_part, domain, separator="@")
    return Identities(first_number, emails, place, first_name, last_name)


def _draw_words(table: WordTable, country: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return table.start[country] + draw_skewed(rng, table.count[country])


def contact_table(
    identities: Identities,
    created_us: npt.NDArray[np.int64],
    orders: OrderTotals,
    *,
    postcodes: Column,
    until_us: int,
    rng: np.random.Generator,
) -> pa.Table:
    """Contact rows of a chunk, with what their orders add up to.

    Columns: those of CONTACT_SCHEMA. Shape: postcodes as `place_postcodes` gives them.
    """
    count = identities.place.size
    place, country = identities.place, PLACE_COUNTRY[identities.place]
    missing = {name: rng.random(count) < ratio for name, ratio in MISSING_RATIO.items()}
    language = LANGUAGES.start[country] + (rng.random(count) * LANGUAGES.count[country]).astype(np.int64)
    postcode = place * POSTCODES_PER_PLACE + rng.integers(0, POSTCODES_PER_PLACE, count)
    phone_digits = digits_column(rng.integers(10_000_000, 100_000_000, count))
    phones = joined_column(PHONE_PREFIXES.take(country), phone_digits, separator="")
    numbers = np.arange(identities.first_number, identities.first_number + count)
    never_ordered = orders.order_count == 0
    changed_us = created_us + ((until_us - created_us) * rng.random(count) ** 2).astype(np.int64)
    columns = {
        "email": identities.emails,
        "external_id": nulled(numbered_column("cust", numbers), missing["external_id"]),
        "first_name": picked_column(identities.first_name, FIRST_NAMES.words, missing["first_name"]),
        "last_name": picked_column(identities.last_name, LAST_NAMES.words, missing["last_name"]),
        "phone": nulled(phones, missing["phone"]),
        "timezone": picked_column(place, PLACE_TIMEZONES, missing["timezone"]),
        "language": picked_column(language, LANGUAGES.words, missing["language"]),
        "job_title": picked_column(rng.integers(0, len(JOB_TITLES), count), pa.array(JOB_TITLES), missing["job_title"]),
        "country": picked_column(country, COUNTRY_CODES, missing["country"]),
        "state": picked_column(place, PLACE_STATES, missing["state"]),
        "postcode": picked_column(postcode, postcodes, missing["postcode"]),
        "lifetime_value": number_column(orders.value_cents / 100),
        "orders_count": pa.array(orders.order_count),
        "last_order_at": instant_column(orders.last_order_us, never_ordered),
        "custom_string_1": picked_column(
            _TIER_SLOTS[draw_slots(rng, count)], pa.array(_TIERS), missing["custom_string_1"]
        ),
        "custom_number_1": number_column(_points(count, rng), missing["custom_number_1"]),
        "custom_datetime_1": instant_column(_birthdays_us(count, until_us, rng), missing["custom_datetime_1"]),
        "custom_json_1": picked_column(
            rng.integers(0, len(_JSON_TEXTS), count), pa.array(_JSON_TEXTS), missing["custom_json_1"]
        ),
        "tags": pa.array(_TAG_SETS, pa.list_(pa.string())).take(_TAG_SLOTS[draw_slots(rng, count)]),
        "created_at": instant_column(created_us),
        "updated_at": instant_column(np.maximum(changed_us, orders.last_order_us)),
    }
    return pa.table(columns, schema=CONTACT_SCHEMA)


def _points(count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Loyalty points in halves, many small, few large, some below zero."""
    return np.floor(2_000 * rng.random(count) ** 3 - 20) / 2


def _birthdays_us(count: int, until_us: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Midnights (UTC) of birthdays of people aged about 18 to 78."""
    today = until_us // DAY_US
    return (today - rng.integers(18 * 365, 78 * 365, count)) * DAY_US
