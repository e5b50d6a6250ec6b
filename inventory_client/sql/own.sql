-- Hold on to reservations until the caller's transaction ends: whoever writes an order on them calls this in the
-- transaction that writes it. Tells whether all of them still hold their stock.
--
-- A release asks whether an order stands on its reservation. As long as the order's transaction has not ended (its commit
-- may wait for a standby), nobody else can see the order, but everybody meets these locks.
-- Over HTTP the row is the journal's, for the ledger it is the reservation itself. Locked in the order of ids.
create or replace function inventory_own(p_ids uuid[]) returns boolean language sql as $$
    with asked as materialized (
        select id, state from inventory_asked_hold where id = any (p_ids) order by id for share
    ), reserved as materialized (
        select state from inventory_reservation
         where id = any (p_ids) and id not in (select id from asked) order by id for share
    )
    select cardinality(p_ids) = (select count(*) from asked where state = 'asked')
                              + (select count(*) from reserved where state <> 'released')
$$;
