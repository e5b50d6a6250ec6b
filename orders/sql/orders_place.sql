-- Writes placed orders whole: orders, items, events with their queue rows, stored answers.
--
-- Guarantees: all of it or nothing (it is one statement, so one transaction), and nothing once
-- `p_valid_until` has passed: from then on the sweeper may take the hold for abandoned. Until this transaction ends,
-- however long its commit takes, it owns its reservations: nobody releases what an order is being written on.
-- Each JSON array has one object a row, its keys named like the columns.
create or replace function orders_place(
    p_orders json, p_items json, p_events json, p_sinks text[], p_answers json, p_valid_until timestamptz
) returns void language plpgsql as $$
declare
    reservations uuid[];
begin
    if clock_timestamp() > p_valid_until then
        raise exception using errcode = 'OR001', message = 'the hold may have been swept';
    end if;

    with placed as (
        insert into orders_order (
            id, storefront_id, number, external_reference, version, status, payment_status, fulfillment_status,
            cancel_reason, customer_id, currency, items_amount, shipping_amount, tax_amount, discount_amount,
            tax_included, total_amount, contact_email, contact_phone, contact_phone_e164, shipping_address,
            billing_address, note, metadata, tags, holds, reservation_id, reserved_until, stock_action, stock_revision, placed_at, updated_at
        )
        select
            id, storefront_id, number, external_reference, version, status, payment_status, fulfillment_status,
            cancel_reason, customer_id, currency, items_amount, shipping_amount, tax_amount, discount_amount,
            tax_included, total_amount, contact_email, contact_phone, contact_phone_e164, shipping_address,
            billing_address, note, metadata, tags, coalesce(holds, '[]'), reservation_id, reserved_until, stock_action, stock_revision, placed_at, updated_at
        from json_populate_recordset(null::orders_order, p_orders)
        returning reservation_id
    )
    select array_agg(reservation_id) into reservations from placed where reservation_id is not null;

    if reservations is not null and not inventory_own(reservations) then
        raise exception using errcode = 'OR001', message = 'the hold has been swept';
    end if;

    insert into orders_orderitem (
        id, order_id, storefront_id, position, product_id, name, quantity, unit_amount, amount, discount_amount,
        tax_amount, canceled, shipped, returned
    )
    select
        id, order_id, storefront_id, position, product_id, name, quantity, unit_amount, amount, discount_amount,
        tax_amount, coalesce(canceled, 0), coalesce(shipped, 0), 0
    from json_populate_recordset(null::orders_orderitem, p_items);

    perform events_append(p_events, p_sinks);

    if p_answers is not null then
        insert into orders_idempotentanswer (storefront_id, key, fingerprint, status, headers, body, created_at)
        select
            storefront_id, key, decode(fingerprint, 'hex'), status, '{}', convert_to(body, 'UTF8'),
            clock_timestamp()
        from json_to_recordset(p_answers)
            as answer (storefront_id int, key text, fingerprint text, status smallint, body text);
    end if;
end
$$;
