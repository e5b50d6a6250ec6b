-- Orders straight into the tables: what reading costs does not depend on how they came.
with new_order as (
    insert into orders_order (
        id, storefront_id, number, version, status, payment_status, fulfillment_status, customer_id, currency,
        items_amount, shipping_amount, tax_amount, discount_amount, total_amount, note, metadata, placed_at,
        updated_at
    )
    select
        id, 1, 'AU-' || upper(substr(md5(id::text), 1, 14)), 1,
        (array['completed', 'completed', 'completed', 'shipped', 'confirmed'])[1 + n %% 5], 'unpaid', 'unfulfilled',
        'cus' || lpad(((n::bigint * 7919) %% 1000000)::text, 6, '0'), 'AUD',
        3897, 0, 0, 0, 3897, '', '{}', now(), now()
    from (select n, uuidv7() as id from generate_series(1, %s) n offset 0) made
    returning id
)
insert into orders_orderitem (
    id, order_id, storefront_id, position, product_id, quantity, unit_amount, canceled, shipped, returned
)
select uuidv7(), new_order.id, 1, position, 'p00' || position, 1, 1299, 0, 0, 0
from new_order cross join generate_series(0, 2) position
