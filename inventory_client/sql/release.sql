-- Give the stock of one reservation back and leave it as a tombstone, also for an id never seen: a delayed hold then
-- cannot hold for nobody. What had been shipped of it is on hand again: a reservation ends when all units are back.
--
-- With p_before, only a known hold that nobody has touched after that time is released. Tells whether it is released
-- now.
-- Locks as inventory_hold does: the reservation first, then stock in the byte order in which the lines stand.
create or replace function inventory_release(p_id uuid, p_before timestamptz) returns boolean language plpgsql as $$
declare
    existing inventory_reservation;
    gone integer;
begin
    if p_before is null then
        insert into inventory_reservation (id, revision, state, product_ids, quantities, created_at, updated_at)
        values (p_id, 0, 'released', '{}', '{}', clock_timestamp(), clock_timestamp())
        on conflict (id) do nothing;
        if found then
            return true;
        end if;
    end if;

    select * into existing from inventory_reservation where id = p_id for update;
    if not found then
        return p_before is null;
    elsif existing.state = 'released' then
        return true;
    elsif p_before is not null and (existing.state <> 'held' or existing.updated_at > p_before) then
        return false;
    end if;

    update inventory_reservation set state = 'released', updated_at = clock_timestamp() where id = p_id;
    for i in 1 .. cardinality(existing.product_ids) loop
        gone := coalesce(existing.shipped[i], 0);
        update inventory_stock
           set on_hand = on_hand + gone, reserved = reserved - (existing.quantities[i] - gone),
               shipped = shipped - gone, updated_at = clock_timestamp()
         where product_id = existing.product_ids[i];
    end loop;
    return true;
end
$$;
