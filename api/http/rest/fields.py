"""`/v1/fields`: the fields that users define."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from api.http.authentication import Admin, Reader, Writer
from api.http.rest.shapes import v1_router
from api.http.shapes import Strict

TAG = {"name": "v1 fields", "description": "The fields that users define."}

router = v1_router("fields")

FieldKey = Annotated[str, Path(description="Key of the field.", examples=["plan"])]


class CustomField(BaseModel):
    """A field that a user defined; a retired one is neither read nor written."""

    key: str
    label: str
    type: str
    created_at: datetime
    retired_at: datetime | None


class AllFields(BaseModel):
    """All fields, oldest first."""

    fields: list[CustomField]


class DefineField(Strict):
    """A field to be."""

    type: str = Field(description="text, number, date, datetime, boolean, email, url or json.", examples=["text"])
    label: str | None = Field(default=None, examples=["Plan"])


@router.get("/fields")
def list_fields(caller: Reader) -> AllFields:
    """All fields that users defined, retired ones too."""
    states = caller.workspace().fields.all()
    return AllFields(fields=[CustomField.model_validate(state, from_attributes=True) for state in states])


@router.put("/fields/{key}", status_code=204)
def define_field(key: FieldKey, body: DefineField, caller: Writer) -> None:
    """Let contacts have a field; its type cannot be changed, its label can."""
    caller.workspace().fields.define(key, body.type, body.label)


@router.delete("/fields/{key}", status_code=204)
def retire_field(key: FieldKey, caller: Admin) -> None:
    """Let a field be read and written no longer; its values stay, and are back when it is defined again."""
    caller.workspace().fields.retire(key)
