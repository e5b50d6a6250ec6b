"""What the back office finds a person's orders by: the words of names, and postal codes."""

from typing import Final

from django.db import migrations

# These stand between words: "O'Brien" is two, for whoever looks for it too. A postal code is also known in one piece.
_SIGNS: Final = "-.,;:'\"/()+#&_@*’‘–—“”"
_FUNCTIONS: Final = f"""
create function orders_words_of(address jsonb) returns text
language sql immutable parallel safe return
    translate(
        coalesce(address ->> 'name', '') || ' ' || coalesce(address ->> 'postal_code', ''),
        $${_SIGNS}$$, $${" " * len(_SIGNS)}$$)
    || ' ' || coalesce(translate(address ->> 'postal_code', ' -', ''), '');

create function orders_address_words(shipping_address jsonb, billing_address jsonb) returns tsvector
language sql immutable parallel safe return
    to_tsvector(
        'pg_catalog.simple'::regconfig, orders_words_of(shipping_address) || ' ' || orders_words_of(billing_address));
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0027_comments")]

    operations = [
        migrations.RunSQL(
            _FUNCTIONS, "drop function orders_address_words(jsonb, jsonb); drop function orders_words_of(jsonb)"
        )
    ]
