-- As the release before this one calls orders_place_at_once: it runs on while this one is rolled out.
create or replace procedure orders_hold_and_place(
    p_ids uuid[], p_revisions integer[], p_line_counts integer[], p_product_ids text[], p_quantities integer[],
    p_grace interval, p_orders json, p_items json, p_events json, p_sinks text[], p_answers json,
    inout p_outcomes text[], inout p_valid_until timestamptz, inout p_written boolean
) language plpgsql as $$
begin
    call orders_place_at_once(
        null, p_ids, p_revisions, p_line_counts, p_product_ids, p_quantities, p_grace, p_orders, p_items, p_events,
        p_sinks, p_answers, p_outcomes, p_valid_until, p_written);
end
$$;
