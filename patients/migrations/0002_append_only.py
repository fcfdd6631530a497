"""Addresses and consents only grow."""

from django.db import migrations

from records.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial"), ("records", "0002_append_only")]

    operations = [append_only("patients_address"), append_only("patients_consent")]
