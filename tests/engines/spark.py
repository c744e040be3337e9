"""Spark in a Java process of our own, with one thread."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.compile import tables
from engine.compile.dialects.spark import SPARK
from engine.definition.fields import FieldType
from engine.storage import Store
from tests.engines.engine import Member
from tests.engines.parquet import write_parquet

_TIME_ZONE = "spark.sql.session.timeZone"
_SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    _TIME_ZONE: "America/St_Johns",  # no answer may depend on it
    # Compiling Java takes longer than reading a few rows without.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.driver.memory": "1g",
}


class Spark:
    """A session whose tables are views over Parquet files."""

    dialect = "spark"

    def __init__(self, session: Any) -> None:
        self._session = session

    def fill(self, store: Store, fields: Mapping[str, FieldType], folder: Path) -> None:
        """Make the views anew, over the rows of the store."""
        write_parquet(store, fields, folder)
        for table in tables(fields):
            # With the types that we say it has, Spark need not look into the file.
            schema = ", ".join(f"`{name}` {SPARK.column_types[kind]}" for name, kind in table.columns.items())
            path = str(folder / f"{table.name}.parquet")
            self._session.read.schema(schema).parquet(path).createOrReplaceTempView(table.name)

    def drop(self) -> None:
        """Leave no view, and the session as it was made."""
        self._session.conf.set(_TIME_ZONE, _SETTINGS[_TIME_ZONE])
        for table in tables({}):
            self._session.catalog.dropTempView(table.name)

    def members(self, sql: str) -> list[Member]:
        """The rows of a script."""
        return [(str(segment_id), int(contact_id)) for segment_id, contact_id in self.rows(sql)]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return [tuple(row) for row in self._session.sql(sql).collect()]


@contextmanager
def running_spark(folder: Path) -> Iterator[Spark]:
    """A session while the context lasts."""
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of newer versions of pandas, which it is not asked for here
        from pyspark.sql import SparkSession  # noqa: PLC0415  # slow, and only where it is needed

        builder = SparkSession.builder.master("local[1]").config("spark.local.dir", str(folder))
        for name, value in _SETTINGS.items():
            builder = builder.config(name, value)
        handler = signal.getsignal(signal.SIGINT)
        session = builder.config("spark.sql.warehouse.dir", str(folder / "warehouse")).getOrCreate()
        signal.signal(signal.SIGINT, handler)  # it puts one of its own in its place
    session.sparkContext.setLogLevel("OFF")
    try:
        yield Spark(session)
    finally:
        session.stop()
