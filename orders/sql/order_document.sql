-- An order as everyone sees it, as one JSON value. It stands in the select list of a query over
-- orders_order; `order_documents.py` says what each key means and builds the same for a new order.
json_build_object(
    'id', orders_order.id,
    'number', orders_order.number,
    'storefront', (select code from orders_storefront where id = orders_order.storefront_id),
    'external_reference', orders_order.external_reference,
    'version', orders_order.version,
    'status', orders_order.status,
    'payment_status', orders_order.payment_status,
    'fulfillment_status', orders_order.fulfillment_status,
    'cancel_reason', orders_order.cancel_reason,
    'customer_id', orders_order.customer_id,
    'currency', orders_order.currency,
    'items', (
        select json_agg(json_build_object(
            'id', item.id,
            'product_id', item.product_id,
            'name', item.name,
            'quantity', item.quantity,
            'unit_amount', item.unit_amount,
            'canceled', item.canceled,
            'shipped', item.shipped,
            'returned', item.returned,
            'restocked', item.restocked
        ) order by item.position)
        from orders_orderitem item where item.order_id = orders_order.id
    ),
    'items_amount', orders_order.items_amount,
    'shipping_amount', orders_order.shipping_amount,
    'tax_amount', orders_order.tax_amount,
    'discount_amount', orders_order.discount_amount,
    'total_amount', orders_order.total_amount,
    'canceled_amount', orders_order.canceled_amount,
    'authorized_amount', orders_order.authorized_amount,
    'captured_amount', orders_order.captured_amount,
    'refunded_amount', orders_order.refunded_amount,
    'charged_back_amount', orders_order.charged_back_amount,
    'balance_amount', case when orders_order.total_amount is not null or orders_order.status = 'canceled' then
        case when orders_order.status = 'canceled' then 0
             else greatest(0, orders_order.total_amount - orders_order.canceled_amount) end
        - orders_order.captured_amount + orders_order.refunded_amount + orders_order.charged_back_amount
    end,
    'contact', json_build_object('email', orders_order.contact_email, 'phone', orders_order.contact_phone),
    'shipping_address', coalesce(orders_order.shipping_address, '{
        "name": null, "line1": null, "line2": null, "city": null, "region": null, "postal_code": null, "country": null
    }'),
    'billing_address', orders_order.billing_address,
    'shipments', coalesce((
        select json_agg(json_build_object(
            'id', shipment.id,
            'items', coalesce((
                select json_agg(json_build_object('item_id', units.item_id, 'quantity', units.quantity) order by units.id)
                from orders_shipmentitem units where units.shipment_id = shipment.id
            ), '[]'::json),
            'tracking_company', shipment.tracking_company,
            'tracking_number', shipment.tracking_number,
            'tracking_link', shipment.tracking_link,
            'packed_at', orders_instant(shipment.packed_at),
            'shipped_at', orders_instant(shipment.shipped_at),
            'delivered_at', orders_instant(shipment.delivered_at)
        ) order by shipment.id)
        from orders_shipment shipment where shipment.order_id = orders_order.id
    ), '[]'::json),
    'payments', case when orders_order.payment_count > 0 then (
        select json_agg(json_build_object(
            'id', payment.id,
            'kind', payment.kind,
            'amount', payment.amount,
            'currency', payment.currency,
            'psp', payment.psp,
            'psp_reference', payment.psp_reference,
            'refund_id', payment.refund_id,
            'late', payment.late,
            'occurred_at', orders_instant(payment.occurred_at),
            'recorded_at', orders_instant(payment.recorded_at)
        ) order by payment.id)
        from orders_paymentrecord payment where payment.order_id = orders_order.id
    ) else '[]'::json end,
    -- Only captured money is refunded, only what was shipped is returned: other orders are not asked.
    'refunds', case when orders_order.captured_amount > 0 then coalesce((
        select json_agg(json_build_object(
            'id', refund.id,
            'amount', refund.amount,
            'state', refund.state,
            'requested_by', refund.requested_by,
            'requested_at', orders_instant(refund.requested_at),
            'decided_by', refund.decided_by,
            'decided_at', orders_instant(refund.decided_at)
        ) order by refund.id)
        from orders_refund refund where refund.order_id = orders_order.id
    ), '[]'::json) else '[]'::json end,
    'returns', case when orders_order.fulfillment_status <> 'unfulfilled' then coalesce((
        select json_agg(json_build_object(
            'id', back.id,
            'state', back.state,
            'cause', back.cause,
            'items', (
                select json_agg(json_build_object(
                    'item_id', units.item_id,
                    'quantity', units.quantity,
                    'received', units.received,
                    'condition', units.condition,
                    'restocked', units.restocked
                ) order by units.id)
                from orders_returnitem units where units.return_id = back.id
            ),
            'requested_at', orders_instant(back.requested_at),
            'decided_at', orders_instant(back.decided_at),
            'received_at', orders_instant(back.received_at)
        ) order by back.id)
        from orders_return back where back.order_id = orders_order.id
    ), '[]'::json) else '[]'::json end,
    'holds', orders_order.holds,
    'note', orders_order.note,
    'metadata', orders_order.metadata,
    'tags', to_json(orders_order.tags),
    'reserved_until', orders_instant(orders_order.reserved_until),
    'placed_at', orders_instant(orders_order.placed_at),
    'updated_at', orders_instant(orders_order.updated_at)
)
