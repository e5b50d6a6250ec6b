from django.db import migrations

# TRUNCATE stays possible: it is how test databases are emptied, and an application role need not be granted it.
REFUSE_CHANGES = """
create function events_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'The event log is append-only: % of % is refused.', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end
$$;
create trigger event_append_only before update or delete on events_event
    for each statement execute function events_refuse_change();
"""
ALLOW_CHANGES = """
drop trigger event_append_only on events_event;
drop function events_refuse_change();
"""

# Rows live for milliseconds, so dead rows are what fills this table: vacuum early and at full speed.
QUEUE_STORAGE = """
alter table events_outbox set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
"""
DEFAULT_STORAGE = """
alter table events_outbox reset (fillfactor, autovacuum_vacuum_scale_factor,
    autovacuum_vacuum_threshold, autovacuum_vacuum_cost_delay);
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE_CHANGES, ALLOW_CHANGES),
        migrations.RunSQL(QUEUE_STORAGE, DEFAULT_STORAGE),
    ]
