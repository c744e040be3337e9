"""The weekly rhythm of local life: at which hours of the week things happen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US
# 1970-01-05 was the first Monday.
FIRST_MONDAY_US = 4 * DAY_US

_HOURS_PER_WEEK = 168


@dataclass(frozen=True, slots=True, eq=False)
class WeekRhythm:
    """Order-keeping map between local time and *phase*, in which things are spread evenly.

    Units: one phase unit is one local week, so that a week's busy hours take a large part of the unit and its nights
    a small one. Equal steps of phase are equally likely; drawing a phase uniformly gives the rhythm, and never
    leaves the window whose edges were mapped.
    """

    hour_edges: npt.NDArray[np.float64]

    def phase(self, local_us: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Phases of local times. Units: microseconds since 1970, on the local clock."""
        week, within_us = np.divmod(local_us - FIRST_MONDAY_US, WEEK_US)
        return week + np.interp(within_us / HOUR_US, np.arange(_HOURS_PER_WEEK + 1), self.hour_edges)

    def local_us(self, phase: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Local times of phases, the inverse of `phase`."""
        week = np.floor(phase)
        hours = np.interp(phase - week, self.hour_edges, np.arange(_HOURS_PER_WEEK + 1))
        return week.astype(np.int64) * WEEK_US + (hours * HOUR_US).astype(np.int64) + FIRST_MONDAY_US


def _week_rhythm(day_weights: tuple[float, ...], hour_weights: tuple[float, ...]) -> WeekRhythm:
    density = np.outer(day_weights, hour_weights).ravel()
    return WeekRhythm(np.concatenate(([0.0], np.cumsum(density) / density.sum())))


# fmt: off
CAMPAIGN_RHYTHM = _week_rhythm(
    (6, 16, 8, 14, 6, 2, 2),
    (.1, .1, .1, .1, .1, .3, 1, 3, 8, 16, 14, 8, 5, 5, 6, 5, 4, 4, 3, 2, 1, .5, .2, .1),
)
SHOP_RHYTHM = _week_rhythm(
    (8, 8, 8, 9, 10, 13, 14),
    (2, 1, .5, .3, .3, .5, 1, 2, 3, 4, 5, 6, 7, 6, 5, 5, 6, 7, 8, 10, 12, 12, 8, 4),
)
# fmt: on
