"""Schemathesis asks every route whatever it can think of: no 5xx, and nothing that the document does not describe.

Two minutes in CI, for three faces. More, in seconds for each:
`POPULACE_SCHEMATHESIS_SECONDS=400 .venv/bin/python -m pytest tests/test_http_schema.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.definitions import field
from tests.http_server import running_server

SECONDS = int(os.environ.get("POPULACE_SCHEMATHESIS_SECONDS", "40"))
FACES = ("/api/", "/v1/", "/v2/|/hooks/|/subscribe|/confirm|/unsubscribe|/preferences|/notification|/health|/ready")

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
"""Not those that take the document for the whole truth: what is valid may name what is not there, or be refused."""

ENDLESS = "/v1/transitions/stream"


@pytest.mark.parametrize("face", FACES)
def test_no_request_finds_an_answer_that_is_not_described(tmp_path: Path, face: str) -> None:
    options = ("--token-rate", "100000", "--log-level", "error")
    with running_server(tmp_path / "shops", *options) as server, server.client("main") as client:
        client.put("/v1/segments/known", json={"tree": field("country", "equals", "DE")}).raise_for_status()
        client.post("/v1/contacts", json={"email": "ada@example.com", "tags": ["vip"]}).raise_for_status()
        client.put("/v1/lists/news", json={"is_public": True}).raise_for_status()
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
            *("--header", f"Authorization: {client.headers['authorization']}", "--checks", ",".join(CHECKS)),
            *("--include-path-regex", face, "--exclude-path", ENDLESS, "--request-timeout", "30"),
            *("--max-time", str(SECONDS), "--seed", "1", "--no-color", "--suppress-health-check", "all"),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=SECONDS * 3 + 120
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert server.process.poll() is None
        assert not [line for line in server.log if '"bug"' in line]
