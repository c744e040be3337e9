"""One contact value at a time: each function returns what is stored for a value, or raises RefusedValueError."""

from ingest.values.boolean import boolean
from ingest.values.country import country
from ingest.values.date import date
from ingest.values.email import contact_email, email
from ingest.values.instant import instant
from ingest.values.json_text import json
from ingest.values.language import language
from ingest.values.number import number
from ingest.values.phone import phone
from ingest.values.refused import RefusedValueError
from ingest.values.tags import tags
from ingest.values.text import text
from ingest.values.timezone import timezone
from ingest.values.url import url

__all__ = [
    "RefusedValueError",
    "boolean",
    "contact_email",
    "country",
    "date",
    "email",
    "instant",
    "json",
    "language",
    "number",
    "phone",
    "tags",
    "text",
    "timezone",
    "url",
]
