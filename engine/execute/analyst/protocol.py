"""What the worker and its parent say to each other: one job down, then frames up, the last of which is the outcome.

A frame is its kind (one byte), its length (four bytes, big-endian), and that many bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

HEADER = struct.Struct(">cI")
LENGTH = struct.Struct(">I")
MAX_FRAME_BYTES = 1 << 20

STARTED = b"S"
"""The statement starts; no bytes."""
DATA = b"D"
"""The next bytes of the result, an Arrow IPC stream."""
OUTCOME = b"O"
"""How it ended; an Outcome as JSON."""


Parameter = str | int | float | bool | None
"""A value that a statement has by name."""


class Purpose(StrEnum):
    """What a statement is for."""

    QUESTION = "question"
    """Its rows are the answer."""
    CONDITION = "condition"
    """Its rows are the e-mails of contacts, the same ones whenever it is asked of the same data."""
    CHECK = "check"
    """The same, judged and not run."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the worker is to do.

    `as_of`: the value of the parameter $as_of of a condition, in ISO 8601 (UTC). `parameters`: those of a question.
    """

    published: str
    sql: str
    timeout_seconds: float
    memory_bytes: int
    purpose: Purpose = Purpose.QUESTION
    as_of: str | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


class Ending(StrEnum):
    """How a statement ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    OUT_OF_MEMORY = "out_of_memory"
    OUR_FAULT = "our_fault"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a statement. Units: `engine_seconds` is what the engine worked, without waiting for its reader."""

    ending: Ending
    message: str = ""
    engine_seconds: float = 0.0


def job_bytes(job: Job) -> bytes:
    """The job with its length before it."""
    body = json.dumps(asdict(job)).encode()
    return LENGTH.pack(len(body)) + body


def read_job(body: bytes) -> Job:
    """The job again."""
    fields = json.loads(body)
    return Job(**{**fields, "purpose": Purpose(fields["purpose"])})


def outcome_bytes(outcome: Outcome) -> bytes:
    """The outcome as the bytes of a frame."""
    return json.dumps(asdict(outcome)).encode()


def read_outcome(body: bytes) -> Outcome:
    """The outcome again."""
    fields = json.loads(body)
    return Outcome(Ending(fields["ending"]), str(fields["message"]), float(fields["engine_seconds"]))
