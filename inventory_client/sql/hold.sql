-- Hold the stock of a batch of reservations: of all of them, or of none (SQLSTATE IV001).
--
-- No two calls can deadlock: reservation rows are locked in the order of their ids and before any stock, stock rows in
-- the byte order of product ids. A twin of a call in flight waits at the first row and then joins.
-- What has been shipped counts as the order's still, but neither as on hand nor as reserved: so shipping changes nothing
-- for others, and is never refused for want of stock.
-- Outcomes, one per id: held, joined (an earlier call had made it), released, mismatch.
create or replace function inventory_hold(
    p_ids uuid[],             -- ascending
    p_revisions integer[],
    p_line_counts integer[],  -- how many of the lines below belong to each id
    p_product_ids text[],     -- the lines of all ids one after the other, each id's in byte order
    p_quantities integer[],
    p_grace interval,         -- an untouched hold may be swept after this
    p_shipped integer[] default null,  -- of each line, how many have left; null for none at all
    out outcomes text[],
    out valid_until timestamptz
) language plpgsql as $$
declare
    touched timestamptz := clock_timestamp();
    first integer := 1;
    last integer;
    existing inventory_reservation;
    gone integer[] := '{}';  -- what has been shipped of one reservation; empty for none at all
    line record;
    free bigint;
    short jsonb := '[]';
    unknown jsonb := '[]';
begin
    -- What is written next under this hold flushes the log past this commit; alone, a lost hold harms nobody.
    -- (The function's own SET clause would be undone before the commit.)
    perform set_config('synchronous_commit', 'off', true);
    valid_until := touched + p_grace / 2;

    for i in 1 .. cardinality(p_ids) loop
        last := first + p_line_counts[i] - 1;
        if p_shipped is not null then
            gone := case when 0 = all (p_shipped[first:last]) then '{}' else p_shipped[first:last] end;
        end if;
        insert into inventory_reservation (
            id, revision, state, product_ids, quantities, shipped, created_at, updated_at)
        values (
            p_ids[i], p_revisions[i], 'held', p_product_ids[first:last], p_quantities[first:last], gone, touched, touched)
        on conflict (id) do nothing;
        if found then
            outcomes[i] := 'held';
        else
            select * into existing from inventory_reservation where id = p_ids[i] for update;
            if not found or existing.state = 'released' then
                outcomes[i] := 'released';
            elsif existing.revision < p_revisions[i] then
                outcomes[i] := 'held';
                update inventory_reservation
                   set revision = p_revisions[i], product_ids = p_product_ids[first:last],
                       quantities = p_quantities[first:last], shipped = gone,
                       updated_at = greatest(updated_at, touched)
                 where id = p_ids[i];
                if p_shipped is not null or existing.shipped <> '{}' then
                    p_shipped := coalesce(p_shipped, array_fill(0, array[cardinality(p_quantities)])) || case
                        when existing.shipped = '{}' then array_fill(0, array[cardinality(existing.quantities)])
                        else array(select -s from unnest(existing.shipped) s) end;
                end if;
                p_product_ids := p_product_ids || existing.product_ids;
                p_quantities := p_quantities || array(select -q from unnest(existing.quantities) q);
            elsif existing.revision = p_revisions[i]
                  and existing.product_ids = p_product_ids[first:last]
                  and existing.quantities = p_quantities[first:last]
                  and existing.shipped = gone then
                outcomes[i] := 'joined';
                -- Later than the touch it joins, whenever this call began: by that alone the other one knows.
                update inventory_reservation
                   set updated_at = greatest(updated_at + interval '1 microsecond', clock_timestamp())
                 where id = p_ids[i];
            else
                outcomes[i] := 'mismatch';
            end if;
            if outcomes[i] <> 'held' then
                for j in first .. last loop
                    p_quantities[j] := 0;
                    if p_shipped is not null then
                        p_shipped[j] := 0;
                    end if;
                end loop;
            end if;
        end if;
        first := last + 1;
    end loop;

    for line in
        select product_id, sum(quantity) as units, coalesce(sum(shipped), 0) as gone,
               coalesce(sum(quantity) filter (where quantity > 0), 0) as requested
          from unnest(p_product_ids, p_quantities, p_shipped) as lines (product_id, quantity, shipped)
         group by product_id
        having sum(quantity) <> 0 or sum(shipped) <> 0
         order by product_id collate "C"
    loop
        update inventory_stock
           set on_hand = on_hand - line.gone, reserved = reserved + line.units - line.gone,
               shipped = shipped + line.gone, updated_at = touched
         where product_id = line.product_id
           -- Giving units back helps also where more are promised than there are.
           and (line.units <= 0 or on_hand - reserved >= line.units);
        if not found then
            select greatest(on_hand - reserved, 0) into free from inventory_stock where product_id = line.product_id;
            if not found then
                unknown := unknown || to_jsonb(line.product_id);
            else
                -- Units the reservation already holds count as available to it. Some may have become free since the
                -- update looked; the refusal stays true to itself.
                short := short || jsonb_build_object(
                    'product_id', line.product_id,
                    'requested', line.requested,
                    'available', least(free + line.requested - line.units, line.requested - 1));
            end if;
        end if;
    end loop;

    if short <> '[]' or unknown <> '[]' then
        raise exception using
            errcode = 'IV001',
            message = 'The stock cannot be held.',
            detail = jsonb_build_object('short', short, 'unknown', unknown)::text;
    end if;
end
$$;
