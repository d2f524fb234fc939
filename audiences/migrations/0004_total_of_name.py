"""Who ever did something is looked up by the event's name, without reading the totals themselves."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0003_compare_bytes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="eventtotal",
            index=models.Index(
                fields=["tenant", "name", "profile"], include=("first_at",), name="event_total_of_name"
            ),
        ),
    ]
