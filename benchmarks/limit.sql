-- What the database alone does for one order of three items: the two calls of placement, with the rows that the
-- service writes (order, items, event with the whole order, one queue row). pgbench runs it with prepared statements.
\set p1 random(1, 300)
\set p2 random(301, 600)
\set p3 random(601, 900)
select id as reservation_id, (held).valid_until as valid_until
from (
    select id, inventory_hold(
        array[id], array[1], array[3],
        array['p' || lpad(:p1::text, 3, '0'), 'p' || lpad(:p2::text, 3, '0'), 'p' || lpad(:p3::text, 3, '0')],
        array[1, 1, 1], '120 seconds'
    ) as held
    from (select uuidv7() as id offset 0) as new_reservation
    offset 0
) as made \gset
select orders_place(
    (select json_agg(o) from (select
        id, 1 as storefront_id,
        'AU-' || upper(substr(md5(id::text), 1, 10)) as number, 1 as version, 'pending' as status,
        'unpaid' as payment_status, 'unfulfilled' as fulfillment_status, 'cus123456' as customer_id,
        'AUD' as currency, 3897 as items_amount, 0 as shipping_amount, 0 as tax_amount, 0 as discount_amount,
        false as tax_included, 1 as stock_revision, 3897 as total_amount, '' as note, '{}'::json as metadata, '[]'::json as tags, (:reservation_id)::uuid as reservation_id,
        now() + interval '1 day' as reserved_until, now() as placed_at, now() as updated_at) o),
    (select json_agg(i) from (select
        uuidv7() as id, new_order.id as order_id, 1 as storefront_id, n as position, 'p00' || n as product_id,
        1 as quantity, 1299 as unit_amount, 1299 as amount
        from generate_series(1, 3) n) i),
    (select json_agg(e) from (select
        uuidv7() as id, 1 as storefront_id, '/storefronts/au' as source, new_order.id as stream_id, 1 as sequence,
        'order.created' as type, now() as occurred_at, 'key' || chr(58) || 'abcdefgh' as actor, '' as reason,
        '019a2068010427580b0bb19de3a0714e4' as request_id, '' as trace,
        json_build_object('order', json_build_object(
            'id', id, 'number', 'AU-7K3M9QXD4F', 'storefront', 'au', 'external_reference', null, 'version', 1,
            'status', 'pending', 'payment_status', 'unpaid', 'fulfillment_status', 'unfulfilled',
            'cancel_reason', null, 'customer_id', 'cus123456', 'currency', 'AUD', 'items', json_build_array(
                json_build_object('id', id, 'product_id', 'p001', 'name', null, 'quantity', 1, 'unit_amount', 1299,
                    'discount_amount', null, 'tax_amount', null, 'amount', 1299,
                    'canceled', 0, 'shipped', 0, 'returned', 0, 'restocked', 0),
                json_build_object('id', id, 'product_id', 'p002', 'name', null, 'quantity', 1, 'unit_amount', 1299,
                    'discount_amount', null, 'tax_amount', null, 'amount', 1299,
                    'canceled', 0, 'shipped', 0, 'returned', 0, 'restocked', 0),
                json_build_object('id', id, 'product_id', 'p003', 'name', null, 'quantity', 1, 'unit_amount', 1299,
                    'discount_amount', null, 'tax_amount', null, 'amount', 1299,
                    'canceled', 0, 'shipped', 0, 'returned', 0, 'restocked', 0)),
            'items_amount', 3897, 'shipping_amount', 0, 'tax_amount', 0, 'discount_amount', 0, 'tax_included', false,
            'total_amount', 3897, 'canceled_amount', 0, 'credited_amount', 0, 'due_amount', 3897, 'authorized_amount', 0,
            'captured_amount', 0, 'refunded_amount', 0, 'charged_back_amount', 0, 'balance_amount', 3897, 'payments', '[]'::json, 'refunds', '[]'::json,
            'returns', '[]'::json, 'credits', '[]'::json, 'holds', '[]'::json, 'tags', '[]'::json,
            'shipments', '[]'::json, 'reserved_until', now(), 'placed_at', now(),
            'updated_at', now()), 'operation', 'place',
            'changes', '{}'::json, 'instructions', '[]'::json, 'version', 1) as data) e),
    array['console'], null, (:valid_until)::timestamptz)
from (select uuidv7() as id offset 0) as new_order;
