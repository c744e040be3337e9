"""The judge of analysts' queries: it cannot read SQL, and answers those that it knows by plain Python."""

from collections.abc import Callable
from datetime import timedelta

from tests.reference_question import Question, email_of
from tests.reference_time import required_instant

ABOVE_AVERAGE = "SELECT email FROM contacts WHERE lifetime_value > (SELECT avg(lifetime_value) FROM contacts)"
OPENED_LATELY = (
    "SELECT email FROM timeline "
    "WHERE kind = 'open_email' AND occurred_at > $as_of - INTERVAL 30 DAY AND occurred_at <= $as_of"
)
ON_NEWS = "SELECT NULL UNION ALL SELECT '  ' || upper(email) FROM subscriptions WHERE list_id = 'news'"


def emails_of_query(query: str, question: Question) -> set[str]:
    """The e-mails that a query gives; contacts of these may be there or not."""
    return KNOWN[query](question)


def above_average(question: Question) -> set[str]:
    amounts = {email: row.get("lifetime_value") for email, row in question.contacts.items()}
    given = {email: amount for email, amount in amounts.items() if amount is not None}
    return {email for email, amount in given.items() if amount > sum(given.values()) / len(given)}


def opened_lately(question: Question) -> set[str]:
    found = set()
    for row in question.world.get("timeline") or []:
        at = required_instant(row["occurred_at"])
        if row["kind"] == "open_email" and question.as_of - timedelta(days=30) < at <= question.as_of:
            found.add(email_of(row))
    return found


def on_news(question: Question) -> set[str]:
    is_there = any(row["id"] == "news" and not row.get("deleted_at") for row in question.world.get("lists") or [])
    rows = question.world.get("subscriptions") or []
    return {email_of(row) for row in rows if row["list_id"] == "news"} if is_there else set()


KNOWN: dict[str, Callable[[Question], set[str]]] = {
    ABOVE_AVERAGE: above_average,
    OPENED_LATELY: opened_lately,
    ON_NEWS: on_news,
}
