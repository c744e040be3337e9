"""`populace serve`: workspaces over HTTP."""

from __future__ import annotations

import sys
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from api.cli.console import out
from api.cli.options import MemoryLimit, memory_bytes
from api.http.tokens import Scope, Tokens
from api.http.workspaces import Workspaces, workspace_ids
from api.mail.smtp import SmtpSettings
from engine.errors import CallerError
from ingest.workspace import Workspace

FIRST_WORKSPACE = "main"
LOOPBACK = "127.0.0.1"


def serve(
    root: Annotated[Path, typer.Argument(help="Folder whose folders are the workspaces.", metavar="ROOT")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8080,
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help=f"Address to listen on; {LOOPBACK} if not given.")
    ] = None,
    memory_limit: MemoryLimit = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="What the log has; info: every request.")
    ] = "info",
    body_megabytes: Annotated[int, typer.Option(min=1, help="Largest body of a request.")] = 16,
    answer_seconds: Annotated[
        float, typer.Option(min=0.1, help="A request that is not answered within so many seconds gets a 504.")
    ] = 30.0,
    token_rate: Annotated[int, typer.Option(min=1, help="Most requests per second with one token.")] = 5_000,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="A proxy in front of the server, an address or network: whom it names in X-Forwarded-For is who asks.",
        ),
    ] = None,
    private_webhooks: Annotated[
        bool, typer.Option("--private-webhooks", help="Webhooks may lead to this machine, and into private networks.")
    ] = False,
    smtp: Annotated[
        str | None,
        typer.Option(
            envvar="POPULACE_SMTP",
            metavar="URL",
            help="Send the mails of lists by this server: smtp://mail.example:587, smtps://user:password@mail.example",
        ),
    ] = None,
    mail_from: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Whom mails are from: 'Shop <news@shop.example>'.")
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="How people reach this server: what links in mails begin with.")
    ] = None,
) -> None:
    """Answer requests over HTTP, and keep memberships up to date while doing so. The documentation is at /docs.

    ROOT holds one folder per workspace; an empty one gets the workspace `main`. The server alone has the workspaces
    while it runs. If there is no token yet it makes an admin token for each workspace, prints it, and listens on
    127.0.0.1 only; more come from `populace token create`. SIGTERM or Ctrl-C stops it: requests under way are answered,
    everything is brought into the files.

    Example: populace init shops/main, then populace serve shops --port 8080
    """
    # Half a second that no other command needs.
    from api.http.app import ServerSettings, create_app  # noqa: PLC0415
    from api.http.gate import Limits  # noqa: PLC0415
    from api.http.logs import begin_logging  # noqa: PLC0415
    from api.http.serving import serve as serve_app  # noqa: PLC0415

    proxies = [_network(text) for text in trusted_proxy or ()]
    settings = ServerSettings(
        limits=Limits(body_bytes=body_megabytes * 2**20, answer_seconds=answer_seconds),
        token_rate=token_rate,
        private_webhooks=private_webhooks,
        mail=_mail_settings(smtp, mail_from, public_url),
        public_url=public_url or "",
    )
    begin_logging(log_level)
    with Tokens(root) as tokens:
        is_first = not tokens.all()
        if is_first and host not in {None, LOOPBACK, "localhost", "::1"}:
            raise CallerError(
                f"{host}: a server without any token listens on {LOOPBACK} only; make one with: populace token create"
            )
        if not workspace_ids(root):
            Workspace.create(root / FIRST_WORKSPACE)
        if is_first:
            _make_first_tokens(tokens, workspace_ids(root))
        with Workspaces(root, memory_bytes=memory_bytes(memory_limit)) as workspaces:
            workspaces.open_all()
            app = create_app(workspaces, tokens, settings)
            # The server handles these signals first, answers what is under way, and then raises them once more.
            with suppress(KeyboardInterrupt):
                serve_app(app, host=host or LOOPBACK, port=port, on_listening=_say, trusted_proxies=proxies)
        tokens.write_last_used()


def _network(text: str) -> str:
    """An address or a network. Raises: CallerError."""
    try:
        return str(ip_network(text)) if "/" in text else str(ip_address(text))
    except ValueError as error:
        raise CallerError(f"--trusted-proxy: {error}; give an address such as 10.0.0.5 or 10.0.0.0/8") from None


def _mail_settings(smtp: str | None, mail_from: str | None, public_url: str | None) -> SmtpSettings | None:
    """How mails go out; None where none do. Raises: CallerError."""
    if smtp is None:
        return None
    if mail_from is None or public_url is None:
        raise CallerError("--smtp: needs --mail-from and --public-url, which mails and their links begin with")
    if not public_url.startswith(("http://", "https://")):
        raise CallerError(f"--public-url: {public_url!r} is no address such as https://news.shop.example")
    return SmtpSettings.of(smtp, mail_from)


def _make_first_tokens(tokens: Tokens, ids: list[str]) -> None:
    """Make a token for each workspace and show it, this once."""
    for workspace_id in ids:
        text = tokens.create(workspace_id, [Scope.ADMIN])
        out.print(f"admin token of workspace [bold]{escape(workspace_id)}[/], shown only now: {text}", soft_wrap=True)


def _say(url: str) -> None:
    out.print(f"listening on {url}, documented at {url}/docs", soft_wrap=True)
    sys.stdout.flush()
