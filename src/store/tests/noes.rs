//! What a no would have earned: nothing is known until the leader's own trade ended, and then it is written once.

use super::*;
use crate::domain::{
    FeeSchedule, Numbers, Skip, Source,
    event::{Feature, Opinion, Scored},
};
use crate::store::query::{Reader, Scope};

const ADA: LeaderId = LeaderId(0);
const PAPER: PortfolioId = PortfolioId(0);

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).expect("a price")
}

#[derive(Default)]
struct Story {
    events: Vec<Event>,
    signals: u64,
}

impl Story {
    fn signal(&mut self, leader: LeaderId, token: u32, side: Side, cents: u32, held: u64, group: u64) -> SignalId {
        self.signals += 1;
        let signal = SignalId(self.signals);
        self.events.push(Event::Signal(Signal {
            signal,
            group: if group == 0 { signal } else { SignalId(group) },
            trade: TradeKey([self.signals, 0]),
            leader,
            token: TokenId(token),
            side,
            price: price(cents),
            shares: Shares::whole(100),
            group_price: price(cents),
            group_shares: Shares::whole(100),
            leader_held: Shares::whole(held),
            role: Role::Unknown,
            source: Source::Activity,
            how: How::Traded,
            traded_at: Nanos(0),
        }));
        signal
    }

    /// A buy at 50 cents that got a no.
    fn skipped(&mut self, token: u32) -> SignalId {
        let signal = self.signal(ADA, token, Side::Buy, 50, 0, 0);
        self.no(signal);
        signal
    }

    fn no(&mut self, signal: SignalId) {
        let (reason, numbers) = (Skip::PriceMoved, Numbers::NONE);
        self.events.push(Event::Skipped { signal, portfolio: PAPER, reason, numbers });
    }

    fn scored(&mut self, token: u32, ask: u32) {
        let signal = self.signal(ADA, token, Side::Buy, 50, 0, 0);
        let (additive, bayesian) = (Opinion::default(), Opinion::default());
        let (features, prior_ppm, ask) = ([0; Feature::COUNT], 500_000, Some(price(ask)));
        self.events.push(Event::Scored(Scored {
            signal,
            features,
            prior_ppm,
            ask,
            additive,
            bayesian,
            model_ppm: None,
        }));
        self.no(signal);
    }

    fn sells(&mut self, leader: LeaderId, token: u32, cents: u32, held: u64) {
        self.signal(leader, token, Side::Sell, cents, held, 0);
    }

    fn pays(&mut self, token: u32, payout: u32) {
        self.events.push(Event::Resolved { token: TokenId(token), payout });
    }

    fn lines(&self) -> Vec<Line> {
        let names = (0..12).map(|id| Record::Token { id: TokenId(id), text: "1" });
        let dear = Market { fees: FeeSchedule { rate_ppm: 70_000 }, ..Market::COMMON };
        let about = MarketAbout { condition: "0xc", ..MarketAbout::default() };
        let heads = [
            Record::Portfolio { id: PAPER, strategy: "mirror", mode: Mode::Paper },
            Record::Market { token: TokenId(6), market: dear, about },
        ];
        let events = self.events.iter().map(|event| Record::Event(*event));
        (0..).zip(names.chain(heads).chain(events)).map(|(at, record)| (Nanos(at), record)).collect()
    }
}

async fn written(story: &Story, size: usize) -> PgPool {
    let pool = TestDatabase::create().await;
    let mut lines = story.lines();
    // Each token's text is its own.
    for (line, text) in lines.iter_mut().zip(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]) {
        if let Record::Token { id, .. } = line.1 {
            line.1 = Record::Token { id, text };
        }
    }
    write(&pool, &lines, 0, size).await;
    pool
}

#[tokio::test]
async fn a_no_is_worth_what_the_copy_would_have_earned() {
    type Tell = fn(&mut Story);
    let stories: [(&str, Tell, &str); 11] = [
        ("nothing ended", |s| _ = s.skipped(0), "-"),
        ("won: twice what it cost", |s| (s.skipped(1), s.pays(1, 1_000_000)).1, "1.000000"),
        ("lost", |s| (s.skipped(2), s.pays(2, 0)).1, "-1.000000"),
        ("the ask was worse than the leader's price", |s| (s.scored(3, 55), s.pays(3, 1_000_000)).1, "0.818182"),
        ("the ask was better: the leader's price counts", |s| (s.scored(4, 40), s.pays(4, 1_000_000)).1, "1.000000"),
        ("the leader sold all", |s| (s.skipped(5), s.sells(ADA, 5, 60, 100)).1, "0.200000"),
        ("the venue's fee is paid", |s| (s.skipped(6), s.pays(6, 1_000_000)).1, "0.932367"),
        ("he sold half", |s| (s.skipped(7), s.sells(ADA, 7, 60, 200)).1, "-"),
        ("half sold, half paid", |s| (s.skipped(8), s.sells(ADA, 8, 60, 200), s.pays(8, 1_000_000)).2, "0.600000"),
        (
            "what he sold before, and what others sell, does not count",
            |s| (s.sells(ADA, 9, 90, 100), s.skipped(9), s.sells(LeaderId(1), 9, 90, 100)).2,
            "-",
        ),
        (
            "after he left, a new position is no part of it",
            |s| (s.skipped(10), s.sells(ADA, 10, 60, 50), s.sells(ADA, 10, 90, 100), s.pays(10, 0)).3,
            "0.200000",
        ),
    ];
    let mut story = Story::default();
    let mut signals = Vec::new();
    for (_, tell, _) in &stories {
        let before = story.events.len();
        tell(&mut story);
        signals.extend(story.events[before..].iter().find_map(|event| match event {
            Event::Skipped { signal, .. } => Some(signal.0.cast_signed()),
            _other => None,
        }));
    }
    for size in [1, 7, 1_000] {
        let pool = written(&story, size).await;
        for ((what, _, expected), signal) in stories.iter().zip(&signals) {
            let found: String =
                sqlx::query_scalar("select coalesce(would::text, '-') from decisions where signal_id = $1")
                    .bind(signal)
                    .fetch_one(&pool)
                    .await
                    .expect(what);
            assert_eq!(found, *expected, "{what}, in batches of {size}");
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one story")]
#[tokio::test]
async fn a_copy_in_many_fills_counts_once_and_at_the_usual_size() {
    let mut story = Story::default();
    // Two fills of one group, both skipped; and a group whose second fill was ordered.
    let first = story.skipped(0);
    let second = story.signal(ADA, 0, Side::Buy, 50, 0, first.0);
    story.no(second);
    let third = story.skipped(1);
    let fourth = story.signal(ADA, 1, Side::Buy, 50, 0, third.0);
    story.events.push(Event::Deposited { portfolio: PAPER, amount: Usdc::whole(100) });
    story.events.push(Event::Submitted(Submitted {
        order: OrderId(1),
        signal: fourth,
        portfolio: PAPER,
        leader: ADA,
        token: TokenId(1),
        side: Side::Buy,
        kind: OrderKind::Fak,
        cause: Cause::Entry,
        limit: price(50),
        shares: Shares::whole(40),
        budget: Usdc::whole(20),
        reserved: Usdc::whole(20),
        touch: price(50),
        reference: price(50),
        attempt: 2,
    }));
    // A copy that waited for more has a size of its own, and its end does not take that back.
    let fifth = story.signal(ADA, 2, Side::Buy, 50, 0, 0);
    let (portfolio, leader, reference) = (PAPER, ADA, price(50));
    let (token, shares, wanted) = (TokenId(2), Shares::whole(1), Usdc(500_000));
    story.events.push(Event::Buffered {
        signal: fifth,
        portfolio,
        leader,
        token,
        shares,
        wanted,
        reference,
        until: Nanos::NEVER,
    });
    let (reason, numbers) = (Skip::BelowMinimum, Numbers { limit: 1_000_000, actual: 500_000 });
    story.events.push(Event::Skipped { signal: fifth, portfolio, reason, numbers });
    // And one that ended in another's order.
    let sixth = story.signal(ADA, 3, Side::Buy, 50, 0, 0);
    story.events.push(Event::Buffered {
        signal: sixth,
        portfolio,
        leader,
        token,
        shares,
        wanted,
        reference,
        until: Nanos::NEVER,
    });
    story.events.push(Event::Merged { signal: sixth, portfolio, into: SignalId(7) });
    story.no(sixth);
    (0..3).for_each(|token| story.pays(token, 1_000_000));

    let pool = written(&story, 3).await;
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let since = time::OffsetDateTime::UNIX_EPOCH;
    let scope = Scope { mode: "paper".into(), strategy: "mirror".into(), since };
    let noes = reader.noes(&scope).await.expect("noes");
    let said: Vec<String> = noes
        .iter()
        .map(|row| {
            let would = row.would.map_or("-".to_owned(), |would| would.normalize().to_string());
            format!("{} {} {} {} {}: {would}", row.outcome, row.reason, row.count, row.copies, row.known)
        })
        .collect();
    assert_eq!(said, ["skipped price_moved 3 1 1: 20", "skipped below_minimum 1 1 1: 0.5"]);
    let merged = "select concat_ws(' ', outcome, merged_into, wanted::float8) from decisions where signal_id = 6";
    assert_eq!(text(&pool, merged).await, "merged 7 0.5");
    assert_eq!(text(&pool, "select attempt::text from orders").await, "2");
    let live = Scope { mode: "live".into(), ..scope };
    assert_eq!(reader.noes(&live).await.expect("noes"), []);
}

#[tokio::test]
async fn money_moves_between_portfolios_and_an_order_may_be_unknown() {
    let pool = TestDatabase::create().await;
    let (from, to) = (PortfolioId(0), PortfolioId(1));
    let records = [
        Record::Portfolio { id: from, strategy: "a", mode: Mode::Paper },
        Record::Portfolio { id: to, strategy: "b", mode: Mode::Paper },
        Record::Event(Event::Deposited { portfolio: from, amount: Usdc::whole(10) }),
        Record::Event(Event::Moved { from, to, amount: Usdc::whole(4) }),
    ];
    write(&pool, &records.map(|record| (Nanos(1), record)), 0, 10).await;
    let money = "select string_agg(concat_ws(' ', strategy, deposits::float8, available::float8), ', ' order by id) from portfolios";
    assert_eq!(text(&pool, money).await, "a 6 6, b 4 4");
    let mut reader = Reader::open(&pool).await.expect("a reader");
    let kinds: Vec<String> =
        reader.events_of_note(9).await.expect("events").into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, ["moved", "deposited"]);
}
