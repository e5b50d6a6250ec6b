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
            'returned', item.returned
        ) order by item.position)
        from orders_orderitem item where item.order_id = orders_order.id
    ),
    'items_amount', orders_order.items_amount,
    'shipping_amount', orders_order.shipping_amount,
    'tax_amount', orders_order.tax_amount,
    'discount_amount', orders_order.discount_amount,
    'total_amount', orders_order.total_amount,
    'contact', json_build_object('email', orders_order.contact_email, 'phone', orders_order.contact_phone),
    'shipping_address', coalesce(orders_order.shipping_address, '{
        "name": null, "line1": null, "line2": null, "city": null, "region": null, "postal_code": null, "country": null
    }'),
    'billing_address', orders_order.billing_address,
    'shipments', coalesce((
        select json_agg(json_build_object(
            'id', shipment.id,
            'tracking_company', shipment.tracking_company,
            'tracking_number', shipment.tracking_number,
            'tracking_link', shipment.tracking_link,
            'shipped_at', orders_instant(shipment.shipped_at),
            'delivered_at', orders_instant(shipment.delivered_at)
        ) order by shipment.id)
        from orders_shipment shipment where shipment.order_id = orders_order.id
    ), '[]'::json),
    'note', orders_order.note,
    'metadata', orders_order.metadata,
    'reserved_until', orders_instant(orders_order.reserved_until),
    'placed_at', orders_instant(orders_order.placed_at),
    'updated_at', orders_instant(orders_order.updated_at)
)
