"""`/v1/templates`: the texts of mails."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import Path
from pydantic import BaseModel, Field

from api.http.authentication import Admin, Reader, Writer
from api.http.rest.shapes import v1_router
from api.http.shapes import Strict
from engine.storage.mail_templates import MailTemplate

TAG = {"name": "v1 templates", "description": "The texts of mails that lists send: see docs/mail.md."}

router = v1_router("templates")

TemplateId = Annotated[str, Path(description="Id of the template.", examples=["welcome"])]


class TemplateValues(Strict):
    """A template: Liquid, with `contact`, `list`, `confirm_url`, `unsubscribe_url`, `notification_center_url`."""

    name: str | None = None
    subject: str = Field(examples=["Welcome, {{ contact.first_name | default: 'reader' }}"])
    html: str | None = Field(default=None, examples=["<p>You get {{ list.name }} from now on.</p>"])
    text: str | None = None


class Template(BaseModel):
    """A template as it is kept."""

    id: str
    name: str
    subject: str
    html: str | None
    text: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, template: MailTemplate) -> Self:
        """A template as it is kept."""
        return cls.model_validate(template, from_attributes=True)


class Templates(BaseModel):
    """All templates, in order of id."""

    templates: list[Template]


@router.get("/templates")
def list_templates(caller: Reader) -> Templates:
    """All templates of mails."""
    return Templates(templates=[Template.of(item) for item in caller.workspace().mails.templates()])


@router.get("/templates/{template_id}")
def read_template(template_id: TemplateId, caller: Reader) -> Template:
    """One template."""
    return Template.of(caller.workspace().mails.template(template_id))


@router.put("/templates/{template_id}")
def save_template(template_id: TemplateId, body: TemplateValues, caller: Writer) -> Template:
    """Create or replace a template."""
    mails = caller.workspace().mails
    mails.save_template(template_id, subject=body.subject, html=body.html, text=body.text, name=body.name)
    return Template.of(mails.template(template_id))


@router.delete("/templates/{template_id}", status_code=204)
def delete_template(template_id: TemplateId, caller: Admin) -> None:
    """Delete a template that no list uses."""
    caller.workspace().mails.delete_template(template_id)
