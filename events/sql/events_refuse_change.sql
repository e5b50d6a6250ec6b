-- The log is append-only; but what tells of a person can be erased from it (`events/erasing.py`).
create or replace function events_refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and current_setting('events.erasing', true) = 'on' then
        return null;
    end if;
    raise exception 'The event log is append-only: % of % is refused.', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end
$$;
