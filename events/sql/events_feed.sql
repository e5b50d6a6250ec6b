-- The feed gives each event of a storefront a position: 1, 2, 3 … without a gap, within a stream in order of
-- `sequence`. An event gets it once it is committed, from whoever holds the lock of the storefront's head, and keeps it.
-- So whoever has read up to a position has missed nothing, whatever commits later: that comes behind it.

-- Notes what is appended to the log, in the transaction that appends it. A trigger, because the log is the only place
-- that nobody gets past: not a release that is still running while this one is rolled out, nor a script.
create or replace function events_feed_arrive() returns trigger language plpgsql as $$
begin
    -- `sequence` is taken under the stream's lock, so ids grow with it from one transaction to the next as well.
    insert into events_feed_arrival (storefront_id, event_id)
    select storefront_id, id from added order by sequence;
    return null;
end
$$;

-- Numbers at most `p_most` events that have arrived, and returns how many. Waits for nobody: 0 while another does it.
--
-- What it reads under the lock is a snapshot in which each stream is there up to some `sequence`: who appends the next
-- one has waited for the last one's commit. The lowest ids first therefore keeps every stream in order. Nothing is
-- numbered before the events from before there was a feed: their streams may go on among those that arrived.
create or replace function events_feed_number(p_storefront_id integer, p_most integer) returns integer
language plpgsql
-- The number of arrivals changes faster than the planner's statistics: index scans are right at any.
set enable_seqscan = off set enable_bitmapscan = off as $$
declare
    head bigint;
    numbered integer;
begin
    if not exists (select from events_feed_arrival where storefront_id = p_storefront_id)
            or exists (select from events_feed_history) then
        return 0;
    end if;
    select position into head from events_feed_head where storefront_id = p_storefront_id for update skip locked;
    if not found then
        insert into events_feed_head (storefront_id, position) values (p_storefront_id, 0) on conflict do nothing;
        select position into head from events_feed_head where storefront_id = p_storefront_id for update skip locked;
        if not found then
            return 0;
        end if;
    end if;

    with first as (
        select id from events_feed_arrival where storefront_id = p_storefront_id order by id limit p_most
    ), taken as (
        delete from events_feed_arrival arrival using first
        where arrival.storefront_id = p_storefront_id and arrival.id = first.id
        returning arrival.id, arrival.event_id
    )
    insert into events_feed (storefront_id, position, event_id)
    select p_storefront_id, head + row_number() over (order by id), event_id from taken;
    get diagnostics numbered = row_count;

    update events_feed_head set position = head + numbered where storefront_id = p_storefront_id;
    return numbered;
end
$$;

-- Numbers events from before there was a feed, at most `p_most` of those that come next in order of their streams.
-- Returns how many, and null once all are numbered, or while another does it.
--
-- What has arrived since is left out: it comes behind. A storefront's head needs no lock here, because nothing else
-- numbers as long as there is a row in `events_feed_history`, and that row is locked.
create or replace function events_feed_number_history(p_most integer) returns integer language plpgsql as $$
declare
    done events_feed_history;
    reached record;
    numbered integer;
begin
    select * into done from events_feed_history for update skip locked;
    if not found then
        return null;
    end if;
    select stream_id, storefront_id, sequence into reached from events_event
    where (stream_id, storefront_id, sequence) > (done.stream_id, done.storefront_id, done.sequence)
    order by stream_id, storefront_id, sequence offset p_most - 1 limit 1;
    if found then
        update events_feed_history
        set stream_id = reached.stream_id, storefront_id = reached.storefront_id, sequence = reached.sequence;
    else
        delete from events_feed_history;
    end if;

    with fresh as (
        select event.storefront_id, event.id,
               row_number() over (partition by event.storefront_id order by event.stream_id, event.sequence) as place
        from events_event event
        where (event.stream_id, event.storefront_id, event.sequence)
                > (done.stream_id, done.storefront_id, done.sequence)
            and (reached.stream_id is null or (event.stream_id, event.storefront_id, event.sequence)
                <= (reached.stream_id, reached.storefront_id, reached.sequence))
            and not exists (select from events_feed_arrival arrival where arrival.event_id = event.id)
    ), counts as (
        select storefront_id, count(*) as many from fresh group by storefront_id
    ), grown as (
        insert into events_feed_head (storefront_id, position) select storefront_id, many from counts
        on conflict (storefront_id) do update set position = events_feed_head.position + excluded.position
        returning storefront_id, position
    )
    insert into events_feed (storefront_id, position, event_id)
    select storefront_id, grown.position - counts.many + fresh.place, fresh.id
    from fresh join counts using (storefront_id) join grown using (storefront_id);
    get diagnostics numbered = row_count;
    return numbered;
end
$$;
