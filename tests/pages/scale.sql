-- A long history, SIGNALS signals in sixty days: three decisions and ten events for each, orders for one in five. Made up, the
-- same each time but for the clock.
insert into leaders select n, '0x' || lpad(to_hex(n + 4096), 40, '0'), 'leader-' || n from generate_series(0, 39) n;
insert into tokens (id, token, condition_id, title, outcome, closes_at, tick, minimum, fee_rate)
    select n, (10000000000000000 + n)::text, '0x' || to_hex(n / 2 + 4096), 'Will it happen, case ' || n / 2 || '?', case n % 2 when 0 then 'Yes' else 'No' end,
        now() + interval '9 days', 0.01, 5, 0.04 from generate_series(0, 1999) n;
insert into portfolios (id, strategy, mode, deposits, available) values (0, 'steady', 'paper', 100000, 100000), (1, 'bold', 'paper', 100000, 100000), (2, 'steady', 'live', 100000, 100000);

create temporary table moments as select i::bigint as i, now() - (SIGNALS - i) * (interval '60 days' / SIGNALS) as at from generate_series(1, SIGNALS) i;

insert into signals (id, at, traded_at, group_id, leader_id, token_id, side, price, shares, group_price, group_shares, leader_held, trade_key)
    select i, at, at - interval '180 ms' - i % 50 * interval '7 ms', i, i % 40, i * 7 % 2000, case when i % 6 = 5 then 'sell' else 'buy' end,
        0.1 + i % 80 / 100.0, 10 + i % 900, 0.1 + i % 80 / 100.0, 10 + i % 900, 120, md5(i::text) from moments;
insert into scores select i, at, 0, 0.1, 0, 0.8, 0.2, 0, 0.5, 0.51, 0.52, null, 0.5 from moments where i % 6 <> 5;

insert into decisions (signal_id, portfolio_id, at, outcome, reason, unit, limit_amount, actual_amount, order_id, would)
    select i, p, at, case when k < 2 then 'ordered' when k = 2 then 'refused' else 'skipped' end,
        case when k < 2 then '' when k = 2 then 'daily_budget' else (array['too_old', 'price_moved', 'depth_too_thin', 'spread_too_wide', 'no_asks', 'live_off', 'near_close'])[k - 2] end,
        case when k < 2 then '' else 'usdc' end, case when k >= 2 then 100 end, case when k >= 2 then 118 end, case when k < 2 then i * 3 + p end,
        case when k >= 2 and i % 3 = 0 then round((i % 190 - 110) / 100.0, 4) end
    from moments, generate_series(0, 2) p, lateral (select (i * 7 + p * 3) % 10 as k) k;
insert into orders (id, signal_id, portfolio_id, leader_id, token_id, side, kind, cause, limit_price, shares, budget, reserved, touch, reference, state,
        submitted_at, accepted_at, closed_at, filled, cash, fee, venue_id)
    select i * 3 + p, i, p, i % 40, i * 7 % 2000, case when i % 6 = 5 then 'sell' else 'buy' end, 'fak', case when i % 6 = 5 then 'leader_exit' else 'entry' end,
        0.5, 40, 20, 20.4, 0.49, 0.48, case i % 5 when 0 then 'rejected_no_match' when 1 then 'cancelled' else 'filled' end,
        at, at + interval '31 ms', at + interval '44 ms', case i % 5 when 0 then 0 when 1 then 18 else 40 end, case i % 5 when 0 then 0 when 1 then 9 else 20 end, 0.1,
        case p when 2 then '0x' || repeat(md5(i::text), 2) else '' end
    from moments, generate_series(0, 2) p where (i * 7 + p * 3) % 10 < 2;
insert into fills (seq, at, order_id, portfolio_id, shares, cash, fee, basis, realised, trade_key)
    select id, submitted_at + interval '40 ms', id, portfolio_id, filled, cash, fee, case side when 'sell' then cash - 1 else 0 end, case side when 'sell' then 0.9 else -fee end, md5(id::text)
    from orders where filled > 0;
insert into positions (portfolio_id, leader_id, token_id, shares, cost, opened_at, updated_at)
    select portfolio_id, leader_id, token_id, case when row_number() over (partition by portfolio_id order by max(id) desc) <= 150 then 40 else 0 end, 20,
        min(submitted_at), max(submitted_at) from orders group by 1, 2, 3;
update positions set cost = 0 where shares = 0;
insert into settlements (seq, at, portfolio_id, leader_id, token_id, shares, basis, proceeds)
    select 4 * i, at, i % 3, i % 40, i * 7 % 2000, 40, 20, 40 from moments where i % 50 = 0;
update portfolios p set realised = s.realised, fees = s.fees, available = p.deposits + s.realised
    from (select portfolio_id, sum(realised) as realised, sum(fee) as fees from fills group by 1) s where s.portfolio_id = p.id;
insert into portfolio_values (portfolio_id, seq, at, available, reserved, deployed, cooling, realised, unrealised)
    select p, n, now() - (SIGNALS - n) * (interval '60 days' / SIGNALS), 99000, 0, 1000, 0, 0, round((sin(n / 170.0) * 90)::numeric, 2)
    from generate_series(0, 2) p, generate_series(1, SIGNALS) n;
insert into sightings (seq, seen_at, trade_key, leader_id, token_id, source, is_first, signal_id, lag_us)
    select i * 2, at, md5(i::text), i % 40, i * 7 % 2000, 'activity', true, i, 0 from moments
    union all select i * 2 + 1, at + interval '2 s', md5(i::text), i % 40, i * 7 % 2000, 'log', false, i, 2000000 from moments;
insert into external_trades select 6 * i, at, '0x' || repeat(md5(i::text), 2), md5('x' || i), i % 2000, 'buy', 10, 5, 0, at from moments where i % 200 = 0;
insert into account_positions select 'shares', token_id, now(), sum(shares), 0, sum(shares) from positions where portfolio_id = 2 and shares > 0 group by token_id;
insert into account_positions values ('cash', 0, now(), 90000, 0, 91000);

insert into events (seq, at, kind, body)
    select i * 10, at, 'signal', jsonb_build_object('Signal', jsonb_build_object('signal', i, 'group', i, 'trade', '[1, 2]'::jsonb, 'leader', i % 40, 'token', i * 7 % 2000,
        'side', 'Buy', 'price', 500000, 'shares', 10000000, 'group_price', 500000, 'group_shares', 10000000, 'leader_held', 0, 'role', 'Taker', 'source', 'Activity', 'how', 'Traded',
        'traded_at', (extract(epoch from at) * 1e9)::bigint)) from moments
    union all select i * 10 + 1, at, 'repeated', jsonb_build_object('Repeated', jsonb_build_object('trade', '[1, 2]'::jsonb, 'leader', i % 40, 'token', i * 7 % 2000, 'source', 'Log')) from moments
    union all select i * 10 + 2 + d.portfolio_id, m.at, d.outcome, jsonb_build_object(initcap(d.outcome), jsonb_build_object('signal', i, 'portfolio', d.portfolio_id, 'reason',
            case d.outcome when 'refused' then 'DailyBudget' else 'TooOld' end, 'numbers', '{"limit": 3000, "actual": 7250}'::jsonb))
        from moments m join decisions d on d.signal_id = i where d.outcome <> 'ordered'
    union all select o.signal_id * 10 + 2 + o.portfolio_id, o.submitted_at, 'submitted', jsonb_build_object('Submitted', jsonb_build_object('order', o.id, 'signal', o.signal_id, 'portfolio', o.portfolio_id,
            'leader', o.leader_id, 'token', o.token_id, 'side', 'Buy', 'kind', 'Fak', 'cause', 'Entry', 'limit', 500000, 'shares', 40000000, 'budget', 20000000, 'reserved', 20400000,
            'touch', 490000, 'reference', 480000, 'attempt', 1)) from orders o
    union all select i * 10 + 5, at, 'accepted', jsonb_build_object('Accepted', jsonb_build_object('order', i * 3)) from moments
    union all select i * 10 + 6, at, 'filled', jsonb_build_object('Filled', jsonb_build_object('order', i * 3, 'shares', 40000000, 'cash', 20000000, 'fee', 100000, 'basis', 0, 'release_at', 0)) from moments
    union all select i * 10 + 7, at, 'closed', jsonb_build_object('Closed', jsonb_build_object('order', i * 3, 'end', 'Filled', 'released', 400000)) from moments
    union all select i * 10 + 8, at, 'valued', jsonb_build_object('Valued', jsonb_build_object('portfolio', i % 3, 'available', 0, 'reserved', 0, 'deployed', 0, 'cooling', 0, 'realised', 0, 'unrealised', 0)) from moments
    union all select i * 10 + 9, at, case i % 500 when 0 then 'faulted' else 'released' end, case i % 500 when 0 then '{"Faulted": {"fault": "Overfill", "order": 3}}'::jsonb
        else '{"Released": {"portfolio": 0, "amount": 1000000}}'::jsonb end from moments;
insert into journal_cursor (next_seq, written_at) select max(seq) + 1, now() from events;
