"""Memberships, invitations and keys get ids that pages may show; a trigger keeps audit entries as they were written."""

import uuid

from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models

# The one change it lets by: a user goes, and the entry keeps only the name. A whole tenant's history goes with the
# tenant, for whoever says so in the same transaction: SELECT set_config('tact.forget_audit_of', '<tenant id>', true).
KEEP = """
CREATE FUNCTION tact_audit_lasts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('tact.forget_audit_of', true) = OLD.tenant_id::text THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.actor_id IS NULL
       AND to_jsonb(NEW) - 'actor_id' = to_jsonb(OLD) - 'actor_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit entries stay as they were written' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER audit_lasts BEFORE UPDATE OR DELETE ON tenants_auditentry
    FOR EACH ROW EXECUTE FUNCTION tact_audit_lasts();
"""

LET_GO = """
DROP TRIGGER audit_lasts ON tenants_auditentry;
DROP FUNCTION tact_audit_lasts();
"""


def public_id(model: str) -> migrations.AddField:
    """The database makes each row's own: a default in Python would be the same for all rows there are."""
    field = models.UUIDField(db_default=RandomUUID(), default=uuid.uuid4, editable=False, unique=True)
    return migrations.AddField(model_name=model, name="public_id", field=field)


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]
    operations = [
        public_id("membership"),
        public_id("invitation"),
        public_id("apikey"),
        migrations.RunSQL(KEEP, LET_GO),
    ]
