from django.db import migrations, models
from django.db.models.functions import Now

REFUSE = """
create function audit_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'The log of changes is append-only: % is refused.', tg_op using errcode = 'restrict_violation';
end
$$;
create trigger audit_entry_append_only before update or delete on audit_entry
    for each row execute function audit_refuse_change();
"""
ALLOW = """
drop trigger audit_entry_append_only on audit_entry;
drop function audit_refuse_change();
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=Now(), editable=False)),
                ("by", models.TextField(help_text="staff:<username>, key:<prefix> or system:<command>.")),
                ("model", models.TextField(help_text="Such as orders.storefront.")),
                ("object_id", models.TextField()),
                ("name", models.TextField()),
                ("action", models.TextField()),
                ("changes", models.JSONField(default=list)),
            ],
            options={"verbose_name": "change", "db_table": "audit_entry", "default_permissions": ["view"]},
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["model", "object_id", "id"], name="audit_entry_of_one"),
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
