"""Events become a table partitioned by month; the database's key is (id, occurred_at)."""

from django.db import migrations

PARTITION = """
ALTER TABLE audiences_event RENAME TO audiences_event_plain;
CREATE TABLE audiences_event (LIKE audiences_event_plain INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (occurred_at);
DROP TABLE audiences_event_plain;
CREATE SEQUENCE audiences_event_id_seq AS bigint OWNED BY audiences_event.id;
ALTER TABLE audiences_event
    ALTER COLUMN id SET DEFAULT nextval('audiences_event_id_seq'),
    ADD PRIMARY KEY (id, occurred_at);
CREATE INDEX event_of_profile ON audiences_event (tenant_id, profile_id, name, occurred_at);
CREATE INDEX event_of_name ON audiences_event (tenant_id, name, occurred_at) INCLUDE (profile_id);
"""

# Rows that are updated again and again leave room for their next version beside the old one.
LEAVE_ROOM = """
ALTER TABLE audiences_profile SET (fillfactor = 85);
ALTER TABLE audiences_eventtotal SET (fillfactor = 85);
"""


class Migration(migrations.Migration):
    dependencies = [("audiences", "0001_initial")]
    operations = [
        migrations.RunSQL(PARTITION, migrations.RunSQL.noop),
        migrations.RunSQL(LEAVE_ROOM, migrations.RunSQL.noop),
    ]
