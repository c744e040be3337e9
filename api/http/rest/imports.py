"""`/v1/imports`: CSV files of contacts, uploaded, understood, and brought in while others work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from api.documents.file_import import import_document, preview_document, proposal_document
from api.http.authentication import Reader, Writer
from api.http.gate import Limits
from api.http.rest.shapes import v1_router
from api.http.shapes import Strict
from engine.errors import UnknownImportError
from engine.storage.file_imports import FileImport
from ingest.csv_import.proposal import Proposal
from ingest.csv_import.settings import ImportSettings
from ingest.workspace import Workspace

PATH = "/imports"
LOOK_SECONDS = 0.25
HEARTBEAT_SECONDS = 15.0
MOST_NAME_CHARACTERS = 255
_RUNS = ("running", "waiting")

TAG = {"name": "v1 imports", "description": "CSV files of contacts: see docs/csv-import.md."}

router = v1_router("imports")

ImportId = Annotated[str, Path(description="Id of the import.", examples=["4f1c0e"])]
_EXAMPLE: dict[str, Any] = {
    "delimiter": ";",
    "columns": [
        {"header": "E-Mail", "target": "email"},
        {"header": "Kundengruppe", "target": "group", "type": "text"},
        {"header": "Letzte Bestellung", "target": "last_order_at", "formats": ["DD.MM.YYYY"]},
    ],
    "lists": ["news"],
}


class Import(BaseModel):
    """An import. It waits until it is started; then it runs until it is done, failed or cancelled.

    `row_count` records were read: they were new contacts, changed ones, without change, `repeated` (the same contact
    again), of erased people, or rejected.
    """

    id: str
    name: str
    state: str = Field(examples=["running"])
    is_dry_run: bool
    problem: str | None
    file_bytes: int
    bytes_done: int
    row_count: int
    new_count: int
    changed_count: int
    repeated_count: int
    erased_count: int
    rejected_count: int
    rows_per_second: float | None
    seconds_left: float | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, item: FileImport) -> Import:
        """An import as it is now."""
        return cls.model_validate(import_document(item))


class Imports(BaseModel):
    """All imports, latest first."""

    imports: list[Import]


class PreviewedRow(BaseModel):
    """A record of the file, with what it gives of a contact, or the reason why it would be rejected."""

    row: int
    values: dict[str, Any]
    problem: str | None


class Previewed(BaseModel):
    """The first 20 records; of all in the first megabyte how many there are, and how many would be rejected."""

    rows: list[PreviewedRow]
    looked_at_count: int
    rejected_count: int


class ColumnProposal(BaseModel):
    """What a column is taken for, and how sure that is (0 to 1).

    A column that is taken for nothing could become the custom field `suggested_key` of the type `suggested_type`.
    """

    header: str
    target: str | None
    confidence: float
    reason: str
    warning: str | None
    samples: list[str]
    suggested_key: str | None
    suggested_type: str | None


class ImportProposal(BaseModel):
    """What to do with a file: `settings` as they are to be given to `start`, after whatever you change in them."""

    settings: ImportSettings
    columns: list[ColumnProposal]
    preview: Previewed | None

    @classmethod
    def of(cls, proposal: Proposal) -> ImportProposal:
        """What is proposed."""
        preview = None if proposal.preview is None else preview_document(proposal.preview)
        columns = proposal_document(proposal.columns)
        return cls.model_validate({"settings": proposal.settings, "columns": columns, "preview": preview})


class UploadedImport(BaseModel):
    """A file that was kept, and what to do with it."""

    # Named so, for `import` is a word of many languages.
    upload: Import
    proposal: ImportProposal


class StartImport(Strict):
    """`dry_run`: read every row and store none; the import can be started once more then."""

    settings: ImportSettings = Field(examples=[_EXAMPLE])
    dry_run: bool = False


@router.post(
    PATH,
    status_code=HTTPStatus.CREATED,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string"}, "example": "E-Mail;Name\nada@example.com;Ada\n"}},
        }
    },
)
async def upload_file(
    request: Request,
    caller: Writer,
    name: Annotated[str, Query(max_length=MOST_NAME_CHARACTERS, description="Name of the file.")] = "upload.csv",
) -> UploadedImport:
    """Upload a CSV file of any size as the body; what its columns mean is proposed. Nothing is brought in yet."""
    limits: Limits = request.app.state.limits
    workspace = await to_thread.run_sync(caller.workspace)
    upload = await to_thread.run_sync(workspace.imports.begin_upload)
    try:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > limits.import_bytes:
                problem = f"the file is larger than {limits.import_bytes:,} bytes; import it with: populace import-csv"
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem)
            await to_thread.run_sync(upload.write, part)
        item, proposal = await to_thread.run_sync(upload.keep, name)
    finally:
        await to_thread.run_sync(upload.close)
    return UploadedImport(upload=Import.of(item), proposal=ImportProposal.of(proposal))


@router.get(PATH)
def list_imports(caller: Reader) -> Imports:
    """All imports, latest first."""
    return Imports(imports=[Import.of(item) for item in caller.workspace().imports.all()])


@router.get(f"{PATH}/{{import_id}}")
def read_import(import_id: ImportId, caller: Reader) -> Import:
    """How far an import is."""
    return Import.of(caller.workspace().imports.get(import_id))


@router.get(f"{PATH}/{{import_id}}/proposal")
def read_proposal(import_id: ImportId, caller: Reader) -> ImportProposal:
    """What the columns of its file are taken for, as the workspace's fields are now."""
    return ImportProposal.of(caller.workspace().imports.propose_for(import_id))


@router.post(f"{PATH}/{{import_id}}/preview")
def preview_import(import_id: ImportId, body: StartImport, caller: Reader) -> Previewed:
    """The first rows as settings would have them; nothing is stored."""
    preview = caller.workspace().imports.preview_of(import_id, body.settings)
    return Previewed.model_validate(preview_document(preview))


@router.post(f"{PATH}/{{import_id}}/start", status_code=HTTPStatus.ACCEPTED)
def start_import(import_id: ImportId, body: StartImport, caller: Writer) -> Import:
    """Let an import run that waits; imports of a server run one after the other."""
    return Import.of(caller.workspace().imports.start(import_id, body.settings, is_dry_run=body.dry_run))


@router.post(f"{PATH}/{{import_id}}/cancel")
def cancel_import(import_id: ImportId, caller: Writer) -> Import:
    """Let an import go no further; what is in stays."""
    return Import.of(caller.workspace().imports.cancel(import_id))


@router.get(
    f"{PATH}/{{import_id}}/progress",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def stream_progress(import_id: ImportId, caller: Reader) -> StreamingResponse:
    """How far an import is, as server-sent events, until it has ended. It runs on whoever listens."""
    workspace = await to_thread.run_sync(caller.workspace)
    item = await to_thread.run_sync(workspace.imports.get, import_id)
    return StreamingResponse(_progress(workspace, item), media_type="text/event-stream")


async def _progress(workspace: Workspace, item: FileImport) -> AsyncIterator[bytes]:
    silent = 0.0
    yield _event(item)
    while item.state in _RUNS:
        await asyncio.sleep(LOOK_SECONDS)
        silent += LOOK_SECONDS
        try:
            now = await to_thread.run_sync(workspace.imports.get, item.id)
        except UnknownImportError:  # it was deleted
            return
        if now != item:
            item, silent = now, 0.0
            yield _event(item)
        elif silent > HEARTBEAT_SECONDS:
            silent = 0.0
            yield b": still here\n\n"


def _event(item: FileImport) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (item.state.encode(), orjson.dumps(import_document(item)))


@router.get(f"{PATH}/{{import_id}}/rejected", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def download_rejected(import_id: ImportId, caller: Reader) -> Response:
    """The rejected rows as they were, with the reason, as CSV; nothing where there are none."""
    rejected = caller.workspace().imports.rejected(import_id)
    headers = {"Content-Disposition": f'attachment; filename="rejected-{import_id}.csv"'}
    return StreamingResponse(rejected, media_type="text/csv", headers=headers)


@router.delete(f"{PATH}/{{import_id}}", status_code=HTTPStatus.NO_CONTENT)
def delete_import(import_id: ImportId, caller: Writer) -> None:
    """Forget an import that does not run, with its file and its rejected rows; what it brought in stays."""
    caller.workspace().imports.delete(import_id)
