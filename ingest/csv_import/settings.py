"""What is to become of a CSV file: what each column means, and what all rows have in common."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.definition.fields import CONTACT_FIELDS, JSON_FIELDS
from engine.definition.points import iana_zones
from engine.definition.vocabulary import SUBSCRIPTION_STATUSES
from engine.errors import InvalidValueError, did_you_mean, one_of, shown
from engine.storage.custom_fields import CustomFieldType
from ingest.csv_import.date_formats import DATE_FORMATS
from ingest.values.country import alpha_2_codes
from ingest.writes.fields import read_key

FULL_NAME, TAGS, LIST_STATUS = "full_name", "tags", "list_status"
"""What a column can mean beside a field: a whole name, tags to add, whether the contact may be mailed."""

FIELD_TARGETS = tuple(name for name in CONTACT_FIELDS if name not in JSON_FIELDS)
TARGETS = (*FIELD_TARGETS, FULL_NAME, TAGS, LIST_STATUS)

MARK = r"^'([=+@\t\r-])"
"""How spreadsheets, and our own exports, mark text that would else be a formula."""

NULL_WORDS = ("null", "none", "n/a", "#n/a", "nan", "nil", "(null)", "-", "--", "\\n")
"""Cells that hold no value, in any letter case, unless the caller says otherwise."""

STATUS_WORDS: Mapping[str, str] = {
    word: status
    for status, words in {
        "active": (
            *("active", "subscribed", "subscribe", "yes", "true", "1", "y", "x", "opted in", "opt-in", "opted_in"),
            *("confirmed", "enabled", "marketable", "opt in", "optin", "on", "consented", "granted"),
            *("ja", "aktiv", "angemeldet", "bestätigt", "oui", "actif", "abonné", "inscrit", "sí", "si", "activo"),
            *("suscrito", "sì", "attivo", "iscritto", "sim", "ativo", "inscrito", "actief", "ingeschreven", "tak"),
            *("aktywny", "aktiivinen", "abonnerad", "evet", "aktif", "はい", "購読中"),
        ),
        "pending": ("pending", "unconfirmed", "not confirmed", "waiting", "double opt-in pending", "unbestätigt"),
        "unsubscribed": (
            *("unsubscribed", "unsubscribe", "no", "false", "0", "n", "opted out", "opt-out", "opted_out", "opt out"),
            *("optout", "cancelled", "canceled", "suppressed", "blocklisted", "blacklisted", "inactive", "disabled"),
            *("off", "removed", "archived", "nein", "abgemeldet", "inaktiv", "non", "désabonné", "désinscrit"),
            *("inactif", "cancelado", "baja", "inactivo", "disiscritto", "inattivo", "não", "nao", "inativo", "nee"),
            *("uitgeschreven", "nie", "nieaktywny", "avregistrerad", "nej", "hayır", "いいえ", "解除"),
        ),
        "bounced": (
            "bounced",
            "bounce",
            "cleaned",
            "hard bounce",
            "hard_bounced",
            "hard bounced",
            "invalid",
            "undelivered",
        ),
        "complained": ("complained", "complaint", "spam", "abuse", "marked as spam", "spam complaint", "junk"),
    }.items()
    for word in words
}
"""What the words of other tools say of a subscription, in lower case."""

NO_STATUS_WORDS = frozenset({"never subscribed", "never_subscribed", "nonsubscribed", "non-subscribed", "not set", ""})
"""Words that say that there is no subscription."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnSettings(_Model):
    """What a column of the file means.

    `target`: a contact field, the key of a custom field, `full_name`, `tags` or `list_status`; without one the column
    is left out. `type` makes a new custom field of that type, unless it is there. `formats`: of dates, the first that
    fits counts. `decimal`: what stands before decimals. `separator`: between tags. `words`: what the column's words
    mean for `list_status`, beside those that are known.
    """

    header: str = Field(description="As the file has it: the column is found by its place, and this must agree.")
    target: str | None = None
    type: CustomFieldType | None = None
    label: str | None = None
    formats: tuple[str, ...] = ()
    decimal: Annotated[str, Field(pattern="^[.,]$")] = "."
    separator: Annotated[str, Field(min_length=1, max_length=8)] = ","
    words: Mapping[str, str] = {}


class ImportSettings(_Model):
    """All that decides what a file's rows become.

    `empty`: an empty cell leaves the value of a known contact as it is (`keep`), or removes it (`clear`). `constants`:
    text values by target, for every row. `lists`: ids of those that every contact goes on, as `list_status` says, where
    there is such a column. `timezone`: of dates that do not say theirs; the workspace's without.
    `phone_country`: of phone numbers in national form, where the row has no country.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    has_header: bool = True
    columns: tuple[ColumnSettings, ...]
    constants: Mapping[str, str] = {}
    null_words: tuple[str, ...] = NULL_WORDS
    empty: Annotated[str, Field(pattern="^(keep|clear)$")] = "keep"
    lists: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    timezone: str | None = None
    phone_country: str | None = None

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        targets = [column.target for column in self.columns if column.target] + list(self.constants)
        for target in targets:
            if target != TAGS and targets.count(target) > 1:
                raise ValueError(f"{shown(target)} is the target of {targets.count(target)} columns; keep one of them")
        if FULL_NAME in targets and {"first_name", "last_name"} & set(targets):
            raise ValueError("full_name is given beside first_name or last_name; keep the one or the others")
        return self

    @classmethod
    def read(cls, document: Any) -> Self:
        """Settings of a JSON document. Raises: InvalidValueError with the path of what is wrong."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
            message = first["msg"].removeprefix("Value error, ")
            raise InvalidValueError(path or "settings", first["input"] if path else None, message) from None

    @property
    def by_target(self) -> dict[str, int]:
        """The place of the column of each target but tags."""
        return {
            column.target: place
            for place, column in enumerate(self.columns)
            if column.target is not None and column.target != TAGS
        }

    def check(self, custom_fields: Mapping[str, CustomFieldType], list_ids: Collection[str]) -> None:
        """Raises: InvalidValueError for what the workspace does not have, or cannot take."""
        known = {*TARGETS, *custom_fields}
        for place, column in enumerate(self.columns):
            path = f"columns[{place}]"
            if column.target is None:
                continue
            if column.target not in known:
                if column.type is None:
                    hint = did_you_mean(column.target, known)
                    problem = f"is no field; {hint}; a type makes it a new custom field"
                    raise InvalidValueError(f"{path}.target", column.target, problem)
                read_key(column.target)
            if column.type is not None:
                if column.target in TARGETS:
                    raise InvalidValueError(f"{path}.type", column.type, "is given for a field that every contact has")
                given = custom_fields.get(column.target, column.type)
                if given is not column.type:
                    raise InvalidValueError(f"{path}.type", column.type, f"is another one than it has: {given}")
            for name in column.formats:
                if name not in DATE_FORMATS:
                    problem = f"is no format of dates; {did_you_mean(name, DATE_FORMATS)}"
                    raise InvalidValueError(f"{path}.formats", name, problem)
            for status in column.words.values():
                if status not in SUBSCRIPTION_STATUSES:
                    raise InvalidValueError(f"{path}.words", status, f"must be {one_of(SUBSCRIPTION_STATUSES)}")
        self._check_rest(known, list_ids)

    def _check_rest(self, known: set[str], list_ids: Collection[str]) -> None:
        targets = {column.target for column in self.columns}
        if "email" not in targets:
            problem = (
                "has no column with the target email; contacts are known by their e-mail, so name the column of it"
            )
            raise InvalidValueError("columns", None, problem)
        for name in self.constants:
            if name not in known - {TAGS, FULL_NAME} or name == "email":
                raise InvalidValueError("constants", name, f"is no field; {did_you_mean(name, known)}")
        for list_id in self.lists:
            if list_id not in list_ids:
                hint = did_you_mean(list_id, list_ids) if list_ids else "there are none yet; save one first"
                raise InvalidValueError("lists", list_id, f"is no list; {hint}")
        if LIST_STATUS in {*targets, *self.constants} and not self.lists:
            problem = "is given, but no list that it is about; name one in lists, or leave the column out"
            raise InvalidValueError("list_status", None, problem)
        for tag in self.tags:
            if not 1 <= len(tag.strip()) <= 64:
                raise InvalidValueError("tags", tag, "is no tag: it has 1 to 64 characters")
        if self.timezone is not None and self.timezone not in iana_zones():
            raise InvalidValueError("timezone", self.timezone, "is not an IANA time zone such as Europe/Paris")
        if self.phone_country is not None and self.phone_country not in alpha_2_codes():
            raise InvalidValueError("phone_country", self.phone_country, "is no ISO 3166-1 code, such as DE")


def key_of_header(header: str, taken: Collection[str]) -> str:
    """A key for a custom field that a column makes: the header in lower case with underscores, not yet taken."""
    from unicodedata import normalize  # noqa: PLC0415

    plain = normalize("NFKD", header).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:50]
    if not stem or not stem[0].isalpha():
        stem = f"field_{stem}".rstrip("_")
    key, number = stem, 2
    while key in taken:
        key, number = f"{stem}_{number}", number + 1
    return key
