"""What is due is looked up by campaign: a paused one with a million waiting rows costs the others nothing."""

from django.db import migrations, models

SWAP = """
DROP INDEX delivery_due;
CREATE INDEX delivery_due ON delivery_delivery (tenant_id, campaign_id, due_at) WHERE state = 'planned';
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0005_results_from_rows")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(SWAP, migrations.RunSQL.noop)],
            state_operations=[
                migrations.RemoveIndex(model_name="delivery", name="delivery_due"),
                migrations.AddIndex(
                    model_name="delivery",
                    index=models.Index(
                        fields=["tenant", "campaign", "due_at"],
                        condition=models.Q(state="planned"),
                        name="delivery_due",
                    ),
                ),
            ],
        )
    ]
