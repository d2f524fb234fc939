"""What somebody asked for was never held back by a cap: versions from before there were caps keep it so."""

from django.db import migrations

EXEMPT = """
UPDATE campaigns_version v SET is_cap_exempt = true
FROM campaigns_campaign c
WHERE c.tenant_id = v.tenant_id AND c.id = v.campaign_id AND c.message_class = 'transactional'
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0005_when_capped")]
    operations = [migrations.RunSQL(EXEMPT, migrations.RunSQL.noop)]
