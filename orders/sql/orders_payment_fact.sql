-- Payment records are facts: they are added, never changed or removed (TRUNCATE alone gets through, for tests).
create or replace function orders_payment_fact() returns trigger language plpgsql as $$
begin
    raise exception 'payment records are append-only';
end
$$;
create or replace trigger orders_payment_fact before update or delete on orders_paymentrecord
    for each row execute function orders_payment_fact();
