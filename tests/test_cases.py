"""Golden SQL, and a query written by hand beside each: both run on the same rows and must agree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.compile import Step, memberships_in_words
from engine.definition import read_segment
from engine.definition.points import parsed_instant
from engine.execute import evaluate
from engine.plan import Plan
from engine.storage import Store
from engine.storage.loading import TimelineOrder
from ingest.dataset import StopAtFirstBadRow, open_dataset
from ingest.load import load_dataset
from tests.cases.world import AS_OF, WORLD
from tests.engine_under_test import write_dataset

CASES = sorted(path.parent for path in Path(__file__).parent.glob("cases/*/definition.json"))


@pytest.fixture(scope="module", params=list(TimelineOrder), ids=lambda order: order.name)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The rows of the cases, in every layout on disk."""
    folder = tmp_path_factory.mktemp("world")
    write_dataset(WORLD, folder)
    with Store.create(folder / "store.duckdb") as store:
        load_dataset(store, open_dataset(folder, bad_rows=StopAtFirstBadRow()), order=request.param)
        yield store


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_compiled_sql_reads_as_reviewed_and_agrees_with_the_one_by_hand(
    case: Path, store: Store, pytestconfig: pytest.Config
) -> None:
    segment = read_segment(json.loads((case / "definition.json").read_text("utf-8")))
    as_of = parsed_instant(AS_OF)
    assert as_of is not None
    steps: list[Step] = []
    plans: list[Plan] = []
    evaluation = evaluate(store, [segment], as_of=as_of, on_plan=plans.append, on_step=steps.append)
    emails = dict(store.cursor().execute("SELECT contact_id, email FROM contacts").fetchall())

    members = {emails[contact_id] for contact_id in evaluation.members[segment.id].ids().tolist()}
    by_hand = {email for (email,) in store.cursor().execute((case / "check.sql").read_text("utf-8")).fetchall()}
    assert members == by_hand
    assert members, "a case must have a member"
    assert len(members) < len(emails), "a case must leave someone out"

    compiled = "\n".join([*(step.script for step in steps), f"-- {memberships_in_words(plans[0])}"])
    golden = case / "compiled.sql"
    if pytestconfig.getoption("--update-golden"):
        golden.write_text(compiled, "utf-8")
    assert compiled == golden.read_text("utf-8"), "read the change, then run pytest --update-golden"
