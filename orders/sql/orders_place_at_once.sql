-- Holds stock and writes orders in one call, where the inventory is the ledger in this same database.
--
-- Two transactions, as if they were two calls: the hold is committed before the orders are written, so the rows of hot
-- products are locked only while they are counted. It must be called outside any transaction. A refusal of the hold is
-- raised as inventory_hold raises it; nothing is held then. `p_written` is false, and nothing is written, when some
-- reservation was there before (this may be a repeat) or when the rows are refused; the caller then goes on step by step
-- from the hold, which stands. With `p_patience`, no lock is waited for any longer: whoever places for others does not
-- keep them all waiting for one busy row.
create or replace procedure orders_place_at_once(
    p_patience interval,
    p_ids uuid[], p_revisions integer[], p_line_counts integer[], p_product_ids text[], p_quantities integer[],
    p_grace interval, p_orders json, p_items json, p_events json, p_sinks text[], p_answers json,
    inout p_outcomes text[], inout p_valid_until timestamptz, inout p_written boolean
) language plpgsql as $$
begin
    if p_patience is not null then
        perform set_config('lock_timeout', extract(milliseconds from p_patience)::integer || 'ms', true);
    end if;
    select outcomes, valid_until into p_outcomes, p_valid_until
    from inventory_hold(p_ids, p_revisions, p_line_counts, p_product_ids, p_quantities, p_grace);
    commit;

    p_written := 'held' = all (p_outcomes);
    if p_written then
        begin
            if p_patience is not null then
                perform set_config('lock_timeout', extract(milliseconds from p_patience)::integer || 'ms', true);
            end if;
            perform orders_place(p_orders, p_items, p_events, p_sinks, p_answers, p_valid_until);
        exception when others then
            p_written := false;
        end;
    end if;
end
$$;
