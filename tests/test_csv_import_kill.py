"""Killed while a CSV file comes in: the next run goes on, and the end is that of a run that was left alone.

POPULACE_KILL_ROUNDS asks for more rounds than the few of an ordinary run.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import populace
from engine.storage.file_imports import ImportStatus

ROOT = Path(__file__).parents[1]
ROUNDS = int(os.environ.get("POPULACE_KILL_ROUNDS", "3"))
ROWS = 1_500 * ROUNDS

WORK = """
import sys
from pathlib import Path
import populace
from ingest.csv_import import reader
from ingest.csv_import.settings import ImportSettings

reader.parts.__kwdefaults__["part_bytes"] = 20_000
path = Path(sys.argv[2])
with populace.open(sys.argv[1]) as shop:
    settings = shop.imports.propose(path).settings.model_copy(update={"lists": ("news",), "tags": ("in",)})
    item = shop.imports.begin(path, settings)
    print("begun", item.counts.row_count, flush=True)
    shop.imports.run(item.id, portion_rows=300, on_progress=lambda now: print(now.counts.row_count, flush=True))
    print("done", flush=True)
"""

_ALL = {
    "contacts": "SELECT contact_id, email, first_name, external_id, phone, phone_is_valid, orders_count, zone_id, tags",
    "subscriptions": "SELECT contact_id, list_id, status",
    "identities": "SELECT identity, contact_id",
    "timeline": "SELECT contact_id, kind, entity_id",
    "file_imports": "SELECT state, row_count, new_count, changed_count, repeated_count, rejected_count, rejected_bytes",
}


def make_file(path: Path) -> None:
    choose = random.Random(7)
    lines = ["E-Mail;Vorname;Kundennummer;Telefon;Bestellungen;Zeitzone;Newsletter"]
    for number in range(ROWS):
        who = choose.randrange(ROWS // 2)
        email = "bad" if choose.random() < 0.02 else f"p{who}@x.example"
        name = f'"Ann\n{number}"' if number % 50 == 0 else f"Ann {number}" if number % 3 else ""
        status = choose.choice(["ja", "nein", ""])
        phone = f"+49171{2_000_000 + who}"
        lines.append(f"{email};{name};k{who};{phone};{number % 9};Europe/Berlin;{status}")
        if number % 500 == 0:
            lines.append(f'p{number}@x.example;"x" y;;;;;')
    path.write_text("\r\n".join(lines), encoding="utf-8", newline="")


def state_of(folder: Path) -> dict[str, Any]:
    with populace.open(folder) as shop:
        assert shop.check().is_clean
        (item,) = shop.imports.all()
        assert item.state is ImportStatus.DONE
        found: dict[str, Any] = {
            name: sorted(shop._store.rows(f"{query} FROM {name}"), key=repr) for name, query in _ALL.items()
        }
        found["rejected"] = b"".join(shop.imports.rejected(item.id))
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    return found


def begun(folder: Path, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORK, str(folder), str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def test_a_killed_import_ends_as_one_that_was_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    make_file(path)
    for name in ("alone", "killed"):
        with populace.init(tmp_path / name) as shop:
            shop.lists.save("news")
    out, _ = begun(tmp_path / "alone", path).communicate(timeout=300)
    assert out.splitlines()[-1] == "done"
    choose, done_counts = random.Random(3), [0]
    for _ in range(ROUNDS):
        process = begun(tmp_path / "killed", path)
        assert process.stdout is not None
        word, count = process.stdout.readline().split()
        assert (word, int(count) >= done_counts[-1]) == ("begun", True)
        for _ in range(choose.randrange(1, 3)):
            done_counts.append(int(process.stdout.readline()))
        time.sleep(choose.uniform(0, 0.1))  # somewhere in the next one
        process.kill()
        process.communicate()
    last = begun(tmp_path / "killed", path)
    out, _ = last.communicate(timeout=300)
    assert out.splitlines()[-1] == "done"
    assert sorted(set(done_counts)) == done_counts  # what was reported was never done again
    assert state_of(tmp_path / "killed") == state_of(tmp_path / "alone")
