"""Occasions wait, open and close: plans say from when and until when their people's hours are."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0010_schedules"),
        ("delivery", "0009_frequency_caps"),
        ("tenants", "0004_quiet_hours"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="plan", name="plan_due"),
        migrations.AddField(
            model_name="plan", name="due_until", field=models.DateTimeField(null=True), preserve_default=False
        ),
        migrations.AddField(
            model_name="plan", name="opens_at", field=models.DateTimeField(null=True), preserve_default=False
        ),
        migrations.AddField(
            model_name="plan", name="opened_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(model_name="plan", name="recalls", field=models.BooleanField(default=False)),
        migrations.RunSQL(
            "UPDATE delivery_plan SET opens_at = occasion_at, opened_at = occasion_at, due_until = occasion_at",
            migrations.RunSQL.noop,
        ),
        # Checked at once, so that the table may be altered in the same transaction as its rows.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.AlterField(model_name="plan", name="due_until", field=models.DateTimeField()),
        migrations.AlterField(model_name="plan", name="opens_at", field=models.DateTimeField()),
        migrations.AddIndex(
            model_name="plan",
            index=models.Index(
                condition=models.Q(("done_at__isnull", True)), fields=["tenant", "opens_at"], name="plan_open"
            ),
        ),
    ]
