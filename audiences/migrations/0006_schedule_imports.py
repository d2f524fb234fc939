"""Stalled imports are taken up again every minute; receipts and refused calls are forgotten every day."""

from django.db import migrations

SCHEDULES = {
    "tact imports": {
        "func": "audiences.tasks.resume_imports",
        "schedule_type": "I",
        "minutes": 1,
        "repeats": -1,
    },
    "tact prune": {"func": "audiences.tasks.prune", "schedule_type": "D", "repeats": -1},
}


def schedule(apps, schema_editor):
    for name, fields in SCHEDULES.items():
        apps.get_model("django_q", "Schedule").objects.get_or_create(name=name, defaults=fields)


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0005_plurals"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]
    operations = [migrations.RunPython(schedule, migrations.RunPython.noop)]
