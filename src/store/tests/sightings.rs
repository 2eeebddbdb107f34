//! Who saw a leader's trade, when, and what each source missed: stories by hand, read back with the queries.

use time::OffsetDateTime;

use super::*;
use crate::{
    domain::{GapCause, Numbers, Skip, event::Gap},
    store::{
        copyability::{self, LeaderScore},
        query::{Reader, SourceRow, TRADES_PAGE_MAX, TRADES_REPORT_MAX},
    },
};

const ADA: LeaderId = LeaderId(0);
const TOKEN: TokenId = TokenId(0);
/// When the story begins, in milliseconds.
const BEGIN: u64 = 1_790_000_000_000;

#[derive(Default)]
struct Story {
    lines: Vec<Line>,
    signals: u64,
}

impl Story {
    fn begin() -> Story {
        let mut story = Story::default();
        story.run(0);
        story.say(0, Record::Token { id: TOKEN, text: "1" });
        story.say(0, Record::Leader { id: ADA, wallet: "0xa", name: "Ada" });
        story.say(0, Record::Portfolio { id: PortfolioId(0), strategy: "mirror", mode: Mode::Paper });
        story
    }

    fn say(&mut self, ms: u64, record: Record<'static>) {
        self.lines.push((Nanos::from_millis(BEGIN + ms), record));
    }

    fn run(&mut self, ms: u64) {
        self.say(ms, Record::Session { version: "0.1.0", config: 1 });
    }

    /// He traded at `ms`; `seen` says who told of it, so many milliseconds after that.
    fn trade(&mut self, ms: u64, seen: &[(Source, u64)]) {
        self.told(ms, How::Traded, seen);
    }

    fn told(&mut self, ms: u64, how: How, seen: &[(Source, u64)]) {
        self.signals += 1;
        let (trade, price) = (TradeKey([self.signals, 0]), Price::from_micros(500_000).expect("a price"));
        let (&(source, after), later) = seen.split_first().expect("somebody saw it");
        let signal = SignalId(self.signals);
        let first = Event::Signal(Signal {
            signal,
            group: signal,
            trade,
            leader: ADA,
            token: TOKEN,
            side: Side::Buy,
            price,
            shares: Shares::whole(1),
            group_price: price,
            group_shares: Shares::whole(1),
            leader_held: Shares::ZERO,
            role: Role::Unknown,
            source,
            how,
            traded_at: Nanos::from_millis(BEGIN + ms),
        });
        self.say(ms + after, Record::Event(first));
        let (portfolio, reason, numbers) = (PortfolioId(0), Skip::TooOld, Numbers::NONE);
        self.say(ms + after, Record::Event(Event::Skipped { signal, portfolio, reason, numbers }));
        for &(source, after) in later {
            self.say(ms + after, Record::Event(Event::Repeated { trade, leader: ADA, token: TOKEN, source }));
        }
    }

    fn gap(&mut self, source: Source, from: u64, until: u64, cause: GapCause) {
        let (from, until_at) = (Nanos::from_millis(BEGIN + from), Nanos::from_millis(BEGIN + until));
        self.say(until, Record::Event(Event::Gap(Gap { source, from, until: until_at, cause })));
    }

    async fn written(&self, size: usize) -> PgPool {
        let pool = TestDatabase::create().await;
        write(&pool, &self.lines, 0, size).await;
        pool
    }

    /// What the queries say an hour after the beginning.
    async fn sources(&self) -> Vec<SourceRow> {
        let pool = self.written(3).await;
        let mut reader = Reader::open(&pool).await.expect("a reader");
        reader.sources(OffsetDateTime::UNIX_EPOCH, at(3_600_000), TRADES_REPORT_MAX).await.expect("sources")
    }
}

fn at(ms: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(BEGIN + ms) * 1_000_000).expect("a moment")
}

fn of(rows: &[SourceRow], source: Source) -> SourceRow {
    rows.iter().find(|row| row.source == source.code()).cloned().unwrap_or_default()
}

use Source::{Activity, Index, Log, Pending};

#[tokio::test]
async fn each_sighting_is_kept_once_with_its_lag_however_the_records_were_batched() {
    let mut story = Story::begin();
    story.trade(1_000, &[(Activity, 80), (Log, 2_080), (Activity, 90)]);
    story.told(5_000, How::Observed, &[(Index, 10)]);
    story.gap(Log, 6_000, 7_500, GapCause::Silent);
    const SEEN: &str =
        "select string_agg(concat_ws(' ', source, is_first, signal_id, lag_us), ', ' order by seq) from sightings";
    const GAPS: &str = "select string_agg(concat_ws(' ', source, cause, extract(epoch from ended_at - began_at)::float8), ',') from source_gaps";
    for size in [1, 2, 100] {
        let pool = story.written(size).await;
        assert_eq!(text(&pool, SEEN).await, "activity t 1 0, log f 1 2000000, activity f 1 10000", "batches of {size}");
        assert_eq!(text(&pool, GAPS).await, "log silent 1.5");
    }
    // A trade that the tables do not know the first of: as after an update of a database that had no sightings.
    let (trade, source) = (TradeKey([99, 0]), Log);
    story.say(9_000, Record::Event(Event::Repeated { trade, leader: ADA, token: TOKEN, source }));
    let pool = story.written(4).await;
    const UNKNOWN: &str =
        "select concat_ws(' ', source, signal_id is null, lag_us is null) from sightings order by seq desc limit 1";
    assert_eq!(text(&pool, UNKNOWN).await, "log t t");
}

#[tokio::test]
async fn who_was_first_by_how_much_and_who_was_alone() {
    let mut story = Story::begin();
    for n in 0..98 {
        story.trade(n * 10_000, &[(Activity, 100), (Log, 2_100), (Index, 5_100), (Log, 2_300)]);
    }
    story.trade(990_000, &[(Log, 1_000), (Activity, 1_400), (Index, 9_000)]);
    story.trade(1_000_000, &[(Activity, 300)]);
    let rows = story.sources().await;
    let (activity, log, index) = (of(&rows, Activity), of(&rows, Log), of(&rows, Index));
    assert_eq!(rows.len(), 3, "who never said anything is not there");
    assert_eq!((activity.seen, activity.first, activity.alone, activity.again), (100, 99, 1, 0));
    assert_eq!((activity.lead_p50_us, activity.lead_p99_us), (Some(2_000_000), Some(2_000_000)));
    assert_eq!((activity.lag_p50_us, activity.behind_p50_us), (Some(400_000), Some(100_000)));
    assert_eq!((log.seen, log.first, log.alone, log.again), (99, 1, 0, 98));
    assert_eq!((log.lead_p50_us, log.lag_p50_us, log.lag_p99_us), (Some(400_000), Some(2_000_000), Some(2_000_000)));
    assert_eq!((index.seen, index.first, index.lead_p50_us), (99, 0, None));
    assert_eq!((index.lag_p99_us, index.behind_p99_us), (Some(8_000_000), Some(9_000_000)));
    assert_eq!((activity.missed, log.missed, index.missed), (0, 1, 1));
    assert_eq!(activity.last_at, Some(at(1_000_300)));
}

#[tokio::test]
async fn a_trade_is_missed_only_by_a_source_that_was_there() {
    let mut story = Story::begin();
    story.trade(0, &[(Activity, 100)]); // before the first word of the log
    story.trade(10_000, &[(Activity, 100), (Log, 2_000)]);
    story.trade(20_000, &[(Activity, 100)]); // missed
    story.trade(30_000, &[(Activity, 100), (Log, 119_000)]); // late, but told
    story.trade(200_000, &[(Activity, 100), (Log, 121_000)]); // too late: missed
    story.told(400_000, How::Left, &[(Log, 100)]); // the socket does not tell of such
    story.trade(600_000, &[(Activity, 100)]); // in the gap that follows
    story.gap(Log, 590_000, 700_000, GapCause::Lost);
    story.gap(Log, 705_000, 708_000, GapCause::Silent);
    story.trade(1_000_000, &[(Activity, 100)]); // missed
    story.run(2_000_000);
    story.gap(Activity, 1_900_000, 2_000_500, GapCause::Start);
    story.trade(2_100_000, &[(Activity, 100)]); // the log is off in this run
    story.trade(3_599_000, &[(Index, 100), (Activity, 900)]);
    story.trade(3_599_500, &[(Index, 100)]); // its two minutes are not over
    let rows = story.sources().await;
    let (activity, log) = (of(&rows, Activity), of(&rows, Log));
    assert_eq!((log.missed, log.missed_in_gaps), (3, 1));
    assert_eq!((log.gaps, log.gaps_us, log.gap_longest_us), (2, 113_000_000, 110_000_000));
    assert_eq!((activity.missed, activity.gaps, activity.starts, activity.starts_us), (0, 0, 1, 100_500_000));
    assert_eq!(of(&rows, Pending), SourceRow::default());
    // What began before is left out; who is silent since is still there.
    let pool = story.written(50).await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let lately = reader.sources(at(2_000_400), at(3_600_000), TRADES_PAGE_MAX).await.expect("sources");
    assert_eq!((of(&lately, Activity).seen, of(&lately, Log).seen, of(&lately, Log).gaps), (2, 0, 0));
    assert_eq!(of(&lately, Log).last_at, Some(at(400_100)));
}

#[tokio::test]
async fn each_leader_has_his_delays_noes_and_copies() {
    let mut story = Story::begin();
    for n in 0..10 {
        story.trade(n * 10_000, &[(Activity, 100 + n * 100)]);
    }
    story.told(400_000, How::Left, &[(Log, 700_000)]);
    story.say(800_000, Record::Leader { id: LeaderId(1), wallet: "0xb", name: "" });
    let pool = story.written(7).await;
    let score = |ended| LeaderScore {
        wallet: "0xa".into(),
        scored_at: at(0),
        days: 30,
        delay_ms: 2_000,
        ended,
        return_ppm: Some(-5),
        his_return_ppm: None,
        warnings: "wash dust".into(),
    };
    copyability::keep(&pool, &score(1)).await.expect("kept");
    copyability::keep(&pool, &score(2)).await.expect("kept in its place");
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let leaders = reader.leaders_seen(OffsetDateTime::UNIX_EPOCH).await.expect("leaders");
    let (ada, other) = (&leaders[0], &leaders[1]);
    assert_eq!((ada.name.as_str(), ada.seen, ada.copied_paper, ada.copied_live), ("Ada", 11, 0, 0));
    assert_eq!(
        (ada.behind_p50_us, ada.behind_p90_us, ada.behind_p99_us),
        (Some(500_000), Some(900_000), Some(1_000_000))
    );
    assert_eq!(ada.behind, [0, 2, 2, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(
        (ada.noes[0].outcome.as_str(), ada.noes[0].reason.as_str(), ada.noes[0].count),
        ("skipped", "too_old", 11)
    );
    assert_eq!((other.wallet.as_str(), other.seen, other.behind_p50_us, other.last_at), ("0xb", 0, None, None));
}

#[tokio::test]
async fn a_long_journal_is_counted_right() {
    let lines = stream::journal(5, 4_000);
    let pool = TestDatabase::create().await;
    write(&pool, &lines, 0, 500).await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let rows = reader.sources(OffsetDateTime::UNIX_EPOCH, OffsetDateTime::now_utc(), 1_000_000).await.expect("sources");
    let sightings: i64 = sqlx::query_scalar("select count(*) from sightings").fetch_one(&pool).await.expect("a count");
    assert_eq!(rows.iter().map(|row| row.seen + row.again).sum::<i64>(), sightings);
    let leaders = reader.leaders_seen(OffsetDateTime::UNIX_EPOCH).await.expect("leaders");
    let signals: i64 = sqlx::query_scalar("select count(*) from signals").fetch_one(&pool).await.expect("a count");
    assert_eq!(leaders.iter().map(|leader| leader.seen).sum::<i64>(), signals);
    assert_eq!(rows.iter().map(|row| row.first).sum::<i64>(), signals);
    assert!(
        leaders.iter().any(|leader| leader.copied_paper > 0) && leaders.iter().any(|leader| leader.copied_live > 0)
    );
    assert_eq!(crate::store::query::behind(&leaders).iter().sum::<i64>(), signals);
}
