"""Who may comment."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0026_refunds_nobody_approved'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='order',
            options={'base_manager_name': 'all_objects', 'permissions': [('view_personal_data', 'Can see contact, addresses and note'), ('erase_customer', 'Can export and erase all there is about a customer'), ('change_order_details', 'Can change note, tags, contact and addresses'), ('amend_order', 'Can amend the items of orders'), ('confirm_order', 'Can confirm orders and extend reservations'), ('ship_order', 'Can pack, ship, deliver and complete orders'), ('undo_fulfillment', 'Can take back shipments, deliveries and completions'), ('track_shipment', 'Can change tracking'), ('cancel_order', 'Can cancel orders'), ('reinstate_order', 'Can reinstate canceled orders'), ('comment_order', 'Can comment on orders'), ('hold_order', 'Can hold orders up and release holds'), ('record_payment', 'Can record payments'), ('correct_payment', 'Can take back payments that were recorded by mistake'), ('request_refund', 'Can request refunds'), ('approve_refund', 'Can approve and reject refunds'), ('handle_return', 'Can request, approve and reject returns'), ('receive_return', 'Can receive returns'), ('restore_order', 'Can restore deleted orders')]},
        ),
    ]
