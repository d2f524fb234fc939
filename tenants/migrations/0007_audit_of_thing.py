"""What the log says about one thing, or person, is found by an index."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("tenants", "0006_brand")]
    operations = [
        AddIndexConcurrently(
            model_name="auditentry",
            index=models.Index(fields=["tenant", "thing", "thing_id"], name="audit_of_thing"),
        ),
    ]
