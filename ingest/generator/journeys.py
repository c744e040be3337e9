"""What can happen to a contact: chains of steps, how likely each is, how long each step takes."""

import math
from dataclasses import dataclass
from enum import IntEnum
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from ingest.generator.randomness import weighted_slots
from ingest.generator.rhythm import SECOND_US


class Step(IntEnum):
    """One event of a journey; up to UNSUBSCRIBE it is a timeline row, from CART on a custom event."""

    SEND = 0
    GREET = 1
    REMIND = 2
    OPEN = 3
    REOPEN = 4
    CLICK = 5
    SOFT_BOUNCE = 6
    HARD_BOUNCE = 7
    COMPLAIN = 8
    UNSUBSCRIBE = 9
    CART = 10
    ORDER = 11
    SIGNUP = 12
    TRIAL = 13


class Topic(IntEnum):
    """What the message of a journey is about."""

    CAMPAIGN = 0
    CART = 1
    WELCOME = 2


class Engagement(IntEnum):
    """Which column of the weights applies: how keen the contact is, or its first or its mail-free life."""

    KEEN = 0
    CASUAL = 1
    IDLE = 2
    MAIL_ENDED = 3
    ARRIVAL = 4


@dataclass(frozen=True, slots=True)
class Journey:
    """A chain of steps, each after the one before. Any beginning of it is a believable story too."""

    topic: Topic
    steps: tuple[Step, ...]
    weights: tuple[float, float, float, float, float]


def _journey(topic: Topic, steps: str, *weights: float) -> Journey:
    keen, casual, idle, ended, arrival = (*weights, *([0.0] * (5 - len(weights))))
    return Journey(topic, tuple(Step[name.upper()] for name in steps.split()), (keen, casual, idle, ended, arrival))


# Weights per thousand: keen, casual, idle, mail ended, arrival.
JOURNEYS: tuple[Journey, ...] = (
    _journey(Topic.CAMPAIGN, "send", 330, 560, 800),
    _journey(Topic.CAMPAIGN, "send open", 260, 220, 110),
    _journey(Topic.CAMPAIGN, "send open reopen", 50, 20, 5),
    _journey(Topic.CAMPAIGN, "send open click", 150, 70, 12),
    _journey(Topic.CAMPAIGN, "send open click click", 30, 8, 1),
    _journey(Topic.CAMPAIGN, "send soft_bounce", 3, 5, 8),
    _journey(Topic.CAMPAIGN, "send hard_bounce", 0.5, 1.5, 5),
    _journey(Topic.CAMPAIGN, "send open complain", 0.3, 0.6, 1.2),
    _journey(Topic.CAMPAIGN, "send open unsubscribe", 3, 5, 8),
    _journey(Topic.CAMPAIGN, "send open click unsubscribe", 1, 1.5, 1),
    _journey(Topic.CAMPAIGN, "send open click cart order", 14, 4, 0.5),
    _journey(Topic.CART, "cart", 25, 18, 8, 400),
    _journey(Topic.CART, "cart remind", 12, 15, 12),
    _journey(Topic.CART, "cart remind open", 12, 10, 4),
    _journey(Topic.CART, "cart remind open click", 6, 3, 1),
    _journey(Topic.CART, "cart remind open click order", 15, 5, 1),
    _journey(Topic.CART, "cart order", 30, 14, 5, 600),
    _journey(Topic.WELCOME, "signup greet", 0, 0, 0, 0, 300),
    _journey(Topic.WELCOME, "signup greet open", 0, 0, 0, 0, 250),
    _journey(Topic.WELCOME, "signup greet open click", 0, 0, 0, 0, 100),
    _journey(Topic.WELCOME, "signup greet open click trial", 0, 0, 0, 0, 100),
    _journey(Topic.WELCOME, "greet", 0, 0, 0, 0, 150),
    _journey(Topic.WELCOME, "greet open", 0, 0, 0, 0, 100),
)

PLAIN_SEND = 0

# After one of these no message is sent any more.
MAIL_ENDING_STEPS = (Step.HARD_BOUNCE, Step.COMPLAIN, Step.UNSUBSCRIBE)

# Median in seconds and spread (standard deviation of the logarithm) of the time since the step before.
_DELAYS: dict[Step, tuple[float, float]] = {
    Step.SEND: (1, 0),
    Step.GREET: (20, 0.8),
    Step.REMIND: (4 * 3_600, 0.5),
    Step.OPEN: (2.5 * 3_600, 1.7),
    Step.REOPEN: (20 * 3_600, 1.2),
    Step.CLICK: (45, 1.1),
    Step.SOFT_BOUNCE: (40, 1.5),
    Step.HARD_BOUNCE: (5, 1.0),
    Step.COMPLAIN: (600, 2.0),
    Step.UNSUBSCRIBE: (60, 1.5),
    Step.CART: (300, 1.0),
    Step.ORDER: (720, 1.5),
    Step.SIGNUP: (1, 0),
    Step.TRIAL: (24 * 3_600, 1.3),
}

DELAY_QUANTILES = 4_096


def _delay_table() -> npt.NDArray[np.int64]:
    """Delay by step and quantile. Units: whole seconds in microseconds, at least one second."""
    scores = [NormalDist().inv_cdf((index + 0.5) / DELAY_QUANTILES) for index in range(DELAY_QUANTILES)]
    seconds = [
        [max(1, round(median * math.exp(spread * score))) for score in scores] for median, spread in _DELAYS.values()
    ]
    return np.array(seconds, dtype=np.int64) * SECOND_US


def _step_table() -> npt.NDArray[np.uint8]:
    """Step by journey and position, padded with zeros."""
    longest = max(len(journey.steps) for journey in JOURNEYS)
    return np.array([[*journey.steps, *([0] * (longest - len(journey.steps)))] for journey in JOURNEYS], dtype=np.uint8)


DELAY_US = _delay_table()
STEPS = _step_table()
STEP_COUNT = np.array([len(journey.steps) for journey in JOURNEYS], dtype=np.int64)
TOPIC = np.array([journey.topic for journey in JOURNEYS], dtype=np.uint8)
ENDS_MAIL = np.array([any(step in MAIL_ENDING_STEPS for step in journey.steps) for journey in JOURNEYS])
JOURNEY_SLOTS = np.stack([weighted_slots([journey.weights[column] for journey in JOURNEYS]) for column in Engagement])
