-- Writes events to the log, what they tell of people beside it, and one queue row for each event and sink, in the
-- caller's transaction.
--
-- `events` is a JSON array of objects whose keys are the fields of events.outbox.NewEvent; `sinks` may be empty.
-- The caller holds the lock under which it took `sequence`. Because of that, and because rows are inserted in order
-- of `sequence`, queue ids grow with `sequence` within a stream: what the relay's order rests on.
create or replace function events_append(events json, sinks text[]) returns void language plpgsql as $$
declare
    sink text;
begin
    insert into events_event (id, storefront_id, source, stream_id, sequence, type, occurred_at,
                              actor, request_id, trace, data)
    select e.id, e.storefront_id, e.source, e.stream_id, e.sequence, e.type, e.occurred_at,
           e.actor, e.request_id, e.trace, e.data
    from json_to_recordset(events) as e (
        id uuid, storefront_id integer, source text, stream_id uuid, sequence integer, type text,
        occurred_at timestamptz, actor text, request_id text, trace text, data jsonb);

    -- Reading the JSON once more costs less than `returning` from the first insert. The release before this one, which
    -- runs on while this one is rolled out, sends no `personal`.
    insert into events_personal (stream_id, sequence, storefront_id, reason, fields)
    select e.stream_id, e.sequence, e.storefront_id, e.reason, coalesce(e.personal, '{}')
    from json_to_recordset(events) as e (
        stream_id uuid, sequence integer, storefront_id integer, reason text, personal jsonb)
    where e.reason <> '' or e.personal <> '{}';

    -- One statement for each sink is planned once; joined with the array of sinks, it was planned anew in every call,
    -- which cost as much as executing it: a fifth of this function.
    foreach sink in array sinks loop
        insert into events_outbox (sink, bucket, event_id, storefront_id, stream_id, sequence)
        select sink, get_byte(uuid_send(e.stream_id), 15) & 63, e.id, e.storefront_id, e.stream_id, e.sequence
        from json_to_recordset(events) as e (id uuid, storefront_id integer, stream_id uuid, sequence integer)
        order by e.sequence;
    end loop;
    perform webhooks_enqueue(events);
end
$$;
