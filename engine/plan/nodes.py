"""The nodes of a plan: facts about contacts, and conditions as expressions over them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from engine.definition.value_tests import Comparison, Subject, TimelessTest
from engine.errors import InvalidPlanError
from engine.plan.windows import AnyWindow

# --- expressions: true or false for every row, never NULL -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IsInWindows:
    """The instant lies in one of the windows; a date counts as its midnight in UTC."""

    windows: tuple[AnyWindow, ...]


PlacedTest = TimelessTest | IsInWindows


@dataclass(frozen=True, slots=True)
class ValueTest:
    """A test of a contact field, or of a property of an event. False where the value is missing."""

    subject: Subject
    test: PlacedTest


@dataclass(frozen=True, slots=True)
class HasAnyTag:
    """The contact has one of the tags."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasIdentity:
    """The contact is known by an identity of a kind."""

    kind: str


@dataclass(frozen=True, slots=True)
class IsFoundBySql:
    """A query of an analyst gives the contact's e-mail."""

    query: str


@dataclass(frozen=True, slots=True)
class Every:
    """All parts are true."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part is true."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Complement:
    """The part is false."""

    part: Expression


@dataclass(frozen=True, slots=True)
class Never:
    """False for every contact."""


@dataclass(frozen=True, slots=True)
class IsOnList:
    """The contact has a subscription to the list, with the status if one is given."""

    list_id: str
    status: str | None


@dataclass(frozen=True, slots=True)
class CountIs:
    """A count relates to a number; a contact without events has 0."""

    fact: Fact
    comparison: Comparison
    number: int


@dataclass(frozen=True, slots=True)
class LatestIsSince:
    """The latest event is at `start_at` or later; None asks for any event at all."""

    fact: Fact
    start_at: datetime | None


@dataclass(frozen=True, slots=True)
class EventTimeIsIn:
    """The earliest or the latest event lies in a window; where there is none, nothing does."""

    fact: Fact
    window: AnyWindow


@dataclass(frozen=True, slots=True)
class MeasureIsWithin:
    """A measure lies in [low, high]; None leaves that side open.

    Over no events a count and a sum are 0, and a minimum and a maximum lie nowhere.
    """

    fact: Fact
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class AverageIsWithin:
    """total / count lies in [low, high]; the average of nothing lies nowhere."""

    total: Fact
    count: Fact
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class Step:
    """Events of which one must come after the step before, at most `within` later, none of `without` in between."""

    events: KindOfEvents
    within: timedelta | None
    without: tuple[KindOfEvents, ...]


@dataclass(frozen=True, slots=True)
class Absence:
    """Events of which none may come up to `within` after the last step, which must lie before `decided_at`.

    A later last step is not decided yet.
    """

    events: KindOfEvents
    within: timedelta
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class DidSteps:
    """The contact did all steps, each strictly later than the one before, and did not do what must be absent.

    The events of the steps lie in `window`. All events have the value at the path in common, if one is given: the same
    text or the same number.
    """

    steps: tuple[Step, ...]
    absence: Absence | None
    window: AnyWindow
    path: tuple[str, ...] | None

    @property
    def all_events(self) -> tuple[KindOfEvents, ...]:
        """Every selection of events that it looks at."""
        found = [events for step in self.steps for events in (step.events, *step.without)]
        return (*found, *(() if self.absence is None else (self.absence.events,)))


@dataclass(frozen=True, slots=True)
class IsIn:
    """The contact is in the set of a condition."""

    condition: str


@dataclass(frozen=True, slots=True)
class IsMember:
    """The contact is a member of another segment of the plan."""

    segment_id: str


Expression = (
    Every
    | Some
    | Complement
    | Never
    | IsIn
    | IsMember
    | ValueTest
    | HasAnyTag
    | HasIdentity
    | IsFoundBySql
    | IsOnList
    | CountIs
    | LatestIsSince
    | EventTimeIsIn
    | MeasureIsWithin
    | AverageIsWithin
    | DidSteps
)

# --- facts ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KindOfEvents:
    """The timeline events of one kind, of one template and passing a filter if given."""

    kind: str
    template_id: str | None = None
    event_filter: Expression | None = None


@dataclass(frozen=True, slots=True)
class GoalEvents:
    """The custom events with a goal of one type (None: of any), of one name if given."""

    goal_type: str | None
    goal_name: str | None = None


Events = KindOfEvents | GoalEvents


class Measure(StrEnum):
    """What a fact says about a contact's events."""

    COUNT = "number"
    DAYS = "number of local days"
    EARLIEST = "earliest"
    LATEST = "latest"
    SUM = "sum of the values"
    VALUE_COUNT = "number of the values"
    MINIMUM = "smallest of the values"
    MAXIMUM = "largest of the values"
    DISTINCT_COUNT = "number of different values"


@dataclass(frozen=True, slots=True)
class Fact:
    """One column per contact: a measure over its events in a window.

    The values are those at a path of the properties, if one is given, else those of the goals. Local days are those of
    `zones`: zone names by zone id, or a single one for all contacts.
    Rows: none for a contact without such events; it reads as 0 for counts and sums, else as missing.
    Equal facts of different segments are one fact.
    """

    events: Events
    window: AnyWindow
    measure: Measure
    path: tuple[str, ...] | None = None
    zones: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        needs_values = self.measure not in (Measure.COUNT, Measure.DAYS, Measure.EARLIEST, Measure.LATEST)
        has_values = self.path is not None or isinstance(self.events, GoalEvents)
        if needs_values and not has_values:
            raise InvalidPlanError("measure", f"{self.measure} needs goal events or a path, got {self.events}")
        if (self.measure is Measure.DAYS) != bool(self.zones):
            raise InvalidPlanError("zones", f"go with {Measure.DAYS} only, got {self.measure}")

    @property
    def has_days_of_contacts(self) -> bool:
        """Whether the local days are not the same for all contacts."""
        return len(self.zones) > 1
