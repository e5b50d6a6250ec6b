"""Whether what is told of orders is as its schema says, whoever wrote it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson
from django.db import connection

from events.schemas import InvalidEvent, validate

# One of each shape: what has been done, why, which fields have changed, what others are to do, where the order stands.
_SHAPES: Final = """
select distinct on (shape) shape, type, data::text
from (
    select type, data, md5(concat_ws('|', type, data ->> 'operation', data ->> 'cause', data -> 'order' ->> 'status',
               (select string_agg(name, ',') from jsonb_object_keys(data -> 'changes') as name),
               (select string_agg(step.value ->> 'kind', ',') from jsonb_array_elements(data -> 'instructions') as step)
           )) as shape
    from events_event where data ? 'operation'
) as told
where shape <> all (%s)
"""
_known: set[str] = set()


class _Told(NamedTuple):
    type: str
    data: dict[str, Any]


def broken_schemas() -> list[str]:
    """What is wrong, of each shape of event that this process has not seen before."""
    with connection.cursor() as cursor:
        cursor.execute(_SHAPES, [list(_known)])
        found = cursor.fetchall()
    wrong = []
    for shape, event_type, data in found:
        try:
            validate(_Told(event_type, orjson.loads(data)))
        except InvalidEvent as error:
            wrong.append(str(error))
        else:
            _known.add(shape)
    return wrong
