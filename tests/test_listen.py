"""`populace listen`: what was signed is printed, the rest refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from api.webhooks.sender import headers_of
from tests.test_webhook_delivery import webhook_to

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from api.cli.entry import main; main()", "listen"]


def test_signed_messages_are_printed_and_others_refused() -> None:
    row = webhook_to("http://127.0.0.1/")
    command = [*COMMAND, "--port", "0", "--secret", row.secret, "--count", "2"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        bodies = [json.dumps({"type": "contact.created", "data": {"n": number}}) for number in range(2)]
        for body in bodies:
            assert httpx.post(url, content=f"{body} ", headers=headers_of(row, "msg_1", body)).status_code == 400
            assert httpx.post(url, content="no JSON", headers=headers_of(row, "msg_1", "no JSON")).status_code == 400
            assert httpx.post(url, content=body, headers=headers_of(row, "msg_1", body)).status_code == 204
        assert process.stdout is not None
        assert [json.loads(line) for line in process.stdout] == [json.loads(body) for body in bodies]
        assert "refused a message: No matching signature found" in process.stderr.read()
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("secret", ["whsec_", "", "whsec_a"])
def test_a_secret_that_is_none_is_said(secret: str) -> None:
    done = subprocess.run(
        [*COMMAND, "--port", "0", "--secret", secret], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "--secret is none" in done.stderr
