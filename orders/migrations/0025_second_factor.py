from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0024_erasing_requests_by_age"),
        # Groups are brought in line after every migration, and what that changes is logged.
        ("audit", "0001_initial"),
    ]
    operations = [
        migrations.AlterField(
            model_name="failedsignins",
            name="counted_by",
            field=models.CharField(
                choices=[
                    ("user_at_address", "User and address"),
                    ("user", "User"),
                    ("address", "Address"),
                    ("device", "Known device"),
                    ("code", "Second factor of a user"),
                ],
                max_length=20,
            ),
        ),
    ]
