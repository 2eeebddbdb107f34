//! The statements of a batch, in the order that lets each find what it builds on. `$1` is the rows as JSON.

use serde::Serialize;

use super::{fold::Batch, rows::EndedRow};

const SESSIONS: &str = "insert into sessions (seq, at, version, config_hash) \
    select seq, at, version, config_hash from json_populate_recordset(null::sessions, $1::json)";

const TOKENS: &str = "insert into tokens (id, token) select id, token from json_populate_recordset(null::tokens, $1::json) \
    on conflict (id) do update set token = excluded.token";

const MARKETS: &str = "update tokens t set condition_id = r.condition_id, slug = r.slug, title = r.title, outcome = r.outcome, \
    tick = r.tick, minimum = r.minimum, fee_rate = r.fee_rate, neg_risk = r.neg_risk, closes_at = r.closes_at \
    from json_populate_recordset(null::tokens, $1::json) r where t.id = r.id";

// A market pays once.
const PAYOUTS: &str = "update tokens t set payout = r.payout, resolved_after = r.resolved_after \
    from json_populate_recordset(null::tokens, $1::json) r where t.id = r.id and t.payout is null";

const LEADERS: &str = "insert into leaders (id, wallet, name) \
    select id, wallet, name from json_populate_recordset(null::leaders, $1::json) \
    on conflict (id) do update set wallet = excluded.wallet, name = excluded.name";

const PORTFOLIOS: &str = "insert into portfolios (id, strategy, mode) \
    select id, strategy, mode from json_populate_recordset(null::portfolios, $1::json) \
    on conflict (id) do update set strategy = excluded.strategy, mode = excluded.mode";

const BUCKETS: &str = "update portfolios p set deposits = p.deposits + r.deposits, available = p.available + r.available, \
    reserved = p.reserved + r.reserved, deployed = p.deployed + r.deployed, cooling = p.cooling + r.cooling, \
    realised = p.realised + r.realised, fees = p.fees + r.fees \
    from json_populate_recordset(null::portfolios, $1::json) r where p.id = r.id";

const SIGNALS: &str = "insert into signals (id, at, traded_at, group_id, leader_id, token_id, side, price, shares, \
    group_price, group_shares, leader_held, trade_key, how) \
    select id, at, traded_at, group_id, leader_id, token_id, side, price, shares, group_price, group_shares, leader_held, \
    trade_key, how from json_populate_recordset(null::signals, $1::json)";

const SIGHTINGS: &str = "insert into sightings (seq, seen_at, trade_key, leader_id, token_id, source, is_first, signal_id, lag_us) \
    select seq, seen_at, trade_key, leader_id, token_id, source, is_first, signal_id, lag_us \
    from json_populate_recordset(null::sightings, $1::json)";

const GAPS: &str = "insert into source_gaps (seq, at, source, cause, began_at, ended_at) \
    select seq, at, source, cause, began_at, ended_at from json_populate_recordset(null::source_gaps, $1::json)";

const SCORES: &str = "insert into scores (signal_id, at, leader_record, book_imbalance, momentum, spread, time_left, \
    market_prior, prior, additive, bayesian, model, ask) \
    select signal_id, at, leader_record, book_imbalance, momentum, spread, time_left, market_prior, prior, additive, bayesian, \
    model, ask from json_populate_recordset(null::scores, $1::json)";

const DECISIONS: &str = "insert into decisions as d (signal_id, portfolio_id, at, outcome, reason, unit, limit_amount, \
    actual_amount, order_id, wanted, merged_into) \
    select signal_id, portfolio_id, at, outcome, reason, unit, limit_amount, actual_amount, order_id, wanted, merged_into \
    from json_populate_recordset(null::decisions, $1::json) \
    on conflict (signal_id, portfolio_id) do update set at = excluded.at, outcome = excluded.outcome, \
    reason = excluded.reason, unit = excluded.unit, limit_amount = excluded.limit_amount, \
    actual_amount = excluded.actual_amount, order_id = excluded.order_id, \
    wanted = coalesce(excluded.wanted, d.wanted), merged_into = coalesce(excluded.merged_into, d.merged_into) \
    where d.outcome not in ('ordered', 'merged') or excluded.outcome = 'ordered'";

const ORDERS: &str = "insert into orders (id, signal_id, portfolio_id, leader_id, token_id, side, kind, cause, limit_price, \
    shares, budget, reserved, touch, reference, state, submitted_at, accepted_at, closed_at, filled, cash, fee, attempt, venue_id) \
    select id, signal_id, portfolio_id, leader_id, token_id, side, kind, cause, limit_price, shares, budget, reserved, touch, \
    reference, state, submitted_at, accepted_at, closed_at, filled, cash, fee, attempt, venue_id \
    from json_populate_recordset(null::orders, $1::json) \
    on conflict (id) do update set state = excluded.state, accepted_at = excluded.accepted_at, \
    closed_at = excluded.closed_at, filled = excluded.filled, cash = excluded.cash, fee = excluded.fee, \
    venue_id = excluded.venue_id";

const FILLS: &str = "insert into fills (seq, at, order_id, portfolio_id, shares, cash, fee, basis, realised, \
    trade_key, settlement, owed) \
    select seq, at, order_id, portfolio_id, shares, cash, fee, basis, realised, trade_key, settlement, owed \
    from json_populate_recordset(null::fills, $1::json) \
    on conflict (seq) do update set settlement = excluded.settlement";

const EXTERNALS: &str = "insert into external_trades (seq, at, venue_id, trade_key, token_id, side, shares, cash, fee, traded_at) \
    select seq, at, venue_id, trade_key, token_id, side, shares, cash, fee, traded_at \
    from json_populate_recordset(null::external_trades, $1::json)";

const DIFFERENCES: &str = "insert into differences (seq, at, what, token_id, ours, theirs, choice) \
    select seq, at, what, token_id, ours, theirs, choice from json_populate_recordset(null::differences, $1::json)";

const ACCOUNT: &str = "insert into account_positions (what, token_id, at, ours, external, theirs) \
    select what, token_id, at, ours, external, theirs from json_populate_recordset(null::account_positions, $1::json) \
    on conflict (what, token_id) do update set at = excluded.at, ours = excluded.ours, external = excluded.external, \
    theirs = excluded.theirs";

// A row must be there before a sum is added: an insert that is refused for a negative sum would not become an update.
const POSITIONS_TOUCHED: &str = "insert into positions (portfolio_id, leader_id, token_id, opened_at, updated_at) \
    select portfolio_id, leader_id, token_id, touched_at, touched_at \
    from json_to_recordset($1::json) r (portfolio_id integer, leader_id integer, token_id integer, touched_at timestamptz) \
    on conflict do nothing";

const POSITIONS: &str = "update positions p set shares = p.shares + r.shares, provisional = p.provisional + r.provisional, cost = p.cost + r.cost, \
    realised = p.realised + r.realised, fees = p.fees + r.fees, \
    exit_due = coalesce(r.exit_due, p.exit_due), \
    exit_cause = case when coalesce(r.exit_due, p.exit_due) > 0 then coalesce(r.exit_cause, p.exit_cause) else '' end, \
    opened_at = coalesce(r.opened_at, p.opened_at), updated_at = r.updated_at \
    from json_to_recordset($1::json) r (portfolio_id integer, leader_id integer, token_id integer, shares numeric, \
    provisional numeric, cost numeric, realised numeric, fees numeric, exit_due numeric, exit_cause text, \
    opened_at timestamptz, updated_at timestamptz) \
    where (p.portfolio_id, p.leader_id, p.token_id) = (r.portfolio_id, r.leader_id, r.token_id)";

const SETTLEMENTS: &str = "insert into settlements (seq, at, portfolio_id, leader_id, token_id, shares, basis, proceeds, why) \
    select seq, at, portfolio_id, leader_id, token_id, shares, basis, proceeds, why \
    from json_populate_recordset(null::settlements, $1::json)";

const VALUES: &str = "insert into portfolio_values (portfolio_id, seq, at, available, reserved, deployed, cooling, realised, \
    unrealised) \
    select portfolio_id, seq, at, available, reserved, deployed, cooling, realised, unrealised \
    from json_populate_recordset(null::portfolio_values, $1::json)";

/// What a dollar of a copy that got a no would have earned, once the leader's own trade ended: he sold everything, or the
/// market paid. It is written once.
///
/// The copy would have been bought at the best ask of that moment, or at the leader's price where that was worse; it would
/// have sold the parts that he sold, at his prices, and kept the rest to the end; the taker's fee is paid on each trade. Where
/// he left without selling, his last price counts.
const WOULD: &str = "with ended as ( \
        select s.id, s.leader_id, s.token_id, greatest(s.group_price, coalesce(c.ask, 0)) as paid, \
            coalesce(t.fee_rate, 0) as rate, t.payout, t.resolved_after \
        from signals s join tokens t on t.id = s.token_id left join scores c on c.signal_id = s.id \
        where s.side = 'buy' and s.id in ( \
            select x.id from signals x where x.token_id in (select json_array_elements_text($1::json->'tokens')::integer) \
            union select json_array_elements_text($1::json->'signals')::bigint) \
        and exists (select from decisions d where d.signal_id = s.id and d.outcome in ('skipped', 'refused') and d.would is null) \
    ), sales as ( \
        select e.id, s.price - e.rate * s.price * (1 - s.price) as got, f.part, \
            coalesce(product(1 - f.part) over (partition by e.id order by s.id rows between unbounded preceding and 1 preceding), 1) as held \
        from ended e join signals s on s.leader_id = e.leader_id and s.token_id = e.token_id and s.side = 'sell' and s.id > e.id \
            and (e.resolved_after is null or s.id <= e.resolved_after) \
        cross join lateral (select case when s.leader_held <= s.shares then 1 else round(s.shares / s.leader_held, 6) end as part) f \
    ), sold as ( \
        select id, sum(held * part * got) as got, product(1 - part) as held from sales group by id \
    ) \
    update decisions d set would = round((coalesce(o.got, 0) + coalesce(o.held, 1) * coalesce(e.payout, 0)) \
        / (e.paid + e.rate * e.paid * (1 - e.paid)) - 1, 6) \
    from ended e left join sold o on o.id = e.id \
    where d.signal_id = e.id and d.outcome in ('skipped', 'refused') and d.would is null \
        and (e.payout is not null or o.held = 0)";

const EVENTS: &str = "insert into events (seq, at, kind, body) \
    select seq, at, kind, body from json_populate_recordset(null::events, $1::json)";

const AUDIT: &str = "insert into audit (seq, at, who, what, of_what, was, became, ok, said) \
    select seq, at, who, what, of_what, was, became, ok, said from json_populate_recordset(null::audit, $1::json)";

/// Returns each statement that has rows, with them.
pub fn statements(batch: &Batch) -> Vec<(&'static str, String)> {
    let mut statements = Vec::new();
    let mut add = |statement, rows: Option<String>| statements.extend(rows.map(|rows| (statement, rows)));
    add(SESSIONS, json(&batch.sessions));
    add(TOKENS, json(batch.tokens.values()));
    add(MARKETS, json(batch.markets.values()));
    add(PAYOUTS, json(batch.payouts.values()));
    add(LEADERS, json(batch.leaders.values()));
    add(PORTFOLIOS, json(batch.portfolios.values()));
    add(BUCKETS, json(batch.buckets.values()));
    add(SIGNALS, json(&batch.signals));
    add(SIGHTINGS, json(&batch.sightings));
    add(GAPS, json(&batch.gaps));
    add(SCORES, json(&batch.scores));
    add(DECISIONS, json(batch.decisions.values()));
    add(ORDERS, json(batch.orders.values()));
    add(FILLS, json(batch.fills.values()));
    add(POSITIONS_TOUCHED, json(batch.positions.values()));
    add(POSITIONS, json(batch.positions.values()));
    add(SETTLEMENTS, json(&batch.settlements));
    add(EXTERNALS, json(&batch.externals));
    add(DIFFERENCES, json(&batch.differences));
    add(ACCOUNT, json(batch.account.values()));
    add(VALUES, json(&batch.values));
    let EndedRow { tokens, signals } = &batch.ended;
    let any_ended = !tokens.is_empty() || !signals.is_empty();
    add(WOULD, any_ended.then(|| serde_json::to_string(&batch.ended).expect("numbers")));
    add(AUDIT, json(&batch.audit));
    add(EVENTS, json(&batch.events));
    statements
}

/// Returns the rows as a JSON array; `None` if there are none.
fn json<R: Serialize>(rows: impl IntoIterator<Item = R>) -> Option<String> {
    let mut rows = rows.into_iter().peekable();
    rows.peek()?;
    let rows: Vec<R> = rows.collect();
    Some(serde_json::to_string(&rows).expect("rows have nothing that JSON has not"))
}
