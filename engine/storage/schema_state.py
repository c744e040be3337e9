"""The schema of a file: recognised, and brought up to date."""

from __future__ import annotations

from pathlib import Path

import duckdb

from engine.definition.points import iana_zones
from engine.errors import StoreError
from engine.storage.migrations import latest_version, migrate


def is_current(path: Path, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file has the latest schema and all time zones. Raises: StoreError if it is not one of ours."""
    try:
        ((found,),) = connection.execute("SELECT schema_version FROM workspace").fetchall()
    except (duckdb.CatalogException, duckdb.BinderException, ValueError) as error:
        raise StoreError(f"{path}: is a database, but not one that populace made") from error
    if found > latest_version():
        raise StoreError(
            f"{path}: was written by a newer populace (schema {found}; this one knows up to {latest_version()}); "
            "upgrade populace to open it"
        )
    ((zone_count,),) = connection.execute("SELECT count(*) FROM zones").fetchall()
    return bool(found == latest_version() and zone_count >= len(iana_zones()))


def bring_up_to_date(connection: duckdb.DuckDBPyConnection) -> None:
    """Migrate the schema, and learn the time zones that the zone database got since."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        ((found,),) = cursor.execute("SELECT schema_version FROM workspace").fetchall()
        migrate(cursor, found)
        add_missing_zones(cursor)
        cursor.execute("COMMIT")


def add_missing_zones(cursor: duckdb.DuckDBPyConnection) -> None:
    """Number the IANA zones that have no number yet, and give them to the contacts that name them."""
    cursor.execute(
        """
        INSERT INTO zones
        WITH given AS (SELECT unnest($1) AS name)
        SELECT (SELECT coalesce(max(zone_id), 0) FROM zones) + row_number() OVER (ORDER BY name), name
        FROM given WHERE name NOT IN (SELECT name FROM zones)
        """,
        [sorted(iana_zones())],
    )
    cursor.execute(
        """
        UPDATE contacts SET zone_id = zones.zone_id FROM zones
        WHERE contacts.zone_id = 0 AND contacts.timezone = zones.name
        """
    )
