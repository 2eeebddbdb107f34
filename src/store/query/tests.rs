//! Each query on tables that the writer made from a long journal, against sums over the tables themselves.

use sqlx::{PgPool, types::Decimal};
use time::{OffsetDateTime, macros::datetime};

use super::{money::POINTS_MAX, *};
use crate::store::{Writer, testing::TestDatabase, tests::stream};

const LINES: usize = 3_000;

async fn written() -> PgPool {
    let pool = TestDatabase::create().await;
    let mut writer = Writer::open(&pool, 1).await.expect("a writer");
    for (seq, (at, record)) in (0..).zip(&stream::journal(11, LINES)) {
        writer.fold(seq, *at, record).expect("folded");
    }
    writer.commit().await.expect("committed");
    pool
}

/// Returns the result and the fees of a portfolio's matches that are not settled: reports leave them out.
async fn unsettled(pool: &PgPool, portfolio: i32) -> (Decimal, Decimal) {
    let sums = "select coalesce(sum(realised), 0), coalesce(sum(fee), 0) from fills where settlement = 'provisional' \
                and portfolio_id = $1";
    sqlx::query_as(sums).bind(portfolio).fetch_one(pool).await.expect("sums")
}

async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.expect("a number")
}

async fn all(reader: &mut Reader, filter: &TradeFilter, page: i64) -> Vec<TradeRow> {
    let (mut rows, mut below) = (Vec::new(), Cursor::TOP);
    loop {
        let more = reader.trades(filter, below, page).await.expect("trades");
        let Some(last) = more.last() else { return rows };
        below = last.cursor();
        rows.extend(more);
    }
}

#[tokio::test]
async fn an_empty_database_answers_everything() {
    let pool = TestDatabase::create().await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    assert_eq!(reader.head().await.expect("a head"), Head::default());
    assert!(reader.portfolios().await.expect("portfolios").is_empty());
    assert!(reader.leaders().await.expect("leaders").is_empty());
    assert!(all(&mut reader, &TradeFilter::default(), 10).await.is_empty());
    assert_eq!(reader.signal(1).await.expect("no signal"), None);
    assert_eq!(reader.order_last("paper").await.expect("no order"), None);
    assert!(reader.events_of(1, &[1]).await.expect("events").is_empty());
    let top = (EVER.1, i64::MAX);
    for mode in ["paper", "live"] {
        let (filter, scope) =
            (OrderFilter::of(mode), Scope { mode: mode.into(), strategy: String::new(), since: EVER.0 });
        assert!(reader.orders(&filter, top, 9).await.expect("orders").is_empty());
        assert!(reader.fills(&filter, i64::MAX, 9).await.expect("fills").is_empty());
        assert_eq!(reader.today(mode, EVER.0).await.expect("a day"), TodayRow::default());
        assert_eq!(reader.quality(&scope).await.expect("rates"), Quality::default());
        assert!(reader.stages(&scope).await.expect("times").is_empty());
        assert!(reader.slots(&scope, 3_600).await.expect("slots").is_empty());
        assert!(reader.reasons(&scope, EVER.0).await.expect("reasons").is_empty());
        assert_eq!(reader.slippage(&scope).await.expect("counts").iter().sum::<i64>(), 0);
    }
    assert!(reader.signals(&SignalFilter::default(), top, 9).await.expect("signals").is_empty());
    assert_eq!(reader.events(&EventFilter::open(), i64::MAX, 9).await.expect("events"), EventPage::default());
    assert!(
        reader.wallet_shares().await.expect("shares").is_empty()
            && reader.differences().await.expect("none").is_empty()
    );
    assert_eq!((reader.token(1).await.expect("none"), reader.lots(1).await.expect("none").len()), (None, 0));
    assert!(
        reader
            .curve(0, datetime!(2026-01-01 00:00 UTC), datetime!(2026-01-02 00:00 UTC))
            .await
            .expect("curve")
            .is_empty()
    );
    assert_eq!(reader.valued_first(0).await.expect("never"), None);
}

#[tokio::test]
async fn lists_and_sums_are_those_of_the_tables() {
    let pool = written().await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let top = (EVER.1, i64::MAX);
    let signals = reader.signals(&SignalFilter::default(), top, 10_000).await.expect("signals");
    assert_eq!(signals.len() as i64, number(&pool, "select count(*) from signals").await);
    let ends: usize = signals.iter().map(|signal| signal.ends.len()).sum();
    assert_eq!(ends as i64, number(&pool, "select count(*) from decisions").await);
    let reason =
        signals.iter().flat_map(|signal| &signal.ends).map(|end| &end.reason).find(|reason| !reason.is_empty());
    let reason = reason.expect("a no").clone();
    let said = signals.iter().filter(|signal| signal.ends.iter().any(|end| end.reason == reason)).count();
    assert!(reader.is_rare(&reason).await.expect("a count"));
    let filter = SignalFilter { reason: reason.clone(), ..SignalFilter::default() };
    assert_eq!(reader.signals(&filter, top, 10_000).await.expect("signals").len(), said);
    let (mut orders, mut fills, mut noes) = (0, 0, 0);
    for mode in ["paper", "live"] {
        let of = OrderFilter::of(mode);
        let listed = reader.orders(&of, top, 10_000).await.expect("orders");
        orders += listed.len();
        let ours =
            reader.fills(&OrderFilter { origin: "app".into(), ..of.clone() }, i64::MAX, 10_000).await.expect("fills");
        fills += ours.len();
        let open = OrderFilter { state: "open".into(), ..of.clone() };
        let open = reader.orders(&open, top, 10_000).await.expect("orders");
        assert_eq!(open.len(), listed.iter().filter(|order| order.closed_at.is_none()).count());
        let scope = Scope { mode: mode.into(), strategy: String::new(), since: EVER.0 };
        let quality = reader.quality(&scope).await.expect("rates");
        assert_eq!(quality.orders as usize, listed.len());
        noes += quality.skipped + quality.refused;
        let slots = reader.slots(&scope, 86_400).await.expect("slots");
        assert_eq!(slots.iter().map(|slot| slot.orders).sum::<i64>(), quality.orders);
        let counts = reader.slippage(&scope).await.expect("counts");
        assert!(counts.iter().sum::<i64>() <= quality.filled);
        let said: i64 = reader.noes(&scope).await.expect("noes").iter().map(|row| row.count).sum();
        assert_eq!(said, quality.skipped + quality.refused);
    }
    assert_eq!(orders as i64, number(&pool, "select count(*) from orders").await);
    assert_eq!(fills as i64, number(&pool, "select count(*) from fills").await);
    assert_eq!(noes, number(&pool, "select count(*) from decisions where outcome in ('skipped', 'refused')").await);
    let filter = EventFilter { portfolio: 0, ..EventFilter::open() };
    let of_first = reader.events(&filter, i64::MAX, 1_000_000).await.expect("events");
    assert!(!of_first.rows.is_empty() && of_first.older.is_none());
}

#[tokio::test]
async fn pages_of_trades_are_all_trades_once_and_in_order() {
    let pool = written().await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let rows = all(&mut reader, &TradeFilter::default(), 37).await;
    let expected = number(
        &pool,
        "select (select count(*) from decisions where portfolio_id = 0)
             + (select count(*) from orders where signal_id is null and portfolio_id = 0)
             + (select count(*) from signals s where not exists (select from decisions where signal_id = s.id))",
    );
    assert_eq!(rows.len() as i64, expected.await);
    assert!(rows.is_sorted_by(|a, b| {
        let key = |row: &TradeRow| (row.at, row.kind, row.id, row.portfolio_id);
        key(a) > key(b)
    }));
    assert_eq!(rows, all(&mut reader, &TradeFilter::default(), 1_000).await);
    for row in &rows {
        assert_eq!(row.order_id.is_some(), row.state.is_some(), "{row:?}");
    }
}

#[tokio::test]
async fn a_filter_keeps_what_it_names() {
    let pool = written().await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let rows = all(&mut reader, &TradeFilter::default(), 1_000).await;
    let none = TradeFilter::default();
    type Keeps = fn(&TradeRow) -> bool;
    let filters: [(TradeFilter, Keeps); 11] = [
        (TradeFilter { portfolio: 0, ..none.clone() }, |row| row.portfolio_id == 0),
        (TradeFilter { outcome: "buffered".into(), ..none.clone() }, |row| row.outcome == "buffered"),
        (TradeFilter { outcome: "merged".into(), ..none.clone() }, |row| row.merged_into.is_some()),
        (TradeFilter { leader: 2, ..none.clone() }, |row| row.leader_id == 2),
        (TradeFilter { side: "sell".into(), ..none.clone() }, |row| row.side == "sell"),
        (TradeFilter { outcome: "skipped".into(), ..none.clone() }, |row| row.outcome == "skipped"),
        (TradeFilter { outcome: "refused".into(), ..none.clone() }, |row| row.outcome == "refused"),
        (TradeFilter { outcome: "waiting".into(), ..none.clone() }, |row| row.outcome == "waiting"),
        (TradeFilter { outcome: "ordered".into(), ..none.clone() }, |row| row.order_id.is_some()),
        (TradeFilter { outcome: "filled".into(), ..none.clone() }, |row| row.filled.is_some_and(|f| f > Decimal::ZERO)),
        (TradeFilter { outcome: "unprompted".into(), ..none.clone() }, |row| row.signal_id.is_none()),
    ];
    for (filter, keeps) in filters {
        let kept: Vec<TradeRow> = rows.iter().filter(|row| keeps(row)).cloned().collect();
        assert_eq!(all(&mut reader, &filter, 50).await, kept, "{filter:?}");
        assert!(kept.len() < rows.len(), "{filter:?}");
    }
    let live = all(&mut reader, &TradeFilter { mode: "live".into(), ..none.clone() }, 50).await;
    assert!(live.iter().any(|row| row.portfolio_id == 1) && live.iter().all(|row| row.portfolio_id != 0));
    assert!(rows.iter().all(|row| row.portfolio_id != 1));
    let reason = rows.iter().find(|row| row.outcome == "skipped").map(|row| row.reason.clone()).expect("a skip");
    let filter = TradeFilter { reason: reason.clone(), ..none };
    let found = all(&mut reader, &filter, 50).await;
    assert!(!found.is_empty() && found.iter().all(|row| row.reason == reason));
}

#[tokio::test]
async fn the_life_of_a_signal_is_found_by_its_number() {
    let pool = written().await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let id = number(
        &pool,
        "select signal_id from orders where signal_id is not null and filled > 0 and closed_at is not null limit 1",
    )
    .await;
    let signal = reader.signal(id).await.expect("read").expect("a signal");
    let decisions = reader.decisions_of(&signal).await.expect("decisions");
    assert!(!decisions.is_empty() && decisions.iter().all(|row| row.signal_id == Some(id)));
    let orders = reader.orders_of(id).await.expect("orders");
    assert!(orders.iter().all(|order| order.signal_id == Some(id)) && !orders.is_empty());
    assert_eq!(reader.order(orders[0].id).await.expect("read").as_ref(), Some(&orders[0]));
    let ids: Vec<i64> = orders.iter().map(|order| order.id).collect();
    let fills = reader.fills_of(&ids).await.expect("fills");
    let shares: Decimal = fills.iter().map(|fill| fill.shares).sum();
    assert_eq!(shares, orders.iter().map(|order| order.filled).sum());

    let events = reader.events_of(id, &ids).await.expect("events");
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds[0], "signal");
    assert!(["submitted", "filled", "closed"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    assert!(events.is_sorted_by(|a, b| a.seq < b.seq));
    for event in &events {
        serde_json::from_value::<crate::domain::Event>(event.body.0.clone()).expect("an event of ours");
    }
    assert!(reader.events_of(0, &[]).await.expect("events").is_empty(), "no number names no event");
    let last = reader.order_last("live").await.expect("read").expect("an order");
    assert_eq!(last.id, number(&pool, "select max(id) from orders where portfolio_id = 1").await);
    let skipped = reader.events_last("skipped", 2).await.expect("events");
    assert!(skipped.len() == 2 && skipped[0].seq > skipped[1].seq);
}

#[tokio::test]
async fn results_add_up_to_what_was_realised() {
    let pool = written().await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let portfolios = reader.portfolios().await.expect("portfolios");
    assert_eq!(portfolios.len() as i64, number(&pool, "select count(*) from portfolios").await);
    for portfolio in &portfolios {
        for results in [
            reader.results_by_leader(portfolio.id).await.expect("results"),
            reader.results_by_cause(portfolio.id).await.expect("results"),
        ] {
            let (realised, fees) = unsettled(&pool, portfolio.id).await;
            assert_eq!(results.iter().map(|row| row.realised).sum::<Decimal>(), portfolio.realised - realised);
            assert_eq!(results.iter().map(|row| row.fees).sum::<Decimal>(), portfolio.fees - fees);
        }
        let open = reader.positions_open(portfolio.id).await.expect("positions");
        assert_eq!(open.iter().map(|row| row.cost).sum::<Decimal>(), portfolio.deployed);
        let ended = reader.positions_ended(portfolio.id).await.expect("positions");
        assert!(open.iter().all(|row| row.shares > Decimal::ZERO) && ended.iter().all(|row| row.shares.is_zero()));
    }
    let settled = reader.settlements(0).await.expect("settlements");
    assert!(!settled.is_empty() && settled.is_sorted_by(|a, b| a.seq > b.seq));
    assert_eq!(reader.leaders().await.expect("leaders").len(), 3);
    let head = reader.head().await.expect("a head");
    assert_eq!(head.next_seq, number(&pool, "select next_seq from journal_cursor").await);
}

#[tokio::test]
async fn each_breakdown_adds_up_to_what_its_mode_realised() {
    let pool = written().await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let portfolios = reader.portfolios().await.expect("portfolios");
    for mode in ["paper", "live"] {
        let scope = Scope { mode: mode.into(), strategy: String::new(), since: datetime!(2020-01-01 00:00 UTC) };
        let owner = portfolios.iter().find(|row| row.mode == mode).expect("a portfolio");
        for by in By::ALL {
            let rows = reader.results(&scope, by).await.expect("results");
            let (realised, fees) = unsettled(&pool, owner.id).await;
            let settled = (owner.realised - realised, owner.fees - fees);
            assert_eq!(rows.iter().map(|row| row.realised).sum::<Decimal>(), settled.0, "{mode} {by:?}");
            assert_eq!(rows.iter().map(|row| row.fees).sum::<Decimal>(), settled.1, "{mode} {by:?}");
            assert!(rows.iter().all(|row| row.won <= row.ends), "{mode} {by:?}");
            let later = Scope { since: datetime!(2999-01-01 00:00 UTC), ..scope.clone() };
            assert_eq!(reader.results(&later, by).await.expect("results"), []);
            let nobody = Scope { strategy: "nobody".into(), ..scope.clone() };
            assert_eq!(reader.results(&nobody, by).await.expect("results"), []);
        }
        let judged = reader.scores_judged(&scope).await.expect("scores");
        assert!(!judged.is_empty() && judged.is_sorted_by(|a, b| a.signal_id > b.signal_id));
        let noes = reader.noes(&scope).await.expect("noes");
        assert!(noes.iter().any(|row| row.known > 0 && row.would.is_some()), "{noes:?}");
        assert!(noes.iter().all(|row| row.known <= row.copies && row.copies <= row.count), "{noes:?}");
    }
    let noes = "select count(*) from decisions where outcome in ('skipped', 'refused') and portfolio_id = 0";
    let scope = Scope { mode: "paper".into(), strategy: "mirror".into(), since: datetime!(2020-01-01 00:00 UTC) };
    let counted: i64 = reader.noes(&scope).await.expect("noes").iter().map(|row| row.count).sum();
    assert_eq!(counted, number(&pool, noes).await);
    assert!(reader.events_of_note(10).await.expect("events").iter().all(|event| event.kind != "signal"));
}

#[tokio::test]
async fn a_curve_is_thinned_and_keeps_its_deepest_fall() {
    let pool = TestDatabase::create().await;
    // Up a dollar a minute, but for a fall of 500 in one minute of the fourth hour.
    sqlx::raw_sql(
        "insert into portfolios (id, strategy, mode) values (0, 's', 'paper');
         insert into portfolio_values
         select 0, n, timestamptz '2026-01-01' + n * interval '1 minute', 100, 0, 0, 0, n - case n when 200 then 500 else 0 end, 0
         from generate_series(1, 5000) n",
    )
    .execute(&pool)
    .await
    .expect("values");
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let (from, to) = (datetime!(2026-01-01 00:00 UTC), datetime!(2026-01-04 12:00 UTC));
    let curve = reader.curve(0, from, to).await.expect("a curve");
    assert!(curve.len() as i64 <= POINTS_MAX + 1 && curve.len() > 900, "{}", curve.len());
    assert_eq!(curve.iter().map(|point| point.drawdown).max(), Some(Decimal::from(499)));
    assert_eq!(curve.last().map(|point| point.earned), Some(Decimal::from(5_000)));
    assert!(curve.is_sorted_by(|a, b| a.at < b.at));
    let late = reader.curve(0, datetime!(2026-01-04 00:00 UTC), to).await.expect("a curve");
    assert_eq!(late.iter().map(|point| point.drawdown).max(), Some(Decimal::ZERO));
    assert_eq!(reader.valued_first(0).await.expect("read"), Some(datetime!(2026-01-01 00:01 UTC)));
    let earned = async |reader: &mut Reader, before: OffsetDateTime| {
        reader.baselines(before).await.expect("baselines").first().map(|row| row.earned)
    };
    assert_eq!(earned(&mut reader, datetime!(2026-01-02 00:00 UTC)).await, Some(Decimal::from(1_439)));
    assert_eq!(earned(&mut reader, datetime!(2026-01-01 00:00 UTC)).await, Some(Decimal::ZERO));
}

#[tokio::test]
async fn a_reader_cannot_write_and_does_not_wait_for_long() {
    let pool = TestDatabase::create().await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let limit: String =
        sqlx::query_scalar("show statement_timeout").fetch_one(&mut *reader.0).await.expect("a setting");
    assert_eq!(limit, "2s");
    let refused = sqlx::query("insert into leaders values (1, 'w', 'n')").execute(&mut *reader.0).await;
    assert!(refused.expect_err("refused").to_string().contains("read-only"));
}
