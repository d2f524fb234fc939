"""What failed or stayed without an answer is found by when, without walking through all that was sent."""

from django.db import migrations, models

ADD = """
CREATE INDEX delivery_trouble ON delivery_delivery (tenant_id, settled_at) WHERE state IN ('failed', 'unknown');
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0010_agenda")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(ADD, "DROP INDEX delivery_trouble;")],
            state_operations=[
                migrations.AddIndex(
                    model_name="delivery",
                    index=models.Index(
                        fields=["tenant", "settled_at"],
                        condition=models.Q(state__in=["failed", "unknown"]),
                        name="delivery_trouble",
                    ),
                ),
            ],
        )
    ]
