"""A version says what language its default words are in: so far they were in the brand's."""

from django.db import migrations, models

TENANTS_OWN = """
UPDATE campaigns_version v SET language = t.language
FROM tenants_tenant t
WHERE t.id = v.tenant_id AND v.language = ''
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0013_rate"), ("tenants", "__first__")]
    operations = [
        migrations.AddField(
            model_name="version",
            name="language",
            field=models.CharField(blank=True, max_length=35),
        ),
        migrations.AlterField(
            model_name="content",
            name="language",
            field=models.CharField(blank=True, max_length=35),
        ),
        migrations.RunSQL(TENANTS_OWN, migrations.RunSQL.noop),
    ]
