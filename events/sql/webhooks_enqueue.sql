-- Writes one delivery for each event and endpoint that is to get it, in the transaction of the change.
--
-- `events` is what `events_append` takes. Which endpoints there are is read here, from the table: one that is committed
-- before gets the event, however little a process knows of it. Ids grow with `sequence` within a stream.
create or replace function webhooks_enqueue(events json) returns void language plpgsql as $$
begin
    -- Without endpoints the JSON is not read once more.
    if not exists (select from events_webhook_endpoint where disabled_at is null and deleted_at is null) then
        return;
    end if;
    insert into events_webhook_delivery (endpoint_id, event_id, storefront_id, stream_id, sequence)
    select endpoint.id, e.id, e.storefront_id, e.stream_id, e.sequence
    from json_to_recordset(events) as e (
        id uuid, storefront_id integer, stream_id uuid, sequence integer, type text)
    join events_webhook_endpoint endpoint on endpoint.storefront_id = e.storefront_id
        and endpoint.disabled_at is null and endpoint.deleted_at is null
        and (endpoint.types = '{}' or e.type = any (endpoint.types))
    order by e.sequence;
end
$$;
