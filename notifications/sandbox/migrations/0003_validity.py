from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sandbox', '0002_percent'),
    ]

    operations = [
        migrations.AddField(
            model_name='sandboxmessage',
            name='validity_period',
            field=models.PositiveIntegerField(null=True),
        ),
    ]
