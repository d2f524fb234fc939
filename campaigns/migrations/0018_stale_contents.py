"""Drafts to be compiled anew are marked; those that a process left behind are taken up every minute."""

from django.db import migrations, models


def schedule(apps, schema_editor):
    fields = {"func": "campaigns.tasks.resume_compiling", "schedule_type": "I", "minutes": 1, "repeats": -1}
    apps.get_model("django_q", "Schedule").objects.get_or_create(name="tact drafts", defaults=fields)


def unschedule(apps, schema_editor):
    apps.get_model("django_q", "Schedule").objects.filter(name="tact drafts").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0017_blocks"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.AddField(
            model_name="content",
            name="is_stale",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddIndex(
            model_name="content",
            index=models.Index(
                condition=models.Q(("is_stale", True)), fields=["tenant"], name="content_stale"
            ),
        ),
        migrations.RunPython(schedule, unschedule),
    ]
