-- What is told of an event: `reason`, and `data`. With `personal` all of it, `data.order` with the personal fields as
-- they were then; without it nothing that tells of a person. What was erased is told to nobody.
create or replace function events_told(event events_event, personal boolean)
returns table (reason text, data jsonb) language sql stable as $$
    select
        case when personal then coalesce(nullif(own.reason, ''), event.reason) else '' end,
        case
            when personal and beside.fields is not null then
                event.data || jsonb_build_object('order', coalesce(event.data -> 'order', '{}') || beside.fields)
            -- Of an early event.
            when not personal and event.data -> 'order' ? 'metadata' then
                event.data #- '{order,metadata}' #- '{changes,metadata}'
            else event.data
        end
    from (select 1) as one
    left join events_personal own on personal and own.stream_id = event.stream_id and own.sequence = event.sequence
    left join lateral (
        select jsonb_object_agg(latest.name, latest.value) as fields
        from (
            select distinct on (field.key) field.key as name, field.value
            from events_personal p cross join jsonb_each(p.fields) as field
            where personal and p.stream_id = event.stream_id and p.sequence <= event.sequence
            order by field.key, p.sequence desc
        ) as latest
    ) as beside on personal
$$;
