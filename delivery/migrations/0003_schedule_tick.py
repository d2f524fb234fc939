"""The one schedule of our own in the queue, and the numbers that fence off whoever lost a lease."""

from django.db import migrations


def schedule(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.get_or_create(
        name="tact tick",
        defaults={"func": "delivery.tasks.tick", "schedule_type": "I", "minutes": 1, "repeats": -1},
    )


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0002_partition_deliveries"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [
        migrations.RunPython(schedule, migrations.RunPython.noop),
        migrations.RunSQL(
            "CREATE SEQUENCE delivery_lease_token AS bigint", "DROP SEQUENCE delivery_lease_token"
        ),
    ]
