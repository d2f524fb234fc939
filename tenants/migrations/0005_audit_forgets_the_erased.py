"""The audit log goes on lasting, but says no longer who somebody was who has been erased."""

from django.db import migrations

# A second change it lets by: the name and the values of entries about a person, for whoever says so in the same
# transaction: SELECT set_config('tact.forget_person_of', '<tenant id>', true).
FUNCTION = """
CREATE OR REPLACE FUNCTION tact_audit_lasts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('tact.forget_audit_of', true) = OLD.tenant_id::text THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.actor_id IS NULL
       AND to_jsonb(NEW) - 'actor_id' = to_jsonb(OLD) - 'actor_id' THEN
        RETURN NEW;
    END IF;
{forgets}    RAISE EXCEPTION 'audit entries stay as they were written' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
"""
FORGETS = """    IF TG_OP = 'UPDATE' AND current_setting('tact.forget_person_of', true) = OLD.tenant_id::text
       AND to_jsonb(NEW) - '{thing_name,changes}'::text[] = to_jsonb(OLD) - '{thing_name,changes}'::text[] THEN
        RETURN NEW;
    END IF;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_quiet_hours")]
    operations = [
        migrations.RunSQL(FUNCTION.replace("{forgets}", FORGETS), FUNCTION.replace("{forgets}", ""))
    ]
