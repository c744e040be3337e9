"""Custom event rows: carts, orders, sign-ups and trials, with what the orders add up to."""

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.generator.columns import (
    INSTANT,
    PICKED,
    Column,
    grouped_column,
    instant_column,
    number_column,
    numbered_column,
    picked_column,
)
from ingest.generator.journeys import Step
from ingest.generator.people import CURRENCIES
from ingest.generator.products import PRODUCTS
from ingest.generator.randomness import draw_skewed, draw_slots, weighted_slots
from ingest.generator.steps import Steps

CUSTOM_EVENT_SCHEMA = pa.schema(
    {
        "external_id": pa.string(),
        "email": PICKED,
        "event_name": PICKED,
        "occurred_at": INSTANT,
        "goal_type": PICKED,
        "goal_name": PICKED,
        "goal_value": pa.float64(),
        "properties": PICKED,
        "deleted_at": INSTANT,
    }
)

# In the order of the steps CART, ORDER, SIGNUP, TRIAL; a cart is no goal, its goal columns are null.
_EVENT_NAMES = ("shop.cart", "shop.order", "app.signup", "app.trial")
_GOAL_TYPES = ("", "purchase", "signup", "trial")
_GOAL_NAMES = ("", "order", "account", "pro trial")

_MOST_ITEMS = 4
_ITEM_SLOTS = weighted_slots((62, 24, 10, 4))
_DISCOUNT_PERCENTS = np.array((0, 5, 10, 20, 50))
_DISCOUNT_SLOTS = weighted_slots((70, 10, 10, 8, 2))
_PRICE_CENTS = np.array([product.price_cents for product in PRODUCTS])
_DELETED_RATIO = 0.005

# Shop variants by currency, product and item count, then the variants of the app's events.
_SHOP_TEXTS = [
    json.dumps(
        {"items": items, "sku": product.sku, "currency": currency, "lines": [{"sku": product.sku, "qty": items}]}
    )
    for currency in CURRENCIES
    for product in PRODUCTS
    for items in range(1, _MOST_ITEMS + 1)
]
_APP_TEXTS = [
    json.dumps({"source": source, "platform": platform, "invited": invited})
    for source in ("ads", "search", "friend", "blog")
    for platform in ("web", "ios", "android")
    for invited in (False, True)
]


@dataclass(frozen=True, slots=True, eq=False)
class OrderTotals:
    """What each contact's orders add up to, deleted ones left out. Shape: one entry per contact of the chunk."""

    order_count: npt.NDArray[np.int64]
    value_cents: npt.NDArray[np.int64]
    last_order_us: npt.NDArray[np.int64]

    @classmethod
    def none(cls, contact_count: int) -> "OrderTotals":
        """Totals of contacts that never ordered."""
        zeros = np.zeros(contact_count, dtype=np.int64)
        return cls(zeros, zeros, np.full(contact_count, np.iinfo(np.int64).min))

    def plus(self, other: "OrderTotals") -> "OrderTotals":
        """Totals of the orders of both."""
        return OrderTotals(
            self.order_count + other.order_count,
            self.value_cents + other.value_cents,
            np.maximum(self.last_order_us, other.last_order_us),
        )


def custom_event_table(
    steps: Steps,
    emails: Column,
    *,
    currency: npt.NDArray[np.int64],
    first_row: int,
    until_us: int,
    rng: np.random.Generator,
) -> tuple[pa.Table, OrderTotals]:
    """Custom event rows of the steps, and their order totals.

    Columns: those of CUSTOM_EVENT_SCHEMA; goal_value only on orders, in the contact's currency, whole cents.
    Shape: emails and currency have one entry per contact of the chunk.
    """
    product = draw_skewed(rng, np.full(steps.topic.size, len(PRODUCTS)))
    items = 1 + _ITEM_SLOTS[draw_slots(rng, product.size)].astype(np.int64)
    discount = _DISCOUNT_PERCENTS[_DISCOUNT_SLOTS[draw_slots(rng, product.size)]]
    journey_cents = _PRICE_CENTS[product] * items * (100 - discount) // 100

    rows = np.flatnonzero(steps.step >= Step.CART)
    event = steps.step[rows].astype(np.int64) - Step.CART
    contact, journey, at_us = steps.contact[rows], steps.journey[rows], steps.at_us[rows]
    ordered = steps.step[rows] == Step.ORDER
    cents = np.where(ordered, journey_cents[journey], 0)
    deleted = rng.random(rows.size) < _DELETED_RATIO
    deleted_us = at_us + ((until_us - at_us) * rng.random(rows.size)).astype(np.int64)
    shop_variant = (currency[contact] * len(PRODUCTS) + product[journey]) * _MOST_ITEMS + items[journey] - 1
    app_variant = len(_SHOP_TEXTS) + rng.integers(0, len(_APP_TEXTS), rows.size)
    names = pa.array(_EVENT_NAMES)
    columns = {
        "external_id": numbered_column(names.take(event), np.arange(first_row, first_row + rows.size)),
        "email": grouped_column(contact, emails),
        "event_name": picked_column(event, names),
        "occurred_at": instant_column(at_us),
        "goal_type": picked_column(event, pa.array(_GOAL_TYPES), event == 0),
        "goal_name": picked_column(event, pa.array(_GOAL_NAMES), event == 0),
        "goal_value": number_column(cents / 100, ~ordered),
        "properties": picked_column(
            np.where(event <= 1, shop_variant, app_variant), pa.array([*_SHOP_TEXTS, *_APP_TEXTS])
        ),
        "deleted_at": instant_column(deleted_us, ~deleted),
    }
    alive = ordered & ~deleted
    return pa.table(columns, schema=CUSTOM_EVENT_SCHEMA), _totals(
        contact[alive], cents[alive], at_us[alive], len(emails)
    )


def _totals(
    contact: npt.NDArray[np.int64], cents: npt.NDArray[np.int64], at_us: npt.NDArray[np.int64], contact_count: int
) -> OrderTotals:
    totals = OrderTotals.none(contact_count)
    last_order_us = totals.last_order_us.copy()
    np.maximum.at(last_order_us, contact, at_us)
    return OrderTotals(
        order_count=np.bincount(contact, minlength=contact_count),
        # Sums of whole cents are exact in doubles.
        value_cents=np.bincount(contact, weights=cents, minlength=contact_count).astype(np.int64),
        last_order_us=last_order_us,
    )
