"""How far an erasure has looked for what names somebody."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audiences", "0010_erasure")]
    operations = [
        migrations.AddField(
            model_name="erasure", name="calls_before", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(model_name="erasure", name="files_to", field=models.BigIntegerField(default=0)),
    ]
