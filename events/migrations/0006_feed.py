"""The feed's tables and functions. To change a function, edit its file and add a migration that runs the file again."""

from pathlib import Path

from django.db import migrations, models

FUNCTIONS = (Path(__file__).parent.parent / "sql" / "events_feed.sql").read_text()
DROP_FUNCTIONS = """
drop function events_feed_number(integer, integer);
drop function events_feed_number_history(integer);
drop function events_feed_arrive();
"""

# Rows live for seconds, so dead rows are what fills the first table; each storefront has one row in the second.
STORAGE = """
alter table events_feed_arrival alter column id add generated always as identity;
alter table events_feed_arrival set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0);
alter table events_feed_head set (fillfactor = 50);
"""

# Making the trigger waits until everybody who is appending has committed, and holds back everybody else until this
# commits: whatever is in the log now is history, and all that follows arrives.
BEGIN = """
create trigger event_arrives_in_feed after insert on events_event referencing new table as added
    for each statement execute function events_feed_arrive();
insert into events_feed_history (stream_id, storefront_id, sequence)
    select '00000000-0000-0000-0000-000000000000', 0, 0 where exists (select from events_event);
"""
END = "drop trigger event_arrives_in_feed on events_event"


class Migration(migrations.Migration):
    dependencies = [("events", "0005_personal_data")]

    operations = [
        migrations.CreateModel(
            name="FeedArrival",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "storefront_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.BigIntegerField()),
                ("storefront_id", models.IntegerField()),
                ("event_id", models.UUIDField()),
            ],
            options={"db_table": "events_feed_arrival"},
        ),
        migrations.CreateModel(
            name="FeedEntry",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "storefront_id", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("storefront_id", models.IntegerField()),
                ("position", models.BigIntegerField()),
                ("event_id", models.UUIDField()),
            ],
            options={
                "db_table": "events_feed",
                "constraints": [models.UniqueConstraint(fields=("event_id",), name="feed_has_event_once")],
            },
        ),
        migrations.CreateModel(
            name="FeedHead",
            fields=[
                ("storefront_id", models.IntegerField(primary_key=True, serialize=False)),
                ("position", models.BigIntegerField()),
            ],
            options={"db_table": "events_feed_head"},
        ),
        migrations.CreateModel(
            name="FeedHistory",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("stream_id", models.UUIDField()),
                ("storefront_id", models.IntegerField()),
                ("sequence", models.IntegerField()),
            ],
            options={"db_table": "events_feed_history"},
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(BEGIN, END),
    ]
