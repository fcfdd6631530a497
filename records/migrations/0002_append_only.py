"""Events and the access log only grow."""

from django.db import migrations

from records.append_only import FUNCTION, append_only


class Migration(migrations.Migration):
    dependencies = [("records", "0001_initial")]

    operations = [FUNCTION, append_only("records_event"), append_only("records_accesslog")]
