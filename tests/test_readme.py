"""What the README shows is what happens."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_readme_run_in_order(tmp_path: Path) -> None:
    """All but make, which sets up and runs this very test."""
    commands = [line for block in blocks("sh") for line in block.splitlines() if not line.startswith("make ")]
    assert [line.split()[1] for line in commands] == [
        *("generate", "run", "run", "init", "import", "preview", "segments", "segments"),
        *("recompute", "segments", "segments", "members", "sql"),
    ]
    (definition,) = blocks("json")
    (tmp_path / "segments.json").write_text(definition, "utf-8")
    launcher = tmp_path / "bin" / "populace"
    launcher.parent.mkdir()
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from api.cli.entry import main; main()" "$@"\n')
    launcher.chmod(0o755)
    environment = {**os.environ, "PATH": f"{launcher.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for command in commands:
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (tmp_path / "members.csv").read_text().startswith("segment_id,email\nvip-readers,")
    assert (tmp_path / "sql" / "memberships.txt").exists()
    assert (tmp_path / "vip-readers.csv").read_text().startswith("email\n")

    (python,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", python], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "email" in done.stdout) == (0, True), done.stderr


def test_the_transcript_over_http_runs(tmp_path: Path) -> None:
    (script,) = blocks("bash")
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
        port, other_port = free.getsockname()[1], other.getsockname()[1]
    command = tmp_path / "bin" / "populace"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m api.cli.entry "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{command.parent}:{os.environ['PATH']}"}
    script = script.replace("8080", str(port)).replace("8090", str(other_port))
    whole = f"set -euo pipefail\ntrap 'kill $(jobs -p); wait' EXIT\n{script}"
    done = subprocess.run(
        ["bash", "-c", whole], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr + (tmp_path / "server.log").read_text()
    said = done.stdout
    assert said.count('"change":"entered"') == said.count('"change":"left"') == 1
    assert '"cause":"data"' in said.partition('"change":"left"')[0]
    assert '"cause":"time"' in said.partition('"change":"left"')[2]
    told = [json.loads(text) for text in re.findall(r'\{"type":"segment\..*', said)]
    assert [(item["type"], item["data"]["contact"]["email"], item["data"]["cause"]) for item in told] == [
        ("segment.joined", "ada@example.com", "data"),
        ("segment.left", "ada@example.com", "time"),
    ]
    assert '{"is_member":true' in said
    assert "leaves" in said or '"next_change_at":"2' in said
    assert '{"kind":"open_email","n":1}' in said


def test_every_make_target_of_the_readme_is_there() -> None:
    targets = re.findall(r"make ([a-z]+)", README)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_every_link_of_the_docs_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_command_is_in_the_readme_or_the_demo() -> None:
    help_text = subprocess.run(
        [sys.executable, "-c", "from api.cli.entry import main; main()", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
    ).stdout
    commands = re.findall(r"^│ ([a-z]+)  ", help_text, flags=re.MULTILINE)
    assert commands
    for command in commands:
        assert f"populace {command}" in README or f"make {command}" in README, command
