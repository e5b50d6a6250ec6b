"""Keys and staff go on seeing what they see today, and keys made in the back office know by whom."""

from django.db import migrations

_KEYS = """
update orders_apikey set scopes = scopes || '{customers:read}'::varchar[]
 where 'orders:read' = any (scopes) and not 'customers:read' = any (scopes)
"""
# Django makes permissions after all migrations; on a new database there is nobody yet to give this one to. The groups
# of orders/rules/staff_groups.py are then brought in line with their table.
_STAFF = """
insert into auth_permission (content_type_id, codename, name)
select id, 'view_personal_data', 'Can see contact, addresses and note'
  from django_content_type where app_label = 'orders' and model = 'order'
on conflict do nothing;
insert into auth_group_permissions (group_id, permission_id)
select group_id, personal.id from auth_group_permissions
  join auth_permission seen on seen.id = permission_id and seen.codename = 'view_order'
  join auth_permission personal on personal.codename = 'view_personal_data'
on conflict do nothing;
insert into auth_user_user_permissions (user_id, permission_id)
select user_id, personal.id from auth_user_user_permissions
  join auth_permission seen on seen.id = permission_id and seen.codename = 'view_order'
  join auth_permission personal on personal.codename = 'view_personal_data'
on conflict do nothing
"""
# The back office has noted who made which key; its log names keys by their prefix.
_MAKERS = """
update orders_apikey set made_by = 'staff:' || maker.username
  from django_admin_log entry
  join django_content_type kind on kind.id = content_type_id and kind.app_label = 'orders' and kind.model = 'apikey'
  join auth_user maker on maker.id = user_id
 where object_id = prefix and action_flag = 1;
update orders_refund set requester = made_by from orders_apikey
 where state = 'requested' and requested_by = 'key:' || prefix
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0008_whose_rights"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunSQL(sql, migrations.RunSQL.noop) for sql in (_KEYS, _STAFF, _MAKERS)]
