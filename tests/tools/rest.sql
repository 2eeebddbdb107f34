-- How many live orders are open, and matches unsettled. An order that nobody answered for is in doubt for ten minutes: whoever
-- audits asks whether it may be.
with words as (
    select (jsonb_path_query_first(body, '$.*.order'))::bigint as id, kind from events
), live as (
    select id, count(*) filter (where kind = 'closed') as closed, count(*) filter (where kind = 'matched') as matched,
        count(*) filter (where kind in ('confirmed', 'voided')) as settled,
        count(*) filter (where kind = 'unknown') > count(*) filter (where kind = 'accepted') as in_doubt
    from words where id >= 1099511627776 group by id
)
select coalesce(sum(case when closed = 0 and not (in_doubt and matched = 0) then 1 else 0 end
    + greatest(0, matched - settled)), 0)::bigint from live
