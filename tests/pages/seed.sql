-- Three days of two paper portfolios and a day of a live one, in which everything that the pages show occurs. Made up, the same each time but for the clock.
insert into leaders values
    (0, '0x1111111111111111111111111111111111111111', 'patient-otter'),
    (1, '0x2222222222222222222222222222222222222222', 'quickdraw'),
    (2, '0x3333333333333333333333333333333333333333', ''),
    (3, '0x4444444444444444444444444444444444444444', E'<b>bold</b>\u202Eesrever');
insert into tokens (id, token, condition_id, title, outcome, closes_at) values
    (0, '71321045679252212594626385532706912750332728571942532289631379312455583992563', '0xaa01', 'Will the lighthouse be repainted before March?', 'Yes', now() + interval '20 days'),
    (1, '81321045679252212594626385532706912750332728571942532289631379312455583992564', '0xaa02', 'Harbour Town against Rovers', 'Rovers', now() + interval '3 hours'),
    (2, '91321045679252212594626385532706912750332728571942532289631379312455583992565', '0xaa03', 'Rain in the valley on Sunday, more than 10 mm measured at the upper station of the old observatory by 18:00', 'No', now() + interval '2 days'),
    (3, '11321045679252212594626385532706912750332728571942532289631379312455583992566', '', '', '', null),
    (4, '21321045679252212594626385532706912750332728571942532289631379312455583992567', '0xaa05', E'<img src=x onerror=alert(1)> \u202Eevil\u2066 \u0007title', E'Y\u202Ees', now() + interval '9 days'),
    (5, '31321045679252212594626385532706912750332728571942532289631379312455583992568', '0xaa06', '=HYPERLINK("http://evil.example","Up, or down?")', 'Up', now() + interval '1 hour');
insert into tokens (id, token, condition_id, title, outcome, payout) values
    (6, '41321045679252212594626385532706912750332728571942532289631379312455583992569', '0xaa07', 'Will the ferry sail on Friday?', 'Yes', 1);
insert into portfolios (id, strategy, mode, deposits, available) values (0, 'steady', 'paper', 1000, 1000), (1, 'bold', 'paper', 2500, 2500), (2, 'steady', 'live', 800, 800);

create temporary sequence seqs;
create temporary sequence order_ids;

create function pg_temp.event(happened timestamptz, what text, body jsonb) returns void language sql as
    $$ insert into events values (nextval('seqs'), happened, what, body) $$;

create function pg_temp.micros(amount numeric) returns bigint language sql as $$ select (amount * 1000000)::bigint $$;

-- Submits an order and, for `part` above zero, fills that part of it.
create function pg_temp.trade(signal bigint, p int, l int, t int, s text, why text, price numeric, touch numeric, budget numeric, sold numeric, part numeric, ended text, happened timestamptz)
returns void language plpgsql as $$
declare
    o bigint := nextval('order_ids');
    wanted numeric := case s when 'buy' then trunc(budget / touch, 2) else sold end;
    got numeric := trunc(wanted * part, 2);
    paid numeric := round(got * touch, 6);
    charged numeric := trunc(got * 0.04 * touch * (1 - touch), 5);
    held positions;
    cost_of numeric := 0;
    gain numeric;
    bound numeric := case s when 'buy' then least(touch + 0.01, 0.99) else greatest(touch - 0.01, 0.01) end;
begin
    insert into orders values (o, nullif(signal, 0), p, l, t, s, 'fak', why, bound, wanted, budget, budget * 1.02, touch, price, ended,
        happened, happened + interval '31 ms', case when ended in ('accepted', 'submitted') then null else happened + interval '44 ms' end, got, paid, charged);
    if signal <> 0 then
        insert into decisions values (signal, p, happened, 'ordered', '', '', null, null, o);
    end if;
    perform pg_temp.event(happened, 'submitted', jsonb_build_object('Submitted', jsonb_build_object('order', o, 'signal', signal, 'portfolio', p, 'leader', l,
        'token', t, 'side', initcap(s), 'kind', 'Fak', 'cause', replace(initcap(replace(why, '_', ' ')), ' ', ''), 'limit', pg_temp.micros(bound), 'shares', pg_temp.micros(wanted),
        'budget', pg_temp.micros(budget), 'reserved', pg_temp.micros(budget * 1.02), 'touch', pg_temp.micros(touch), 'reference', pg_temp.micros(price), 'attempt', 1)));
    perform pg_temp.event(happened + interval '31 ms', 'accepted', jsonb_build_object('Accepted', jsonb_build_object('order', o)));
    if got > 0 then
        if s = 'sell' then
            select * into held from positions where portfolio_id = p and leader_id = l and token_id = t;
            cost_of := round(held.cost * got / held.shares, 6);
        end if;
        gain := case s when 'buy' then -charged else paid - charged - cost_of end;
        insert into fills values (nextval('seqs'), happened + interval '40 ms', o, p, got, paid, charged, cost_of, gain);
        perform pg_temp.event(happened + interval '40 ms', 'filled', jsonb_build_object('Filled', jsonb_build_object('order', o, 'shares', pg_temp.micros(got),
            'cash', pg_temp.micros(paid), 'fee', pg_temp.micros(charged), 'basis', pg_temp.micros(cost_of), 'release_at', 0)));
        if s = 'buy' then
            insert into positions values (p, l, t, got, paid, gain, charged, 0, '', happened, happened)
            on conflict (portfolio_id, leader_id, token_id) do update set shares = positions.shares + got, cost = positions.cost + paid,
                realised = positions.realised + gain, fees = positions.fees + charged, updated_at = happened;
        else
            update positions set shares = shares - got, cost = cost - cost_of, realised = realised + gain, fees = fees + charged, updated_at = happened
            where portfolio_id = p and leader_id = l and token_id = t;
            update portfolios set cooling = cooling + paid - charged, available = available - paid + charged where id = p;
        end if;
    end if;
    if ended not in ('accepted', 'submitted') then
        perform pg_temp.event(happened + interval '44 ms', 'closed', jsonb_build_object('Closed', jsonb_build_object('order', o,
            'end', case when ended = 'filled' then '"Filled"'::jsonb when ended = 'cancelled' then '"Cancelled"' else '{"Rejected": "NoMatch"}' end, 'released', pg_temp.micros(budget * 0.02))));
    end if;
end $$;

create function pg_temp.no(signal bigint, p int, ended text, code text, variant text, u text, allowed numeric, was numeric, scale numeric, happened timestamptz)
returns void language plpgsql as $$
begin
    insert into decisions values (signal, p, happened, ended, code, u, allowed, was, null);
    perform pg_temp.event(happened, ended, jsonb_build_object(initcap(ended), jsonb_build_object('signal', signal, 'portfolio', p, 'reason', variant,
        'numbers', jsonb_build_object('limit', (coalesce(allowed, 0) * scale)::bigint, 'actual', (coalesce(was, 0) * scale)::bigint))));
end $$;

do $$
declare
    i int; p int; l int; t int; price numeric; size numeric; happened timestamptz; decided timestamptz; s text; held positions;
begin
    for i in 1..140 loop
        l := i % 4; t := (i * 5) % 7;
        happened := now() - (140 - i) * interval '29 minutes' - interval '95 seconds';
        decided := happened + make_interval(secs => 0.081 + (i * 37 % 100) / 400.0);
        price := round(0.18 + (i * 61 % 60) / 100.0, 2);
        size := 40 + i * 97 % 900 + 0.5;
        s := case when i % 6 = 5 then 'sell' else 'buy' end;
        insert into signals values (i, decided, happened, case when i % 10 = 4 then i - 1 else i end, l, t, s, price, size,
            case when i % 10 = 4 then price - 0.004 else price end, case when i % 10 = 4 then size + 310 else size end, 120, md5(i::text));
        perform pg_temp.event(decided, 'signal', jsonb_build_object('Signal', jsonb_build_object('signal', i, 'group', case when i % 10 = 4 then i - 1 else i end,
            'trade', '[1, 2]'::jsonb, 'leader', l, 'token', t, 'side', initcap(s), 'price', pg_temp.micros(price), 'shares', pg_temp.micros(size),
            'group_price', pg_temp.micros(price), 'group_shares', pg_temp.micros(size), 'leader_held', 120000000, 'role', 'Taker', 'source', 'Activity', 'how', 'Traded', 'traded_at', (extract(epoch from happened) * 1e9)::bigint)));
        if s = 'buy' then
            insert into scores values (i, decided, round((i % 9 - 4) / 50.0, 6), round((i * 31 % 200 - 100) / 100.0, 6), round((i * 17 % 100 - 50) / 100.0, 6), 0.8, 0.2,
                2 * price - 1, price, least(1, price + 0.012), least(0.99, price + 0.009), case when i % 5 = 0 then least(1, price + 0.06) end, price + 0.01);
            perform pg_temp.event(decided, 'scored', jsonb_build_object('Scored', jsonb_build_object('signal', i, 'features', '[1000, 0, 0, 0, 0, 0]'::jsonb,
                'prior_ppm', pg_temp.micros(price), 'ask', pg_temp.micros(price + 0.01), 'additive', jsonb_build_object('confidence_ppm', pg_temp.micros(price + 0.012), 'bias_ppm', 12000),
                'bayesian', jsonb_build_object('confidence_ppm', pg_temp.micros(price + 0.009), 'bias_ppm', 9000), 'model_ppm', null)));
        end if;
        continue when i = 140; -- still waits
        for p in 0..1 loop
            held := null;
            select * into held from positions where portfolio_id = p and leader_id = l and token_id = t and shares > 0;
            if s = 'sell' then
                if held is null then perform pg_temp.no(i, p, 'skipped', 'nothing_to_sell', 'NothingToSell', '', null, null, 1, decided);
                else perform pg_temp.trade(i, p, l, t, 'sell', 'leader_exit', price, price - 0.01, 0, held.shares, 1, 'filled', decided); end if;
                continue;
            end if;
            case (i * 3 + p) % 11
                when 0 then perform pg_temp.no(i, p, 'skipped', 'too_old', 'TooOld', 'ms', 3000, 7250, 1, decided);
                when 1 then perform pg_temp.no(i, p, 'skipped', 'price_moved', 'PriceMoved', 'price', price + 0.01, price + 0.035, 1e6, decided);
                when 2 then perform pg_temp.no(i, p, 'skipped', 'depth_too_thin', 'DepthTooThin', 'shares', 62.5, 18.2, 1e6, decided);
                when 3 then perform pg_temp.no(i, p, 'skipped', 'spread_too_wide', 'SpreadTooWide', 'price', 0.02, 0.05, 1e6, decided);
                when 4 then perform pg_temp.no(i, p, 'refused', 'position_size', 'PositionSize', 'usdc', 100, 118.4, 1e6, decided);
                when 5 then perform pg_temp.trade(i, p, l, t, 'buy', 'entry', price, price + 0.01, 20, 0, 0, 'rejected_no_match', decided);
                when 6 then perform pg_temp.trade(i, p, l, t, 'buy', 'entry', price, price + 0.01, 25, 0, 0.42, 'cancelled', decided);
                when 7 then perform pg_temp.trade(i, p, l, t, 'buy', 'entry', price, price - 0.005, 15 + p * 25, 0, 1, 'filled', decided);
                else perform pg_temp.trade(i, p, l, t, 'buy', 'entry', price, price + 0.005, 20 + p * 30, 0, 1, 'filled', decided);
            end case;
        end loop;
    end loop;
    -- Orders that no signal led to.
    for held in select * from positions where shares > 0 and token_id in (0, 2) order by portfolio_id, leader_id limit 3 loop
        perform pg_temp.trade(0, held.portfolio_id, held.leader_id, held.token_id, 'sell', case held.token_id when 0 then 'stop_loss' else 'take_profit' end,
            round(held.cost / held.shares, 4), case held.token_id when 0 then 0.21 else 0.88 end, 0, held.shares, 1, 'filled', now() - interval '3 hours' - held.leader_id * interval '17 minutes');
    end loop;
    -- A market that ended.
    for held in select * from positions where shares > 0 and token_id = 6 loop
        insert into settlements values (nextval('seqs'), now() - interval '5 hours', held.portfolio_id, held.leader_id, 6, held.shares, held.cost, held.shares);
        update positions set shares = 0, cost = 0, realised = realised + held.shares - held.cost, updated_at = now() - interval '5 hours'
        where portfolio_id = held.portfolio_id and leader_id = held.leader_id and token_id = 6;
        update portfolios set cooling = cooling + held.shares, available = available - held.shares where id = held.portfolio_id;
    end loop;
    update positions set exit_due = shares, exit_cause = 'leader_exit' where portfolio_id = 0 and token_id = 1 and shares > 0;
end $$;

-- A day with real money: off at first, then on; matches that wait, settled or are void; a wallet that somebody else uses, too.
do $$
declare
    i int; price numeric; decided timestamptz; r record;
begin
    for i in 90..139 loop
        select * into r from signals where id = i;
        continue when r.side = 'sell';
        decided := r.at; price := r.price;
        case
            when i < 105 then perform pg_temp.no(i, 2, 'skipped', 'live_off', 'LiveOff', '', null, null, 1, decided);
            when i % 8 in (0, 5) then perform pg_temp.trade(i, 2, r.leader_id, r.token_id, 'buy', 'entry', price, price + 0.005, 12, 0, 1, 'filled', decided);
            when i % 8 = 1 then perform pg_temp.trade(i, 2, r.leader_id, r.token_id, 'buy', 'entry', price, price + 0.01, 12, 0, 0.42, 'cancelled', decided);
            when i % 8 = 2 then perform pg_temp.trade(i, 2, r.leader_id, r.token_id, 'buy', 'entry', price, price + 0.01, 12, 0, 0, 'rejected_no_match', decided);
            when i % 8 = 3 then perform pg_temp.trade(i, 2, r.leader_id, r.token_id, 'buy', 'entry', price, price + 0.01, 12, 0, 0, 'not_sent_too_old', decided);
            when i % 8 = 4 then perform pg_temp.no(i, 2, 'refused', 'daily_budget', 'DailyBudget', 'usdc', 100, 112, 1e6, decided);
            else perform pg_temp.no(i, 2, 'skipped', 'price_moved', 'PriceMoved', 'price', price + 0.01, price + 0.035, 1e6, decided);
        end case;
    end loop;
    perform pg_temp.trade(0, 2, 0, 0, 'buy', 'entry', 0.41, 0.42, 12, 0, 0, 'accepted', now() - interval '40 seconds');
end $$;
update orders set venue_id = '0x' || repeat(md5(id::text), 2) where portfolio_id = 2 and state not like 'not_sent%';
update fills f set trade_key = md5(f.seq::text) where portfolio_id = 2;
update fills f set settlement = 'provisional' where portfolio_id = 2 and seq = (select max(seq) from fills where portfolio_id = 2);
update positions set provisional = least(shares, 3) where portfolio_id = 2 and shares > 0 and token_id = (select max(token_id) from positions where portfolio_id = 2 and shares > 0);
insert into external_trades values
    (nextval('seqs'), now() - interval '9 hours', '0x' || repeat('e1', 32), md5('e1'), 2, 'buy', 40, 18.4, 0, now() - interval '9 hours'),
    (nextval('seqs'), now() - interval '4 hours', '0x' || repeat('e2', 32), md5('e2'), 4, 'sell', 5, 2.6, 0, now() - interval '4 hours');
select pg_temp.event(now() - interval '9 hours', 'external', '{"External": {"id": "0xe1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1", "trade": [1, 2], "token": 2, "side": "Buy", "shares": 40000000, "cash": 18400000, "fee": 0, "traded_at": 1}}');
insert into differences values (nextval('seqs'), now() - interval '6 hours', 'cash', null, 700, 688.5), (nextval('seqs'), now() - interval '5 hours', 'cash', null, 700, 700),
    (nextval('seqs'), now() - interval '2 hours', 'shares', 0, 30, 28.5);
insert into account_positions select 'shares', token_id, now() - interval '11 minutes', sum(shares), case token_id when 2 then 40 when 4 then -5 else 0 end,
    sum(shares) + case token_id when 0 then -1.5 when 2 then 40 when 4 then -5 else 0 end from positions where portfolio_id = 2 and shares > 0 group by token_id;
insert into account_positions values ('cash', 0, now() - interval '3 minutes', 700, 0, 912.35);

-- What the noes would have earned, where it is known; a copy that waits, one that was ordered with another, an order sent again.
update decisions d set would = round((signal_id * 37 % 190 - 110) / 100.0, 4) from signals s
where s.id = d.signal_id and s.side = 'buy' and d.outcome in ('skipped', 'refused') and d.signal_id % 3 <> 0;
update decisions set outcome = 'buffered', reason = '', unit = '', limit_amount = null, actual_amount = null, would = null, wanted = 0.42 where signal_id = 129 and portfolio_id = 0;
update decisions set outcome = 'merged', reason = '', unit = '', limit_amount = null, actual_amount = null, would = null, wanted = 0.61, merged_into = 121 where signal_id = 118 and portfolio_id = 0;
update orders set attempt = 2 where signal_id = 120;
select pg_temp.event(now() - interval '30 hours', 'paper_switched', '{"PaperSwitched": {"to": "On"}}');
select pg_temp.event(now() - interval '29 hours', 'tripped', '{"Tripped": {"portfolio": 1, "breaker": "LossesInRow", "numbers": {"limit": 5, "actual": 5}}}');
select pg_temp.event(now() - interval '28 hours', 'breaker_reset', '{"BreakerReset": {"portfolio": 1, "breaker": "LossesInRow"}}');
select pg_temp.event(now() - interval '27 hours', 'declined', '{"Declined": {"portfolio": 0, "reason": "NotAvailable", "numbers": {"limit": 192130000, "actual": 15000000}}}');

with sums as (
    select p.id, coalesce((select sum(realised) from positions where portfolio_id = p.id), 0) as realised,
        coalesce((select sum(fees) from positions where portfolio_id = p.id), 0) as fees,
        coalesce((select sum(cost) from positions where portfolio_id = p.id), 0) as deployed
    from portfolios p
)
update portfolios p set realised = s.realised, fees = s.fees, deployed = s.deployed, reserved = case when p.id = 2 then 12.24 else 20.4 end,
    available = p.deposits + s.realised - s.deployed - p.cooling - case when p.id = 2 then 12.24 else 20.4 end
from sums s where s.id = p.id;

insert into portfolio_values
select p.id, n, now() - (430 - n) * interval '10 minutes', p.available, 0, p.deployed, p.deposits - p.available - p.deployed + round(p.realised * n / 430, 2),
    round(p.realised * n / 430, 2), round((sin(n / 17.0) * 9 + sin(n / 5.0 + p.id) * 4 + cos(n / 61.0) * 14)::numeric * (1 + p.id), 2)
from portfolios p, generate_series(1, 430) n;

select pg_temp.event(now() - interval '26 hours', 'faulted', '{"Faulted": {"fault": "Overfill", "order": 3}}');
-- Who saw them: the socket mostly first, the chain two seconds later, the Data API last; the chain was away for a while.
insert into sightings select 10000 + s.id * 4, s.at, s.trade_key, s.leader_id, s.token_id, case when s.id % 9 = 0 then 'log' else 'activity' end, true, s.id, 0 from signals s;
insert into sightings select 10001 + s.id * 4, s.at + interval '2 s' + s.id % 7 * interval '90 ms', s.trade_key, s.leader_id, s.token_id, case when s.id % 9 = 0 then 'activity' else 'log' end,
    false, s.id, 2000000 + s.id % 7 * 90000 from signals s where s.id % 13 <> 0;
insert into sightings select 10002 + s.id * 4, s.at + interval '6 s' + s.id % 11 * interval '700 ms', s.trade_key, s.leader_id, s.token_id, 'index', false, s.id, 6000000 + s.id % 11 * 700000 from signals s;
insert into sightings select 10003 + s.id * 4, s.at + interval '61 s', s.trade_key, s.leader_id, s.token_id, 'index', false, s.id, 61000000 from signals s where s.id % 10 = 0;
insert into source_gaps select 20000 + s.id, s.at + interval '40 s', 'log', 'silent', s.at - interval '30 s', s.at + interval '40 s' from signals s where s.id in (26, 52);
insert into source_gaps select 30000, min(s.at), 'activity', 'start', min(s.at) - interval '9 days', min(s.at) from signals s;

insert into leader_scores values
    ('0x1111111111111111111111111111111111111111', now() - interval '2 hours', 30, 2000, 61, 31500, 82000, ''),
    ('0x4444444444444444444444444444444444444444', now() - interval '3 days', 30, 800, 240, -12400, 1900, 'market_maker maker_rebates');

-- What was told: something that lasts, something that passed, something that happened, and did not arrive everywhere.
insert into alerts values
    (1800000000000000001, 'kill', 'gate', 'critical', 'Live is killed: no order with real money leaves.', now() - interval '20 minutes', null, false, 1),
    (1800000000000000002, 'feed_silent', 'market channel', 'warning', 'market channel said nothing for 130 s.', now() - interval '3 hours', now() - interval '2 hours', false, 1),
    (1800000000000000003, 'slippage', 'portfolio 1 token 2', 'warning', 'Order 7 of careful (live): Buy 20 shares of “<img src=x onerror=alert(1)> evil title” filled at $0.44: 10.0% worse than the leader''s $0.4.', now() - interval '5 hours', null, true, 4);
insert into alert_deliveries (at, channel, alerts, tries, wrong) values
    (now() - interval '20 minutes', 'phone', array[1800000000000000001], 1, ''),
    (now() - interval '3 hours', 'phone', array[1800000000000000002, 1800000000000000003], 3, ''),
    (now() - interval '3 hours', 'mail', array[1800000000000000002], 10, 'it answered 500: come back later');
insert into alert_state (at, body) select now(), jsonb_build_object('at', (extract(epoch from now()) * 1e9)::bigint, 'firing', jsonb_build_array(jsonb_build_object('id', 1800000000000000001, 'rule', 'kill',
    'subject', 'gate', 'text', 'Live is killed: no order with real money leaves.', 'raised_at', (extract(epoch from now()) * 1e9)::bigint, 'told_at', 0, 'kind', 'seen', 'more', 0, 'calm_since', null)),
    'channels', jsonb_build_array(jsonb_build_object('name', 'phone', 'kind', 'telegram', 'on', jsonb_build_array('kill', 'breaker'), 'quiet', '22:00 to 06:00 UTC', 'waiting', 2, 'delivered', 41, 'failed', 1,
    'dropped', 0, 'delivered_at', (extract(epoch from now()) * 1e9)::bigint, 'wrong', 'no answer within 5 s', 'wrong_at', (extract(epoch from now()) * 1e9)::bigint)),
    'rules', jsonb_build_array(jsonb_build_object('code', 'kill', 'title', 'Live killed', 'text', 'Somebody shut the gate.', 'limits', '', 'severity', 'critical', 'channels', jsonb_build_array('phone'))),
    'overlooked', 0, 'trouble', '');

insert into journal_cursor (next_seq, written_at) select max(seq) + 1, now() from events;

-- What operators said.
insert into audit
select 2000000 + n, now() - (60 - n) * interval '17 min',
    (array['web 127.0.0.1', 'cli uid 0 pid 4711', 'web 3f2a90 127.0.0.1', 'signal USR1', 'token phone'])[1 + n % 5],
    (array['off', 'shadow', 'pause', 'off', 'leader'])[1 + n % 5],
    (array['', '', 'careful', '', '<script>alert(1)</script>'])[1 + n % 5],
    (array['on', 'off', 'running', 'on', 'inherit'])[1 + n % 5],
    (array['off', 'shadow', 'paused', 'off', 'force_off'])[1 + n % 5], n % 7 <> 0,
    case when n % 7 = 0 then 'something changed since you looked' else 'live is off: nothing leaves' end
from generate_series(0, 59) n;
