"""What is left to forget of whom, and addresses that refused; erasures that stalled are taken up every minute."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


def schedule(apps, schema_editor):
    fields = {"func": "audiences.tasks.resume_erasures", "schedule_type": "I", "minutes": 1, "repeats": -1}
    apps.get_model("django_q", "Schedule").objects.get_or_create(name="tact erasures", defaults=fields)


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0009_presence"),
        ("tenants", "0005_audit_forgets_the_erased"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.CreateModel(
            name="ErasedAddress",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(choices=[("email", "Email"), ("phone", "Phone")], max_length=5)),
                ("digest", models.CharField(max_length=64)),
                (
                    "refused",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("bounced", "Bounced"),
                            ("complained", "Complained"),
                            ("manual", "Manual"),
                            ("erased", "Erased"),
                        ],
                        max_length=12,
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "erased addresses",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "kind", "digest"), name="erased_address_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "known",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                (
                    "profile",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="audiences.profile",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("done_at__isnull", True)), fields=["id"], name="erasure_underway"
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("tenant", "profile"), name="erasure_once")],
            },
        ),
        migrations.RunPython(schedule, migrations.RunPython.noop),
    ]
