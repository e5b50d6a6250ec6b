-- One generation of orders with all that belongs to them, straight into the tables: a twentieth each of twenty fates. What
-- is forgotten one day is `age` old, but for each third; so old and young stand in the same pages.
create temp table made on commit preserve rows as
select n, uuidv7() as id, gen_random_uuid() as reservation_id, now() - %(age)s::interval as long_ago,
       (array['completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'completed',
              'completed', 'completed', 'completed', 'completed', 'shipped', 'shipped', 'confirmed', 'confirmed',
              'canceled', 'canceled', 'pending', 'pending'])[1 + n %% 20] as status
  from generate_series(1, %(orders)s) n offset 0;

insert into orders_order (
    id, storefront_id, number, version, status, payment_status, fulfillment_status, cancel_reason, customer_id, currency,
    items_amount, shipping_amount, tax_amount, discount_amount, total_amount, captured_amount, payment_count, note,
    metadata, external_reference, contact_email, reservation_id, reserved_until, placed_at, updated_at
)
select id, 1, 'AU-' || upper(substr(md5(id::text), 1, 14)), case status when 'pending' then 1 else 2 end, status,
       case when n %% 20 < 14 then 'paid' else 'unpaid' end,
       case when n %% 20 < 14 then 'fulfilled' else 'unfulfilled' end,
       case when status = 'canceled' then 'customer' end,
       'cus' || lpad(((n::bigint * 7919) %% 1000000)::text, 6, '0'), 'AUD', 3897, 0, 0, 0, 3897,
       case when n %% 20 < 14 then 3897 else 0 end, case when n %% 20 < 14 then 1 else 0 end, '', '{}',
       'ref-' || id, md5(n::text) || '@example.com', reservation_id, now() + interval '1 day', now(), now()
  from made;

insert into orders_orderitem (
    id, order_id, storefront_id, position, product_id, quantity, unit_amount, amount, canceled, shipped, returned
)
select uuidv7(), id, 1, position, 'p00' || position, 1, 1299, 1299, case when status = 'canceled' then 1 else 0 end,
       case when n %% 20 < 14 then 1 else 0 end, 0
  from made cross join generate_series(1, 3) position;

insert into events_event (id, storefront_id, source, stream_id, sequence, type, occurred_at, actor, data)
select uuidv7(), 1, '/storefronts/au', made.id, sequence,
       case sequence when 1 then 'order.created' else 'order.updated' end, now(), 'system:fill',
       jsonb_build_object('order', jsonb_build_object('id', made.id, 'status', status, 'note', repeat('x', 300)))
  from made cross join generate_series(1, 2) sequence where sequence = 1 or status <> 'pending' order by made.n, sequence;

insert into events_personal (stream_id, sequence, storefront_id, fields)
select id, 1, 1, '{"contact": {"email": "ann@example.com", "phone": null}}' from made;

insert into orders_paymentrecord (
    id, order_id, storefront_id, kind, amount, psp, psp_reference, late, occurred_at, recorded_at
)
select uuidv7(), id, 1, 'capture', 3897, '', 'pi-' || id, false, now(), now() from made where n %% 20 < 14;

insert into orders_refund (id, order_id, storefront_id, amount, state, requested_by, requested_at)
select uuidv7(), id, 1, 100, 'rejected', 'staff:ann', now() from made where n %% 20 = 3;

insert into orders_return (id, order_id, storefront_id, state, cause, requested_at)
select uuidv7(), id, 1, 'rejected', 'unwanted', now() from made where n %% 20 = 4;

insert into orders_shipment (id, order_id, storefront_id, created_at, shipped_at, delivered_at, tracking_number)
select uuidv7(), id, 1, now(), now(), now(), 'JD' || id from made where n %% 20 < 14;

insert into inventory_reservation (id, revision, state, product_ids, quantities, created_at, updated_at)
select reservation_id, 1,
       case status when 'pending' then 'held' when 'canceled' then 'released' else 'confirmed' end,
       '{p001,p002,p003}', '{1,1,1}', long_ago, long_ago
  from made;

insert into inventory_asked_hold (id, state, touched_at)
select reservation_id, case when n %% 3 = 0 then 'asked' else 'released' end,
       case when n %% 3 = 0 then now() else long_ago end
  from made;

insert into orders_idempotentanswer (storefront_id, key, fingerprint, status, headers, body, created_at)
select 1, id::text, sha256(id::text::bytea), 201, '{}', convert_to(repeat('x', 600), 'UTF8'),
       case when n %% 3 = 0 then now() else long_ago end
  from made;

insert into events_inbox (came_by, source, event_id, type, state, received_at, settled_at)
select 'fill', '/fill', id::text, 'customer.updated', 'handled', long_ago, long_ago from made where n %% 4 = 0;

with delivered as (
    insert into events_webhook_delivery (
        endpoint_id, event_id, storefront_id, stream_id, sequence, state, attempts, last_status, created_at, settled_at
    )
    select endpoint.id, uuidv7(-%(age)s::interval), 1, made.id, 1, 'delivered', 1, 200, long_ago, long_ago
      from made cross join events_webhook_endpoint endpoint where n %% 4 = 0
    returning id, settled_at
)
insert into events_webhook_attempt (
    delivery_id, url, address, request_headers, status, response_headers, response_body, error, milliseconds, attempted_at
)
select id, 'http://127.0.0.1:1/', '127.0.0.1', '{}', 200, '{}', '', '', 5, settled_at from delivered;

-- Those that nobody confirmed expire, unless this is the last generation.
update orders_order set status = 'canceled', cancel_reason = 'expired', version = version + 1, updated_at = now()
 where status = 'pending' and %(expire)s;
update inventory_reservation set state = 'released' where state = 'held' and %(expire)s;
update inventory_stock
   set reserved = (select count(*) from inventory_reservation where state <> 'released')
 where product_id in ('p001', 'p002', 'p003');
drop table made
