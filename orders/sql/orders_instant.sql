-- A moment as RFC 3339 in UTC with microseconds, as Python writes it: 2026-11-23T01:14:00.948000Z.
-- Stable, as to_char() is: declared immutable it could not be inlined, and would cost three times as much.
create or replace function orders_instant(moment timestamptz) returns text language sql stable as $$
    select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
