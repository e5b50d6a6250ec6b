"""What becomes of orders while nobody knows their customer; new orders may be held up from the beginning."""

from pathlib import Path
from typing import Final

from django.db import migrations, models

_SQL: Final = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("orders", "0018_webhook_scope")]

    operations = [
        migrations.AddField(
            "storefront",
            "customer_policy",
            models.CharField(
                choices=[("refuse", "Refuse the order"), ("accept", "Accept it, held up for review")],
                db_default="refuse",
                default="refuse",
                help_text="What becomes of an order while the CustomerService cannot be asked.",
                max_length=10,
            ),
        ),
        migrations.RunSQL((_SQL / "orders_place.sql").read_text(), migrations.RunSQL.noop),
    ]
