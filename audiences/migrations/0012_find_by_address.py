"""Whoever goes by an address is found by an index; made while people go on coming in."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("audiences", "0011_erasing_in_portions")]
    operations = [
        AddIndexConcurrently(
            model_name="profile",
            index=models.Index(
                F("tenant"),
                Lower("email"),
                condition=Q(email__lt=Lower("email")) | Q(email__gt=Lower("email")),
                name="profile_email_capitals",
            ),
        ),
        AddIndexConcurrently(
            model_name="profile",
            index=models.Index(
                fields=["tenant", "phone"], condition=Q(phone__isnull=False), name="profile_phone"
            ),
        ),
    ]
