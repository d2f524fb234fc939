"""Names and identities compare bytewise; a profile's row leaves more room, for it is updated with every event."""

import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0002_partition_events"),
        ("tenants", "0002_public_ids_and_lasting_audit"),
    ]

    operations = [
        migrations.RunSQL("ALTER TABLE audiences_profile SET (fillfactor = 70)", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="event",
            name="name",
            field=models.TextField(db_collation="C"),
        ),
        migrations.AlterField(
            model_name="eventtotal",
            name="name",
            field=models.TextField(db_collation="C"),
        ),
        migrations.AlterField(
            model_name="identity",
            name="kind",
            field=models.CharField(
                choices=[
                    ("external_id", "External Id"),
                    ("anonymous_id", "Anonymous Id"),
                    ("email", "Email"),
                    ("phone", "Phone"),
                    ("device", "Device"),
                ],
                db_collation="C",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="identity",
            name="value",
            field=models.TextField(db_collation="C"),
        ),
        migrations.AddIndex(
            model_name="profile",
            index=models.Index(
                models.F("tenant"),
                django.db.models.functions.comparison.Collate(
                    django.db.models.functions.text.Lower("first_name"), "C"
                ),
                name="profile_first_name",
            ),
        ),
        migrations.AddIndex(
            model_name="profile",
            index=models.Index(
                models.F("tenant"),
                django.db.models.functions.comparison.Collate(
                    django.db.models.functions.text.Lower("last_name"), "C"
                ),
                name="profile_last_name",
            ),
        ),
    ]
