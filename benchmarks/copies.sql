-- So many copies of every order that was imported, with all that belongs to it: of other people, at other moments of the
-- last three years. Copies are numbered, and the id of a copy follows from that of its original and the number.
create or replace function bench_copy(original uuid, copy int) returns uuid language sql immutable as
$$ select md5(original::text || copy)::uuid $$;

create temp table if not exists original_order as
select *, row_number() over (order by id) as n from orders_order;

create temp table if not exists original_item as select * from orders_orderitem;

create temp table if not exists original_parcel as select * from orders_shipment;

create temp table if not exists original_part as
select part.*, parcel.order_id from orders_shipmentitem part join orders_shipment parcel on parcel.id = part.shipment_id;

create temp table if not exists original_payment as select * from orders_paymentrecord;

create temp table if not exists copied (
    original uuid, copy int, id uuid, at timestamptz, later interval, n bigint, storefront_id bigint
);

truncate copied;

insert into copied
select placed.id, copy, (lpad(to_hex((extract(epoch from moved.at) * 1000)::bigint), 12, '0') || '7'
           || substr(digest, 1, 3) || '8' || substr(digest, 4, 15))::uuid,
       moved.at, moved.at - placed.placed_at, copy::bigint * 100000 + placed.n, placed.storefront_id
  from original_order placed
 cross join generate_series(%(first)s::int, %(last)s::int) copy
 cross join lateral (select md5(placed.id::text || copy) as digest) made
 cross join lateral (
     select now() - interval '3 years' * (('x' || substr(digest, 20, 8))::bit(32)::bigint::float8 / 4294967296) as at
 ) moved;

insert into orders_order (
    id, storefront_id, number, external_reference, version, status, payment_status, fulfillment_status, cancel_reason,
    customer_id, currency, items_amount, shipping_amount, tax_amount, discount_amount, tax_included, total_amount,
    credited_amount, canceled_amount, credit_count, authorized_amount, captured_amount, refunded_amount,
    charged_back_amount, refund_pending_amount, payment_count, contact_email, contact_phone, contact_phone_e164,
    shipping_address, billing_address, note, metadata, tags, holds, reserved_until, stock_revision, placed_at, updated_at,
    delivered_at, ended_at
)
select copied.id, copied.storefront_id, split_part(number, '-', 1) || '-C' || upper(substr(md5(copied.id::text), 1, 12)),
       external_reference || '-' || copy, version, status, payment_status, fulfillment_status, cancel_reason,
       substr(md5(customer_id || copied.n %% 900000), 1, 12), currency, items_amount, shipping_amount, tax_amount,
       discount_amount,
       tax_included, total_amount, credited_amount, canceled_amount, credit_count, authorized_amount, captured_amount,
       refunded_amount, charged_back_amount, refund_pending_amount, payment_count,
       'ann-' || substr(md5(copied.n::text), 1, 9) || '@example.com', '+55 11 ' || copied.n, '+5511' || lpad(copied.n::text, 10, '0'),
       shipping_address || jsonb_build_object(
           'name', (array['Ada', 'Ana', 'Bruno', 'Carla', 'Davi', 'Elisa', 'Grace', 'Hugo'])[1 + copied.n %% 8] || ' '
               || initcap(translate(substr(md5((copied.n / 40)::text), 1, 7), '0123456789', 'gimnoprstu')),
           'postal_code', lpad((copied.n %% 99999)::text, 5, '0')),
       billing_address, note, metadata,
       case when copied.n %% 100 = 3 then '{vip}'::text[] else tags end,
       case when copied.n %% 2000 = 7 and ended_at is null then '[{"blocks": ["ship"], "kind": "fraud"}]'::jsonb else holds end,
       case when status = 'pending' then now() + interval '1 day' * (copied.n %% 5) end, stock_revision,
       at, updated_at + later, delivered_at + later, ended_at + later
  from copied join original_order on original_order.id = copied.original;

insert into orders_orderitem (
    id, order_id, storefront_id, position, product_id, name, quantity, unit_amount, amount, discount_amount, tax_amount,
    canceled, shipped, returned, restocked
)
select bench_copy(item.id, copy), copied.id, copied.storefront_id, position, product_id, name, quantity, unit_amount, amount,
       discount_amount, tax_amount, canceled, shipped, returned, restocked
  from copied join original_item item on item.order_id = copied.original;

insert into orders_shipment (
    id, order_id, storefront_id, tracking_company, tracking_number, tracking_link, created_at, packed_at, shipped_at,
    delivered_at
)
select bench_copy(parcel.id, copy), copied.id, copied.storefront_id, 'DHL', 'JD' || lpad(n::text, 12, '0'), tracking_link,
       created_at, packed_at, shipped_at + later, delivered_at + later
  from copied join original_parcel parcel on parcel.order_id = copied.original;

insert into orders_shipmentitem (shipment_id, item_id, storefront_id, quantity)
select bench_copy(part.shipment_id, copy), bench_copy(part.item_id, copy), part.storefront_id, part.quantity
  from copied join original_part part on part.order_id = copied.original;

insert into orders_paymentrecord (
    id, order_id, storefront_id, kind, amount, currency, psp, psp_reference, attempt, late, occurred_at, recorded_at
)
select bench_copy(payment.id, copy), copied.id, copied.storefront_id, kind, amount, currency, psp, psp_reference || '-' || copy,
       attempt, late, occurred_at + later, recorded_at
  from copied join original_payment payment on payment.order_id = copied.original;

-- One in two hundred waits for somebody.
insert into orders_refund (
    id, order_id, storefront_id, amount, state, requested_by, requester, requested_at, goodwill_amount, settled_amount, lines,
    shipping_amount
)
select bench_copy(original, copy), copied.id, storefront_id, 100,
       case when n %% 4000 = 5 then 'requested' when n %% 4000 = 205 then 'approved' else 'settled' end,
       'staff:ann', 'staff:ann', at, 100, 0, '[]', 0
  from copied where n %% 200 = 5;

insert into orders_return (id, order_id, storefront_id, state, cause, requested_at)
select bench_copy(original, copy), copied.id, storefront_id,
       case when n %% 4000 = 6 then 'requested' when n %% 4000 = 206 then 'approved' else 'received' end, 'unwanted', at
  from copied where n %% 200 = 6
