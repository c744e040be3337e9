"""A small published file: few rows, views over base tables, one row that no view shows."""

from __future__ import annotations

from pathlib import Path

import duckdb

SECRET = "not-to-be-seen"

_SCRIPT = """
CREATE TABLE base_contacts (
    contact_id INTEGER, email VARCHAR, country VARCHAR, lifetime_value DOUBLE, created_at TIMESTAMP,
    custom_json_1 VARCHAR, tags VARCHAR[]
);
INSERT INTO base_contacts VALUES
    (0, 'ada@x.example', 'FR', 120.5, '2026-01-01', '{"plan": {"seats": 3}}', ['new', 'vip']),
    (1, 'bo@x.example', NULL, 0, '2026-01-02 10:00:00', NULL, []),
    (2, 'cy@x.example', 'US', 80, '2026-02-01', '{"plan": {"seats": 12}}', ['vip']),
    (3, 'di@x.example', 'US', NULL, '2026-03-01', '{}', NULL);
CREATE TABLE base_timeline (contact_id INTEGER, kind VARCHAR, occurred_at TIMESTAMP, properties VARCHAR);
INSERT INTO base_timeline VALUES
    (0, 'open_email', '2026-05-01 10:00:00', NULL),
    (0, 'click_email', '2026-05-01 10:05:00', '{"link": 1}'),
    (0, 'open_email', '2026-05-03', NULL),
    (2, 'open_email', '2026-05-02', NULL);
CREATE TABLE base_custom_events (
    contact_id INTEGER, event_name VARCHAR, external_id VARCHAR, occurred_at TIMESTAMP, goal_value DECIMAL(38,9),
    deleted_at TIMESTAMP
);
INSERT INTO base_custom_events VALUES
    (0, 'order', 'o1', '2026-05-02', 99.5, NULL),
    (2, 'order', 'o2', '2026-05-04', 0.1, NULL),
    (2, 'order', 'not-to-be-seen', '2026-05-04', 5, '2026-05-05');
CREATE TABLE base_lists (id VARCHAR, name VARCHAR);
INSERT INTO base_lists VALUES ('news', 'News');
CREATE TABLE base_subscriptions (contact_id INTEGER, list_id VARCHAR, status VARCHAR);
INSERT INTO base_subscriptions VALUES (0, 'news', 'active'), (1, 'news', 'bounced');
CREATE TABLE base_segments (id VARCHAR, name VARCHAR);
INSERT INTO base_segments VALUES ('vip', 'VIP'), ('win-back', 'Win back');
CREATE TABLE base_memberships (segment_id VARCHAR, contact_id INTEGER);
INSERT INTO base_memberships VALUES ('vip', 0), ('vip', 2), ('win-back', 1);
CREATE TABLE base_secret AS SELECT 'not-to-be-seen' AS word;

CREATE VIEW contacts AS SELECT * EXCLUDE (contact_id) FROM base_contacts;
CREATE VIEW timeline AS
    SELECT c.email, e.* EXCLUDE (contact_id) FROM base_timeline AS e JOIN base_contacts AS c USING (contact_id);
CREATE VIEW custom_events AS
    SELECT c.email, e.* EXCLUDE (contact_id, deleted_at)
    FROM base_custom_events AS e JOIN base_contacts AS c USING (contact_id) WHERE e.deleted_at IS NULL;
CREATE VIEW lists AS FROM base_lists;
CREATE VIEW subscriptions AS
    SELECT c.email, s.* EXCLUDE (contact_id) FROM base_subscriptions AS s JOIN base_contacts AS c USING (contact_id);
CREATE VIEW segments AS FROM base_segments;
CREATE VIEW memberships AS
    SELECT m.segment_id, c.email FROM base_memberships AS m JOIN base_contacts AS c USING (contact_id);
CREATE SCHEMA segment;
CREATE VIEW segment."vip" AS
    SELECT * FROM contacts WHERE email IN (SELECT email FROM memberships WHERE segment_id = 'vip');
CREATE VIEW segment."win-back" AS
    SELECT * FROM contacts WHERE email IN (SELECT email FROM memberships WHERE segment_id = 'win-back');
"""


def published_file(folder: Path) -> Path:
    """The file, made in the folder."""
    path = folder / "published.duckdb"
    connection = duckdb.connect(str(path))
    connection.execute(_SCRIPT)
    connection.close()
    return path
