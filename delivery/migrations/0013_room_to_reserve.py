"""A row of uses leaves room for its next version: it is updated with every message to its person."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("delivery", "0012_rates")]

    operations = [
        migrations.RunSQL("ALTER TABLE delivery_capuse SET (fillfactor = 70)", migrations.RunSQL.noop),
    ]
