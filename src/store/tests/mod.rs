//! The store as a whole, on a real Postgres: the tables say what the journal says, once, whatever happens in between.

mod follow;
mod noes;
mod sightings;
pub(super) mod stream; // the queries are tested on it, too

use std::time::Instant;

use sqlx::PgPool;

use super::{Writer, WriterError, testing::TestDatabase};
use crate::{
    domain::{
        Cause, Event, LeaderId, Market, Mode, Nanos, OrderEnd, OrderId, OrderKind, PortfolioId, Price, Role, Shares,
        Side, SignalId, Source, TokenId, TradeKey, Usdc,
        event::{Choice, Difference, Differs, Filled, How, Settled, Signal, Submitted, TakenIn, WrittenOff},
    },
    journal::{MarketAbout, Record},
};
use stream::Line;

const JOURNAL: u64 = 0xabc;

/// Writes `lines`, the first of which is record `from`, in batches of `size`.
async fn write(pool: &PgPool, lines: &[Line], from: u64, size: usize) {
    let mut writer = Writer::open(pool, JOURNAL).await.expect("a writer");
    for (index, batch) in lines.chunks(size).enumerate() {
        for (seq, (at, record)) in (from + (index * size) as u64..).zip(batch) {
            writer.fold(seq, *at, record).expect("folded");
        }
        writer = writer.commit().await.expect("committed");
    }
}

/// Returns everything in the tables that are made from the journal, but the time of writing.
async fn dump(pool: &PgPool) -> Vec<(String, String)> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.tables where table_schema = 'public' and table_name not like '\\_sqlx%'
         and table_name not in ('wallet_leases', 'leader_scores', 'alerts', 'alert_deliveries', 'alert_state') order by 1",
    )
    .fetch_all(pool)
    .await
    .expect("tables");
    assert_eq!(tables.len(), 20, "{tables:?}");
    let mut contents = Vec::new();
    for table in tables {
        let rows = format!(
            "select coalesce(string_agg(row, e'\n' order by row), '') from (select (to_jsonb(t) - 'written_at')::text as row from {table} t) r"
        );
        let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_one(pool).await.expect("rows");
        contents.push((table, rows));
    }
    contents
}

fn assert_equal(found: &[(String, String)], expected: &[(String, String)]) {
    for ((table, found), (_, expected)) in found.iter().zip(expected) {
        let differs = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
        assert!(found == expected, "{table} differs: {differs:?}");
    }
}

async fn text(pool: &PgPool, query: &'static str) -> String {
    sqlx::query_scalar(query).fetch_one(pool).await.expect(query)
}

#[tokio::test]
async fn the_tables_are_the_same_however_the_records_were_batched() {
    let lines = stream::journal(1, 5_000);
    let whole = TestDatabase::create().await;
    write(&whole, &lines, 0, lines.len()).await;
    let expected = dump(&whole).await;
    let rows = |name: &str| expected.iter().find(|table| table.0 == name).expect("a table").1.lines().count();
    for (table, at_least) in [
        ("orders", 200),
        ("fills", 150),
        ("settlements", 10),
        ("positions", 20),
        ("decisions", 300),
        ("scores", 300),
        ("sightings", 600),
        ("source_gaps", 30),
    ] {
        assert!(at_least < rows(table), "{table}: {}", rows(table));
    }
    for size in [1, 7, 100] {
        let pool = TestDatabase::create().await;
        let lines = if size == 1 { &lines[..600] } else { &lines[..] };
        write(&pool, lines, 0, size).await;
        let again = TestDatabase::create().await;
        write(&again, lines, 0, lines.len()).await;
        assert_equal(&dump(&pool).await, &dump(&again).await);
    }
    // Given again, from the start and in part, nothing is written twice; what follows is.
    let half = TestDatabase::create().await;
    write(&half, &lines[..1_500], 0, 400).await;
    write(&half, &lines[..1_000], 0, 300).await;
    write(&half, &lines[1_200..], 1_200, 450).await;
    assert_equal(&dump(&half).await, &expected);
    // Rebuilt from nothing it is the same.
    Writer::rebuild(&half).await.expect("emptied");
    write(&half, &lines, 0, 2_000).await;
    assert_equal(&dump(&half).await, &expected);
}

#[tokio::test]
async fn a_gap_another_journal_and_a_moved_cursor_are_refused() {
    let lines = stream::journal(2, 100);
    let pool = TestDatabase::create().await;
    write(&pool, &lines[..50], 0, 50).await;
    let mut writer = Writer::open(&pool, JOURNAL).await.expect("a writer");
    let (at, record) = lines[51];
    let gap = writer.fold(51, at, &record).expect_err("a gap");
    assert!(matches!(gap, WriterError::Gap { wanted: 50, next: 51 }) && !gap.may_pass());
    let other = Writer::open(&pool, JOURNAL + 1).await.err().expect("another journal");
    assert!(matches!(other, WriterError::OtherJournal) && !other.may_pass());

    let (at, record) = lines[50];
    writer.fold(50, at, &record).expect("folded");
    write(&pool, &lines[50..60], 50, 10).await;
    let moved = writer.commit().await.err().expect("overtaken");
    assert!(matches!(moved, WriterError::CursorMoved { from: 50 }) && moved.may_pass());
    let before = dump(&pool).await;
    assert!(before.iter().any(|table| table.1.contains(r#""next_seq": 60"#)), "{before:?}");

    let mut writer = Writer::open(&pool, JOURNAL).await.expect("a writer");
    let stranger = Record::Event(Event::Accepted { order: OrderId(999) });
    let misfit = writer.fold(60, at, &stranger).expect_err("no such order");
    assert!(matches!(misfit, WriterError::Misfit { seq: 60, .. }) && !misfit.may_pass());
}

#[tokio::test]
async fn hostile_text_is_kept_as_text() {
    let pool = TestDatabase::create().await;
    let hostile = "a\0b'; drop table tokens; -- \\u0000 \u{202e}\u{1f980} \"$1\" <script>";
    let about = MarketAbout {
        condition: hostile,
        slug: hostile,
        title: hostile,
        outcome: hostile,
        event: hostile,
        tags: Some(hostile),
    };
    let records = [
        Record::Session { version: hostile, config: 255 },
        Record::Token { id: TokenId(u32::MAX), text: hostile },
        Record::Market { token: TokenId(u32::MAX), market: Market::COMMON, about },
        Record::Leader { id: LeaderId(0), wallet: hostile, name: "" },
        Record::Portfolio { id: PortfolioId(u16::MAX), strategy: hostile, mode: Mode::Live },
    ];
    write(&pool, &records.map(|record| (Nanos(1), record)), 0, 10).await;
    let kept = hostile.replace('\0', "");
    for query in [
        "select version from sessions where config_hash = '00000000000000ff'",
        "select title from tokens where closes_at is null and tick = 0.01",
        "select token from tokens",
        "select wallet from leaders",
        "select strategy from portfolios where mode = 'live'",
    ] {
        assert_eq!(text(&pool, query).await, kept, "{query}");
    }
}

/// One buy and its sale by hand, with the numbers of DESIGN.md's transfer table.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told event by event")]
async fn each_event_moves_the_money_where_it_belongs() {
    let (portfolio, leader, token, pool) = (PortfolioId(0), LeaderId(0), TokenId(0), TestDatabase::create().await);
    let price = Price::from_micros(500_000).expect("a price");
    let signal = |id, side| {
        Event::Signal(Signal {
            signal: SignalId(id),
            group: SignalId(id),
            trade: TradeKey([id, 0]),
            leader,
            token,
            side,
            price,
            shares: Shares::whole(100),
            group_price: price,
            group_shares: Shares::whole(100),
            leader_held: Shares::ZERO,
            role: Role::Unknown,
            source: Source::Activity,
            how: How::Traded,
            traded_at: Nanos(0),
        })
    };
    let order = |id, side, cause, reserved| {
        let (order, signal) = (OrderId(id), SignalId(id));
        let (kind, limit, touch, reference) = (OrderKind::Fak, price, price, price);
        let (shares, budget) = (Shares::whole(20), if side == Side::Buy { Usdc::whole(10) } else { Usdc::ZERO });
        Event::Submitted(Submitted {
            order,
            signal,
            portfolio,
            leader,
            token,
            side,
            kind,
            cause,
            limit,
            shares,
            budget,
            reserved,
            touch,
            reference,
            attempt: 1,
        })
    };
    let fill = |id, shares, cash, fee, basis| {
        let (order, shares, release_at) = (OrderId(id), Shares::whole(shares), Nanos(0));
        Event::Filled(Filled { order, shares, cash: Usdc(cash), fee: Usdc(fee), basis: Usdc(basis), release_at })
    };
    let exit = |id, shares| Event::ExitDue {
        signal: SignalId(id),
        portfolio,
        leader,
        token,
        cause: Cause::LeaderExit,
        shares: Shares::whole(shares),
        reference: Price::from_micros(500_000).expect("a price"),
    };
    let closed = |id, released| Event::Closed { order: OrderId(id), end: OrderEnd::Filled, released: Usdc(released) };
    const BUCKETS: &str = "select concat_ws(' ', deposits::float8, available::float8, reserved::float8, deployed::float8, cooling::float8, realised::float8, fees::float8) from portfolios";
    const POSITION: &str = "select concat_ws(' ', shares::float8, cost::float8, realised::float8, fees::float8, exit_due::float8, nullif(exit_cause, '')) from positions";
    const ORDER: &str = "select concat_ws(' ', id, state, filled::float8, cash::float8, fee::float8, accepted_at is not null, closed_at is not null) from orders order by id desc limit 1";
    const DECISION: &str =
        "select concat_ws(' ', signal_id, outcome, order_id) from decisions order by signal_id desc limit 1";

    let names = [
        Record::Token { id: token, text: "1" },
        Record::Leader { id: leader, wallet: "0x", name: "" },
        Record::Portfolio { id: portfolio, strategy: "mirror", mode: Mode::Paper },
    ];
    write(&pool, &names.map(|record| (Nanos(0), record)), 0, 3).await;
    let settled = Settled {
        portfolio,
        leader,
        token,
        shares: Shares::whole(5),
        basis: Usdc(2_500_000),
        proceeds: Usdc::whole(5),
        release_at: Nanos(0),
    };
    let taken = TakenIn { portfolio, leader, token, shares: Shares::whole(8), cost: Usdc::whole(4) };
    let off = WrittenOff { portfolio, leader, token, shares: Shares::whole(6), basis: Usdc::whole(3) };
    let rest = WrittenOff { shares: Shares::whole(2), basis: Usdc::whole(1), ..off };
    let differs = Differs { what: Difference::Shares, token: Some(token), ours: 8_000_000, theirs: 2_000_000 };
    let steps: [(Event, &'static str, &str); 25] = [
        (Event::Deposited { portfolio, amount: Usdc::whole(100) }, BUCKETS, "100 100 0 0 0 0 0"),
        (Event::Withdrawn { portfolio, amount: Usdc::whole(10) }, BUCKETS, "90 90 0 0 0 0 0"),
        (
            signal(1, Side::Buy),
            "select concat_ws(' ', id, side, price::float8, trade_key) from signals",
            "1 buy 0.5 00000000000000010000000000000000",
        ),
        (order(1, Side::Buy, Cause::Entry, Usdc::whole(11)), BUCKETS, "90 79 11 0 0 0 0"),
        (Event::Accepted { order: OrderId(1) }, ORDER, "1 accepted 0 0 0 t f"),
        (fill(1, 15, 7_500_000, 100_000, 0), BUCKETS, "90 79 3.4 7.5 0 -0.1 0.1"),
        (fill(1, 5, 2_500_000, 0, 0), POSITION, "20 10 -0.1 0.1 0"),
        (closed(1, 900_000), BUCKETS, "90 79.9 0 10 0 -0.1 0.1"),
        (Event::Resynced { token }, ORDER, "1 filled 20 10 0.1 t t"),
        (signal(2, Side::Sell), DECISION, "1 ordered 1"),
        (exit(2, 18), DECISION, "2 exit_due"),
        (order(2, Side::Sell, Cause::LeaderExit, Usdc::ZERO), DECISION, "2 ordered 2"),
        (exit(2, 15), DECISION, "2 ordered 2"),
        (fill(2, 5, 4_000_000, 50_000, 2_500_000), POSITION, "15 7.5 1.35 0.15 10 leader_exit"),
        (fill(2, 10, 1_000_000, 0, 5_000_000), POSITION, "5 2.5 -2.65 0.15 0"),
        (closed(2, 0), BUCKETS, "90 79.9 0 2.5 4.95 -2.65 0.15"),
        (Event::Resolved { token, payout: 1_000_000 }, "select payout::text from tokens", "1.000000"),
        (Event::Settled(settled), BUCKETS, "90 79.9 0 0 9.95 -0.15 0.15"),
        (Event::Released { portfolio, amount: Usdc(9_950_000) }, BUCKETS, "90 89.85 0 0 0 -0.15 0.15"),
        (Event::TakenIn(taken), BUCKETS, "94 89.85 0 4 0 -0.15 0.15"),
        (exit(2, 7), POSITION, "8 4 -0.15 0.15 7 leader_exit"),
        (
            Event::Explained { differs, choice: Choice::Ignored },
            "select concat_ws(' ', what, ours::float8, theirs::float8, choice) from differences",
            "shares 8 2 ignored",
        ),
        (Event::WrittenOff(off), POSITION, "2 1 -3.15 0.15 2 leader_exit"),
        (
            Event::Differs(Differs { ours: 2_000_000, ..differs }),
            "select concat_ws(' ', why, shares::float8, basis::float8, proceeds::float8) from settlements order by seq desc limit 1",
            "written_off 6 3 0",
        ),
        (Event::WrittenOff(rest), BUCKETS, "94 89.85 0 0 0 -4.15 0.15"),
    ];
    for (seq, (event, query, expected)) in (3..).zip(steps) {
        write(&pool, &[(Nanos(seq), Record::Event(event))], seq, 1).await;
        assert_eq!(text(&pool, query).await, expected, "after {event:?}");
    }
    assert_eq!(text(&pool, POSITION).await, "0 0 -4.15 0.15 0");
    // He sells while our next entry is open, which then brings nothing: there is nothing left to sell.
    let entered = [order(3, Side::Buy, Cause::Entry, Usdc::whole(11)), exit(2, 20)];
    let entered = entered.map(|event| (Nanos(99), Record::Event(event)));
    write(&pool, &entered, 28, 1).await;
    assert_eq!(text(&pool, POSITION).await, "0 0 -4.15 0.15 20 leader_exit");
    write(&pool, &[(Nanos(99), Record::Event(closed(3, 11_000_000)))], 30, 1).await;
    assert_eq!(text(&pool, POSITION).await, "0 0 -4.15 0.15 0");
    let results = "select string_agg(realised::float8::text, ' ' order by seq) from fills";
    assert_eq!(text(&pool, results).await, "-0.1 0 1.45 -4");
    let kinds = "select string_agg(kind, ' ' order by seq) from (select * from events limit 5) e";
    assert_eq!(text(&pool, kinds).await, "deposited withdrawn signal submitted accepted");
}

/// Prints how fast the projection is: `cargo test --lib store::tests::the_writer_keeps_up -- --nocapture`.
#[tokio::test]
async fn the_writer_keeps_up() {
    let lines = stream::journal(3, 20_000);
    let pool = TestDatabase::create().await;
    let began = Instant::now();
    write(&pool, &lines, 0, 2_000).await;
    let rate = lines.len() as f64 / began.elapsed().as_secs_f64();
    println!("{} records in {:?}: {rate:.0} a second", lines.len(), began.elapsed());
    let count: i64 = sqlx::query_scalar("select count(*) from events").fetch_one(&pool).await.expect("a count");
    let events = lines.iter().filter(|line| matches!(line.1, Record::Event(_))).count();
    assert_eq!(count, events as i64);
}
