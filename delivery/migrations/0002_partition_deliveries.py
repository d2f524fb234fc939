"""Deliveries become a table partitioned by month; the database's key is (id, occasion_at)."""

from django.db import migrations

PARTITION = """
ALTER TABLE delivery_delivery RENAME TO delivery_delivery_plain;
CREATE TABLE delivery_delivery (LIKE delivery_delivery_plain INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (occasion_at);
DROP TABLE delivery_delivery_plain;
CREATE SEQUENCE delivery_delivery_id_seq AS bigint OWNED BY delivery_delivery.id;
ALTER TABLE delivery_delivery
    ALTER COLUMN id SET DEFAULT nextval('delivery_delivery_id_seq'),
    ADD PRIMARY KEY (id, occasion_at),
    ADD CONSTRAINT delivery_once UNIQUE (tenant_id, campaign_id, profile_id, occasion, slot, occasion_at);
CREATE INDEX delivery_due ON delivery_delivery (tenant_id, channel, priority, due_at) WHERE state = 'planned';
CREATE INDEX delivery_in_doubt ON delivery_delivery (lease_until) WHERE state = 'sending';
CREATE INDEX delivery_of_profile ON delivery_delivery (tenant_id, profile_id, exposed_at);
"""

# What the set-wise INSERT ... SELECT leaves out.
DEFAULTS = """
ALTER TABLE delivery_delivery
    ALTER COLUMN slot SET DEFAULT 'first',
    ALTER COLUMN priority SET DEFAULT 3,
    ALTER COLUMN state SET DEFAULT 'planned',
    ALTER COLUMN lease_token SET DEFAULT 0,
    ALTER COLUMN attempts SET DEFAULT 0,
    ALTER COLUMN arm SET DEFAULT '',
    ALTER COLUMN reason SET DEFAULT '',
    ALTER COLUMN address SET DEFAULT '',
    ALTER COLUMN provider_id SET DEFAULT '',
    ALTER COLUMN reply SET DEFAULT '';
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]
    operations = [
        migrations.RunSQL(PARTITION, migrations.RunSQL.noop),
        migrations.RunSQL(DEFAULTS, migrations.RunSQL.noop),
    ]
