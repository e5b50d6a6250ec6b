-- An order as everyone sees it, as one JSON value. It stands in the select list of a query over
-- orders_order; `reading/documents.py` says what each key means and builds the same for a new order.
-- (Rows become JSON in less than two thirds of the time json_build_object takes.)
(select row_to_json(whole_order) from (select
    orders_order.id,
    orders_order.number,
    (select code from orders_storefront where id = orders_order.storefront_id) as storefront,
    orders_order.external_reference,
    orders_order.version,
    orders_order.status,
    orders_order.payment_status,
    orders_order.fulfillment_status,
    orders_order.cancel_reason,
    orders_order.customer_id,
    orders_order.currency,
    (
        select json_agg(line) from (
            select id, product_id, name, quantity, unit_amount,
                   coalesce(amount, quantity * unit_amount) as amount, discount_amount, tax_amount,
                   canceled, shipped, returned, restocked
              from orders_orderitem where order_id = orders_order.id order by position
        ) line
    ) as items,
    orders_order.items_amount,
    orders_order.shipping_amount,
    orders_order.tax_amount,
    orders_order.discount_amount,
    orders_order.tax_included,
    orders_order.total_amount,
    orders_order.credited_amount,
    orders_order.canceled_amount,
    orders_order.authorized_amount,
    orders_order.captured_amount,
    orders_order.refunded_amount,
    orders_order.charged_back_amount,
    case when orders_order.total_amount is not null
             then greatest(0, orders_order.total_amount - orders_order.credited_amount)
         when orders_order.status = 'canceled' then 0
    end as due_amount,
    case when orders_order.total_amount is not null or orders_order.status = 'canceled' then
        greatest(0, coalesce(orders_order.total_amount, 0) - orders_order.credited_amount)
        - orders_order.captured_amount + orders_order.refunded_amount + orders_order.charged_back_amount
    end as balance_amount,
    (select row_to_json(part) from (
        select
            orders_order.contact_email as email, orders_order.contact_phone as phone,
            orders_order.contact_phone_e164 as phone_e164
        ) part
    ) as contact,
    coalesce(orders_order.shipping_address, '{
        "name": null, "line1": null, "line2": null, "city": null, "region": null, "postal_code": null, "country": null
    }') as shipping_address,
    orders_order.billing_address,
    coalesce((
        select json_agg(parcel) from (
            select
                shipment.id,
                coalesce((
                    select json_agg(line) from (
                        select item_id, quantity from orders_shipmentitem where shipment_id = shipment.id order by id
                    ) line
                ), '[]') as items,
                shipment.tracking_company,
                shipment.tracking_number,
                shipment.tracking_link,
                orders_instant(shipment.packed_at) as packed_at,
                orders_instant(shipment.shipped_at) as shipped_at,
                orders_instant(shipment.delivered_at) as delivered_at
              from orders_shipment shipment where shipment.order_id = orders_order.id order by shipment.id
        ) parcel
    ), '[]') as shipments,
    case when orders_order.payment_count > 0 then (
        select json_agg(fact) from (
            select
                id, kind, amount, currency, psp, psp_reference, parent_reference, refund_id,
                corrects_id as corrects, late,
                orders_instant(occurred_at) as occurred_at,
                orders_instant(recorded_at) as recorded_at
              from orders_paymentrecord where order_id = orders_order.id order by id
        ) fact
    ) else '[]' end as payments,
    case when orders_order.credit_count > 0 then coalesce((
        select json_agg(credit) from (
            select
                id, cause, amount, lines, shipping_amount, return_id, refund_id,
                orders_instant(created_at) as created_at
              from orders_credit where order_id = orders_order.id order by id
        ) credit
    ), '[]') else '[]' end as credits,
    -- Only captured money is refunded (and may be corrected later), only what was shipped is returned: other orders are
    -- not asked.
    case when orders_order.payment_count > 0 then coalesce((
        select json_agg(asked) from (
            select
                id, amount, goodwill_amount, settled_amount, state, return_id, credit_id, lines,
                shipping_amount, requested_by,
                orders_instant(requested_at) as requested_at,
                decided_by,
                orders_instant(decided_at) as decided_at
              from orders_refund where order_id = orders_order.id order by id
        ) asked
    ), '[]') else '[]' end as refunds,
    -- A parcel that was told to have left may have been taken back since.
    case when orders_order.fulfillment_status <> 'unfulfilled' or orders_order.version > 1 then coalesce((
        select json_agg(announced) from (
            select
                back.id,
                back.state,
                back.cause,
                (
                    select json_agg(line) from (
                        select item_id, quantity, received, condition, restocked
                          from orders_returnitem where return_id = back.id order by id
                    ) line
                ) as items,
                orders_instant(back.requested_at) as requested_at,
                orders_instant(back.decided_at) as decided_at,
                orders_instant(back.received_at) as received_at
              from orders_return back where back.order_id = orders_order.id order by back.id
        ) announced
    ), '[]') else '[]' end as returns,
    orders_order.holds,
    orders_order.note,
    orders_order.metadata,
    orders_order.tags,
    orders_instant(orders_order.reserved_until) as reserved_until,
    orders_instant(orders_order.placed_at) as placed_at,
    orders_instant(orders_order.updated_at) as updated_at
) whole_order)
