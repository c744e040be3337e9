"""DuckDB by hand: one query per segment, over the very tables of the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from benchmarks.peers.conditions import excludes, having
from benchmarks.peers.peer import ContactIds
from benchmarks.workload import Both, Bought, Counted, Either, HasField, Negation, Question, Subscribed, Workload
from engine.storage import Store


class DuckDbByHand:
    """The tables that populace reads, with its settings, but queries of our own."""

    name = "duckdb_by_hand"

    def __init__(self, store: Store) -> None:
        self._cursor = store.cursor()

    def contact_ids(self, item: Workload) -> ContactIds:
        """The members of a segment, each once."""
        found: ContactIds = self._cursor.sql(query_of(item)).to_arrow_table().column(0).to_numpy()
        return found


def query_of(item: Workload) -> str:
    """Semi and anti joins with the contacts, and unions; a single set of contacts needs no join."""
    return _asked(item.question, item.as_of)


def _asked(question: Question, as_of: datetime) -> str:
    match question:
        case Either():
            return " UNION ".join(f"({_asked(part, as_of)})" for part in question.parts)
        case Both():
            return _all(question.parts, as_of)
        case _:
            return _all([question], as_of)


def _all(parts: Sequence[Question], as_of: datetime) -> str:
    sets = [(_set_of(part, as_of), excludes(part)) for part in parts if not isinstance(part, HasField)]
    if len(parts) == 1 and sets and not sets[0][1]:
        sql = sets[0][0]
        return sql if "HAVING" in sql else sql.replace("SELECT", "SELECT DISTINCT", 1)
    joins = [
        f"{'ANTI' if is_excluded else 'SEMI'} JOIN ({sql}) AS p{number} USING (contact_id)"
        for number, (sql, is_excluded) in enumerate(sets)
    ]
    where = " AND ".join(part.sql for part in parts if isinstance(part, HasField))
    contacts = f"(SELECT contact_id FROM contacts WHERE {where})" if where else "contacts"
    return f"SELECT c.contact_id FROM {contacts} AS c {' '.join(joins)}"


def _set_of(question: Question, as_of: datetime) -> str:
    """The contacts of whom it holds, perhaps several times the same; or of whom it does not, if it `excludes`."""
    match question:
        case Counted():
            where = f"kind = '{question.kind}' AND {_after(question.since)} AND {_until(as_of)}"
            if question.template:
                where += f" AND template_id = '{question.template}'"
            return f"SELECT contact_id FROM timeline WHERE {where}{having(question)}"
        case Bought():
            is_kept = f"(deleted_at IS NULL OR deleted_at > {instant(as_of)})"
            where = f"goal_type = 'purchase' AND {is_kept} AND {_until(as_of)}"
            where += f" AND {_after(question.since)}" if question.since else ""
            return f"SELECT contact_id FROM custom_events WHERE {where}{having(question)}"
        case Subscribed():
            status = f" AND status = '{question.status}'" if question.status else ""
            return f"SELECT contact_id FROM subscriptions WHERE list_id = '{question.list_id}'{status}"
        case Negation():
            return _set_of(question.part, as_of)
        case _:
            return _asked(question, as_of)


def instant(at: datetime) -> str:
    """An instant, as SQL writes it."""
    return f"TIMESTAMP '{at.replace(tzinfo=None).isoformat(sep=' ')}'"


def _after(at: datetime) -> str:
    return f"occurred_at > {instant(at)}"


def _until(at: datetime) -> str:
    return f"occurred_at <= {instant(at)}"
