"""The engines by name, each started when it is asked for: most tests need none of them."""

# ruff: noqa: PLC0415  # ClickHouse alone is half a gigabyte to import

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engines.engine import Engine


@contextmanager
def running_engine(name: str, folder: Path) -> Iterator[Engine]:
    """An engine while the context lasts; one that is not installed skips its tests, loudly."""
    match name:
        case "duckdb":
            from tests.engines.duckdb import DuckDb

            yield DuckDb()
        case "postgres":
            from tests.engines.postgres import postgres_folder, running_postgres

            binaries = postgres_folder()
            if binaries is None:
                pytest.skip("NO POSTGRESQL: initdb is nowhere to be found; on Debian: apt-get install postgresql")
            with running_postgres(binaries) as postgres:
                yield postgres
        case "clickhouse":
            from tests.engines.clickhouse import running_clickhouse

            with running_clickhouse(folder) as clickhouse:
                yield clickhouse
        case "spark":
            if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
                pytest.skip("NO SPARK: it wants Java 17; on Debian: apt-get install default-jre-headless")
            from tests.engines.spark import running_spark

            with running_spark(folder) as spark:
                yield spark
        case _:
            raise ValueError(name)
