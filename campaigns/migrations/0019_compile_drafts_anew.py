"""Drafts written so far are compiled anew once: some may hold what a source or a block said before."""

from django.db import migrations

MARK = """
UPDATE campaigns_content c SET is_stale = true FROM campaigns_variant a JOIN campaigns_version v ON v.id = a.version_id
WHERE a.id = c.variant_id AND v.launched_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0018_stale_contents")]

    operations = [migrations.RunSQL(MARK, migrations.RunSQL.noop)]
