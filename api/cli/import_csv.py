"""`populace import-csv`: any CSV file of contacts into a workspace."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import StoppedHalfwayError, err, finish_undisturbed, out, print_json, print_table
from api.cli.options import AsJson, MemoryLimit, Quiet, WorkspaceFolder, memory_bytes
from api.cli.progress import progress_bar
from api.documents.file_import import import_document, pace_of, preview_document, proposal_document
from engine.errors import CallerError, InvalidValueError, OutputError, did_you_mean
from engine.storage.custom_fields import CustomFieldType
from engine.storage.file_imports import FileImport
from ingest.csv_import.preview import Preview
from ingest.csv_import.proposal import ProposedColumn
from ingest.csv_import.settings import LIST_STATUS, TARGETS, ColumnSettings, ImportSettings, key_of_header
from ingest.workspace import Workspace
from ingest.writes.fields import RESERVED_KEYS


def import_csv(
    workspace: WorkspaceFolder,
    file: Annotated[Path, typer.Argument(help="CSV file with a row per contact.", metavar="FILE")],
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="COLUMN=TARGET",
            help="What a column means: a field, tags, list_status, full_name; KEY:TYPE for a new custom field; - for "
            "nothing. Instead of what is proposed.",
        ),
    ] = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Make custom fields of all columns that mean nothing known.")
    ] = False,
    constant: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="The same value for every contact.")
    ] = None,
    date_format: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=FORMAT", help="How dates are written, such as DD/MM/YYYY; several are tried."),
    ] = None,
    decimal_comma: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Numbers with a comma before decimals.")
    ] = None,
    decimal_point: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Numbers with a point before decimals.")
    ] = None,
    null_word: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="A word that stands for no value, beside the usual ones.")
    ] = None,
    empty: Annotated[
        Literal["keep", "clear"], typer.Option(help="What an empty cell does to the value of a known contact.")
    ] = "keep",
    lists: Annotated[
        list[str] | None, typer.Option("--list", metavar="LIST", help="Put every contact on this list.")
    ] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="Give every contact this tag.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Of dates that do not say theirs; the workspace's if not given.")
    ] = None,
    phone_country: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Of numbers in national form, such as DE; the row's comes first."),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Such as utf-8 or windows-1252; found out if not given.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="What stands between values; found out if not given.")] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether the first row names the columns.")
    ] = None,
    settings_file: Annotated[
        Path | None,
        typer.Option("--settings", metavar="FILE", help="All settings as JSON, as --save-settings wrote them."),
    ] = None,
    save_settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the settings here, to edit and give with --settings.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Bring the rows in; without it you only see what would.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read every row and store none.")] = False,
    rejected: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write rejected rows here, as CSV with the reason.")
    ] = None,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Bring a CSV file of contacts in, whatever its columns are called.

    First it shows what each column is taken for, how sure that is, and 20 rows as they would be. Then, with --yes, it
    brings them in. Contacts are known by their e-mail. Rows that cannot be taken are set aside with the reason, and the
    others come in. If it is stopped or killed, the same command goes on where it was.

    Example: populace import-csv shop customers.csv --map "Kundengruppe=group:text" --list news --yes
    """
    for output in (rejected, save_settings):
        if output is not None and file.exists() and output.exists() and output.samefile(file):
            raise OutputError(output, "is the file that is read; name another one")
    options = [
        *(mapping or None, keep_all or None, constant or None, date_format or None, decimal_comma or None),
        *(decimal_point or None, null_word or None, None if empty == "keep" else empty, lists or None, tags or None),
        *(timezone, phone_country, encoding, delimiter, header),
    ]
    read = None if settings_file is None else _read_settings(settings_file)
    if read is not None and options != [None] * len(options):
        raise CallerError("--settings: says everything; give no other option on what becomes of rows, or edit the file")
    # What was asked for, as text that is the same for the same command.
    request = orjson.dumps([*options, dry_run, None if read is None else read.model_dump(mode="json")]).decode()
    with Workspace.open(workspace, memory_bytes=memory_bytes(memory_limit)) as opened:
        # The same command goes on before anything is proposed: fields that it made would be taken for known ones.
        begun = opened.imports.unfinished(file, request) if yes or dry_run else None
        if begun is not None:
            item = run_import(opened, begun, quiet=quiet or as_json)
            _end(opened, item, workspace, rejected, as_json=as_json)
            return
        if read is not None:
            settings, columns = read, None
        else:
            proposal = opened.imports.propose(file, encoding=encoding, delimiter=delimiter, has_header=header)
            columns = proposal.columns
            settings = _with_options(
                proposal.settings,
                columns,
                mapping=_pairs(mapping, "--map"),
                formats=_pairs(date_format, "--date-format"),
                commas=decimal_comma or (),
                points=decimal_point or (),
                keep_all=keep_all,
                taken_keys={field.key for field in opened.fields.all()},
            )
            if not lists:
                settings = _without_status(settings)
            settings = ImportSettings.read(
                settings.model_dump()
                | {
                    "constants": dict(_pairs(constant, "--constant")),
                    "null_words": (*settings.null_words, *(null_word or ())),
                    "empty": empty,
                    "lists": lists or (),
                    "tags": tags or (),
                    "timezone": timezone,
                    "phone_country": phone_country,
                }
            )
        if save_settings is not None:
            _write(save_settings, settings)
        preview = opened.imports.preview(file, settings)
        if not (yes or dry_run):
            _show(file, settings, columns, preview, as_json=as_json)
            return
        item = opened.imports.begin(file, settings, is_dry_run=dry_run, request=request)
        item = run_import(opened, item, quiet=quiet or as_json)
        _end(opened, item, workspace, rejected, as_json=as_json)


def _end(opened: Workspace, item: FileImport, workspace: Path, rejected: Path | None, *, as_json: bool) -> None:
    if rejected is not None:
        _copy_rejected(opened, item, rejected)
    finish_undisturbed()
    report_import(item, workspace, rejected, as_json=as_json)


def run_import(opened: Workspace, item: FileImport, *, quiet: bool) -> FileImport:
    """Work on an import, and show how far it is."""
    if item.bytes_done and not quiet:
        err.print(f"going on after row {item.counts.row_count:,}")
    with progress_bar(quiet=quiet) as progress:
        task = progress.add_task("importing", total=item.file_bytes, completed=item.bytes_done, amount="")

        def show(now: FileImport) -> None:
            rate, left = pace_of(now)
            amount = f"{now.counts.row_count:,} rows, {rate or 0:,.0f}/s, {left or 0:,.0f} s left"
            progress.update(task, completed=now.bytes_done, amount=amount)

        try:
            return opened.imports.run(item.id, on_progress=show)
        except KeyboardInterrupt:
            done = opened.imports.get(item.id).counts.row_count
            raise StoppedHalfwayError(
                f"stopped after row {done:,}, which stay; the same command goes on there"
            ) from None


def _with_options(
    settings: ImportSettings,
    columns: Sequence[ProposedColumn],
    *,
    mapping: Sequence[tuple[str, str]],
    formats: Sequence[tuple[str, str]],
    commas: Sequence[str],
    points: Sequence[str],
    keep_all: bool,
    taken_keys: Collection[str],
) -> ImportSettings:
    """What was proposed, but for what the caller says."""
    found: list[dict[str, object]] = [column.model_dump() for column in settings.columns]
    headers = [column.header for column in settings.columns]

    def place_of(name: str, option: str) -> int:
        if name not in headers:
            raise CallerError(f"{option}: the file has no column {name!r}; {did_you_mean(name, headers)}")
        return headers.index(name)

    given = {place_of(name, "--map"): target for name, target in mapping}
    taken = {target.partition(":")[0] for target in given.values()}
    for place, header in enumerate(headers):
        if found[place]["target"] in taken and place not in given:
            found[place] = {"header": header, "target": None}
    for place, target in given.items():
        key, _, kind = target.partition(":")
        found[place] |= _written(columns[place]) | {"target": None if key == "-" else key, "type": kind or None}
    if keep_all:
        keys = {*TARGETS, *RESERVED_KEYS, *taken_keys, *(str(column["target"]) for column in found)}
        for place, shown in enumerate(columns):
            if found[place].get("target") is None and place not in given:
                key = key_of_header(headers[place], keys)
                keys.add(key)
                kind_of_values = shown.suggested_type or CustomFieldType.TEXT
                found[place] |= _written(shown) | {"target": key, "type": kind_of_values}
    told: dict[int, list[str]] = {}
    for name, form in formats:
        told.setdefault(place_of(name, "--date-format"), []).append(form)
    for place, names in told.items():
        found[place] |= {"formats": names}
    for mark, marked in ((",", commas), (".", points)):
        for name in marked:
            found[place_of(name, "--decimal-comma" if mark == "," else "--decimal-point")] |= {"decimal": mark}
    return ImportSettings.read(settings.model_dump() | {"columns": found})


def _written(shown: ProposedColumn) -> dict[str, object]:
    """How the values of a column are written, whatever it means."""
    written = shown.written
    return {"formats": written.formats, "decimal": written.decimal, "separator": written.separator}


def _without_status(settings: ImportSettings) -> ImportSettings:
    """Without the column that says who may be mailed: no list is named that it could be about."""
    columns = tuple(
        ColumnSettings(header=column.header) if column.target == LIST_STATUS else column for column in settings.columns
    )
    if columns != settings.columns:
        err.print("a column says who may be mailed: name the list that it is about with --list, and it counts")
    return settings.model_copy(update={"columns": columns})


def _pairs(given: Sequence[str] | None, option: str) -> list[tuple[str, str]]:
    found = []
    for text in given or ():
        name, is_pair, value = text.rpartition("=") if option == "--map" else text.partition("=")
        if not is_pair:
            raise typer.BadParameter(f"{text!r} is no pair; write it as NAME=VALUE", param_hint=option)
        found.append((name.strip(), value.strip()))
    return found


def _read_settings(path: Path) -> ImportSettings:
    try:
        return ImportSettings.read(orjson.loads(path.read_bytes()))
    except (OSError, orjson.JSONDecodeError) as error:
        raise InvalidValueError("--settings", str(path), f"cannot be read: {error}") from None


def _write(path: Path, settings: ImportSettings) -> None:
    try:
        path.write_text(settings.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(path, f"cannot be written: {error.strerror}") from error


def _copy_rejected(opened: Workspace, item: FileImport, target: Path) -> None:
    try:
        with target.open("wb") as file:
            file.writelines(opened.imports.rejected(item.id))
    except OSError as error:
        raise OutputError(target, f"cannot be written: {error.strerror}") from error


def _show(
    file: Path,
    settings: ImportSettings,
    columns: Sequence[ProposedColumn] | None,
    preview: Preview,
    *,
    as_json: bool,
) -> None:
    """What would be done."""
    if as_json:
        document = {"settings": settings.model_dump(mode="json"), "preview": preview_document(preview)}
        print_json(document | ({} if columns is None else {"columns": proposal_document(columns)}))
        return
    table = Table(title=f"{file.name}: {settings.encoding}, {settings.delimiter!r} between values")
    for heading in ("column", "becomes", "sure", "why", "values"):
        table.add_column(heading)
    for place, column in enumerate(settings.columns):
        shown = None if columns is None else columns[place]
        becomes = _becomes(column)
        is_proposed = shown is not None and shown.target == column.target and column.target is not None
        sure = f"{shown.confidence:.0%}" if is_proposed and shown is not None else ""
        why = (shown.warning or shown.reason) if is_proposed and shown is not None else ""
        values = ", ".join(shown.samples) if shown is not None else ""
        table.add_row(escape(column.header), escape(becomes), sure, escape(why), escape(values[:60]))
    print_table(table)
    rows = Table(title="first rows")
    names = list(dict.fromkeys(name for row in preview.rows for name in row.values))[:8]
    for heading in ("row", *names, "problem"):
        rows.add_column(heading)
    for row in preview.rows:
        cells = (_cell(row.values.get(name)) for name in names)
        rows.add_row(str(row.row), *cells, escape(row.problem or ""))
    print_table(rows)
    out.print(f"of the first {preview.looked_at_count:,} rows {preview.rejected_count:,} would be rejected")
    out.print("nothing is stored yet: give the same command with --yes, or with --dry-run to read every row")


def _becomes(column: ColumnSettings) -> str:
    if column.target is None:
        return "-"
    made = f" (new {column.type} field)" if column.type else ""
    written = " or ".join(column.formats)
    return f"{column.target}{made}" + (f", as {written}" if written else "")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return escape(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def report_import(item: FileImport, workspace: Path, rejected: Path | None, *, as_json: bool) -> None:
    """Say what became of the rows."""
    if as_json:
        print_json(import_document(item))
        return
    counts = item.counts
    parts: Mapping[str, int] = (
        {"of people not known yet": counts.new_count, "of known ones": counts.changed_count}
        if item.is_dry_run
        else {"new": counts.new_count, "changed": counts.changed_count}
    )
    parts = {**parts, "repeated": counts.repeated_count, "of erased people": counts.erased_count}
    words = "; ".join(f"{count:,} {word}" for word, count in parts.items() if count)
    out.print(f"[bold]{escape(str(workspace))}[/]: {counts.row_count:,} rows read; {words or 'nothing was new'}")
    if counts.rejected_count:
        hint = f"written to {rejected}" if rejected else f"see them with: populace imports rejected WORKSPACE {item.id}"
        out.print(f"{counts.rejected_count:,} rejected: {escape(hint)}", soft_wrap=True)
    if item.is_dry_run:
        out.print("nothing was stored: it was a dry run")
