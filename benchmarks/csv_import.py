"""How fast an ugly CSV file comes in, how much memory that takes, and whether kills on the way change anything.

A file of 60 columns with a byte order mark, quoted line breaks, mixed dates, decimal commas, numbers in national form,
3 % contacts that come again and 1 % bad rows is brought into a workspace by `populace import-csv`, once undisturbed and
once killed on the way; the two workspaces must hold the same.

    python -m benchmarks.csv_import --rows 2000000 --kills 10
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import populace

_FIRST = ("Ada", "José", "Müller", "Zoë", "Анна", "Lee", "Maria", "Ben", "Chloé", "王")
_LAST = ("Lovelace", "García", "O'Neil", "van Dijk", "Smith", "Иванова", "Nguyen", "Åberg", "Kim", "Brown")
_COUNTRIES = ("DE", "France", "United States", "GB", "nl", "ESP", "Japan", "", "US", "IT")
_HEADER = (
    *("E-Mail", "Vorname", "Nachname", "Telefon", "Kunden-ID", "Sprache", "Zeitzone", "Position", "Straße"),
    *("Adresszusatz", "Land", "Bundesland", "PLZ", "Gesamtumsatz", "Bestellungen", "Letzte Bestellung", "Erstellt am"),
    *("Tags", "Newsletter"),
    *(f"Text {number}" for number in range(1, 17)),
    *(f"Zahl {number}" for number in range(1, 11)),
    *(f"Datum {number}" for number in range(1, 6)),
    *(f"Ja {number}" for number in range(1, 6)),
    *(f"Rest {number}" for number in range(1, 6)),
)
_WHAT = {
    "contacts": "SELECT * EXCLUDE (created_at, updated_at) FROM contacts",
    "subscriptions": "SELECT contact_id, list_id, status FROM subscriptions",
    "identities": "SELECT identity, contact_id FROM identities",
    "journal": "SELECT contact_id, kind FROM timeline",
}


def _date(row: int, column: int) -> str:
    year, month, day = 2015 + (row * 7 + column) % 10, 1 + (row + column) % 12, 1 + (row * 3 + column) % 28
    return (
        f"{year}-{month:02}-{day:02}",
        f"{day:02}.{month:02}.{year}",
        f"{year}-{month:02}-{day:02} {row % 24:02}:{row % 60:02}:00",
        f"{day:02}.{month:02}.{year} {row % 24:02}:{row % 60:02}",
    )[(row + column) % 4]


def _phone(row: int) -> str:
    number = 1_000_000 + row % 8_999_999
    if row % 5 == 0:
        return f"0171 {number}"
    return (
        f"+49 171 {number}",
        f"+33 6 1{number}",
        f"+1 (212) {200 + row % 700}-{row % 10_000:04}",
        f"+44 7700 {row % 1_000_000:06}",
    )[row % 4]


def _rows(count: int) -> Iterator[list[str] | str]:
    choose = random.Random(7)
    for row in range(count):
        who = row if choose.random() > 0.03 else choose.randrange(max(row, 1))
        email = f"Person{who}@shop{who % 5000}.example"
        cells = [
            *(email.upper() if who % 3 == 0 else email, _FIRST[row % 10], _LAST[row // 3 % 10], _phone(row)),
            *(f"K{who}", ("de", "fr", "en-US", "nl")[row % 4]),
            *(("Europe/Berlin", "America/New_York", "", "Asia/Tokyo")[row % 4], 'Chef "de" cuisine' * (row % 50 == 0)),
            *(f"Hauptstr. {row % 300}", "2. OG;\nhinten" * (row % 20 == 0), _COUNTRIES[row % 10], "Bayern"),
            *(f"{row % 99_999:05}", f"{row % 9000},{row % 100:02} €", str(row % 40), _date(row, 1), _date(row, 2)),
            *("vip,neu" * (row % 9 == 0), ("ja", "nein", "1")[row % 3]),
        ]
        for column in range(16):
            is_null = (row + column) % 11 == 0
            cells.append("NULL" if is_null else f"wert {row * column % 5000} ist lang genug")
        cells += [f"{row * column % 100_000},{column}" * ((row + column) % 7 > 0) for column in range(10)]
        cells += [_date(row, column) for column in range(5)]
        cells += ["ja" if (row + column) % 2 else "nein" for column in range(5)]
        cells += [f"x{column}" for column in range(5)]
        luck = choose.random()
        if luck < 0.004:
            cells[0] = "kein-mail"
        elif luck < 0.006:
            cells[13] = "viel"
        elif luck < 0.008:
            cells = cells[:40]
        yield f'{email};"kaputt" x;' + ";" * 57 if 0.008 <= luck < 0.01 else cells


def make_file(path: Path, count: int) -> None:
    """Write the file. Columns: 60."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
        writer.writerow(_HEADER)
        for cells in _rows(count):
            if isinstance(cells, str):
                file.write(f"{cells}\r\n")
            else:
                writer.writerow(cells)


def _command(workspace: Path, path: Path) -> list[str]:
    code = "from api.cli.entry import main; main()"
    options = ["--keep-all", "--list", "news", "--tag", "imported", "--phone-country", "DE", "--yes", "--quiet"]
    return [sys.executable, "-c", code, "import-csv", str(workspace), str(path), *options]


def _undisturbed(workspace: Path, path: Path, count: int) -> float:
    began = time.monotonic()
    subprocess.run(_command(workspace, path), check=True)
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"undisturbed: {seconds:.1f} s, {count / seconds:,.0f} rows/s with start and end, peak {peak:,.0f} MiB")
    return seconds


def _killed(workspace: Path, path: Path, kills: int, seconds: float) -> None:
    choose = random.Random(11)
    for number in range(kills):
        process = subprocess.Popen(_command(workspace, path))
        time.sleep(3 + choose.uniform(0.5, 1.5) * seconds / (kills + 1))
        process.kill()
        process.wait()
        with populace.open(workspace, read_only=True) as shop:
            done = [item.counts.row_count for item in shop.imports.all()]
        print(f"kill {number + 1}: {sum(done):,} rows in")
    subprocess.run(_command(workspace, path), check=True)


def _contents(workspace: Path) -> dict[str, object]:
    """What a workspace holds, table by table: how many rows, and a hash of all, in whatever order."""
    found: dict[str, object] = {}
    with populace.open(workspace) as shop:
        for name, query in _WHAT.items():
            rows = f"SELECT hash(t)::HUGEINT AS row_hash FROM ({query}) AS t"
            found[name] = shop._store.rows(f"SELECT count(*), sum(row_hash) FROM ({rows})")
        (item,) = shop.imports.all()
        found["counts"], found["state"] = item.counts, item.state.value
        found["rejected"] = hashlib.sha256(b"".join(shop.imports.rejected(item.id))).hexdigest()
        found["is clean"] = shop.check().is_clean
    return found


def main() -> None:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--kills", type=int, default=10)
    asked = parser.parse_args()
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).parents[1]))
    with tempfile.TemporaryDirectory(prefix="populace-bench-") as folder:
        path = Path(folder) / "customers.csv"
        make_file(path, asked.rows)
        print(f"{asked.rows:,} rows of {len(_HEADER)} columns, {path.stat().st_size / 1e6:,.0f} MB")
        for name in ("alone", "killed"):
            with populace.init(Path(folder) / name) as shop:
                shop.lists.save("news")
        seconds = _undisturbed(Path(folder) / "alone", path, asked.rows)
        if asked.kills:
            _killed(Path(folder) / "killed", path, asked.kills, seconds)
            alone, killed = _contents(Path(folder) / "alone"), _contents(Path(folder) / "killed")
            print(f"killed {asked.kills} times: {'the same' if alone == killed else f'NOT THE SAME {alone} {killed}'}")
            print(alone)


if __name__ == "__main__":
    main()
