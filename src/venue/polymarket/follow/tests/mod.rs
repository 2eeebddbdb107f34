//! The follower told as stories: what is heard, and what follows from it, in words.

mod ends;
mod gaps;
mod matches;
mod model;
mod unknown;

use std::fmt::Write as _;

use super::{message::Leg, *};
use crate::{
    domain::{
        FeeSchedule, Input, LeaderId, NotSent, Noted, OrderKind, PortfolioId, Price, Rejection, Shares, Side, TokenId,
        TradeKey, Usdc,
    },
    venue::polymarket::answer::{Accepted, Answer, Doubt, Status},
};

/// The moment at which every story begins.
const START: Nanos = Nanos::from_secs(1_800_000_000);

fn id(order: u8) -> VenueOrderId {
    VenueOrderId([order; 32])
}

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).expect("a price")
}

/// An order to buy up to 20 shares for 10 dollars, or to sell 20, at 0.50.
fn sent(order: u8, side: Side, kind: OrderKind) -> Sent {
    Sent {
        order: OrderId(u64::from(order)),
        id: id(order),
        portfolio: PortfolioId(0),
        leader: LeaderId(0),
        token: TokenId(7),
        side,
        kind,
        limit: price(50),
        shares: Shares::whole(20),
        budget: match side {
            Side::Buy => Usdc::whole(10),
            Side::Sell => Usdc::ZERO,
        },
        fees: FeeSchedule::NONE,
        at: START,
    }
}

/// A follower, a clock, and what was told since last asked.
struct Desk {
    follower: Follower,
    now: Nanos,
    told: Told,
}

impl Desk {
    /// The channel is up and nothing was missed.
    fn open() -> Desk {
        let mut desk = Desk { follower: Follower::new(START), now: START, told: Told::default() };
        desk.hear(Evidence::ChannelUp);
        assert_eq!(desk.tick(), "read trades 1 since -60");
        assert_eq!(desk.hear(Evidence::TradesRead { number: 1, read: Read::Found(vec![]) }), "");
        assert!(desk.follower.is_whole());
        desk
    }

    /// As [`Desk::open`], with the order of that side and kind registered.
    fn with(side: Side, kind: OrderKind) -> Desk {
        let mut desk = Desk::open();
        assert_eq!(desk.hear(Evidence::Registered(sent(1, side, kind))), "");
        desk
    }

    fn hear(&mut self, evidence: Evidence) -> String {
        self.follower.hear(self.now, &evidence, &mut self.told);
        self.story()
    }

    fn tick(&mut self) -> String {
        self.follower.tick(self.now, &mut self.told);
        self.story()
    }

    /// Lets time pass as a gateway does: it ticks when something is due.
    fn wait(&mut self, millis: u64) -> String {
        let until = self.now.plus(Nanos::from_millis(millis));
        let mut stories: Vec<String> = Vec::new();
        for _ in 0..10_000 {
            let Some(due) = self.follower.next_due().filter(|due| *due <= until) else {
                self.now = until;
                return stories.join("; ");
            };
            self.now = self.now.max(due);
            stories.push(self.tick());
            stories.retain(|story| !story.is_empty());
        }
        panic!("it ticks for ever at {:?}: {stories:?}", self.now);
    }

    fn answer(&mut self, answer: Answer) -> String {
        self.hear(Evidence::Answered { id: id(1), answer })
    }

    fn accepted(&mut self, status: Status, making: &str, taking: &str) -> String {
        let amount = |text| message::millionths(text);
        let (making, taking) = (amount(making), amount(taking));
        self.answer(Answer::Accepted(Accepted { status, making, taking, trades: vec![] }))
    }

    fn order(&mut self, status: &str, matched: &str) -> String {
        self.hear(Evidence::Order(self.order_message(1, status, matched)))
    }

    fn order_read(&mut self, read: Read<OrderMessage>) -> String {
        self.hear(Evidence::OrderRead { id: id(1), read })
    }

    fn found(&mut self, status: &str, matched: &str) -> String {
        let message = self.order_message(1, status, matched);
        self.order_read(Read::Found(message))
    }

    fn order_message(&self, order: u8, status: &str, matched: &str) -> OrderMessage {
        OrderMessage {
            id: id(order),
            token: TokenId(7),
            side: Side::Buy,
            price: Some(price(50)),
            original_size: None,
            size_matched: message::millionths(matched),
            status: OrderStatus::parse(status),
        }
    }

    fn trade(&mut self, trade: u64, shares: &str, status: &str) -> String {
        self.hear(Evidence::Trade(bought(trade, shares, status)))
    }

    fn trades_read(&mut self, trades: Vec<TradeMessage>) -> String {
        let number = self.follower.reads.number();
        self.hear(Evidence::TradesRead { number, read: Read::Found(trades) })
    }

    /// Answers every read that is under way with nothing.
    fn nothing_found(&mut self) -> String {
        let order = self.order_read(Read::Absent);
        let trades = self.trades_read(vec![]);
        [order, trades].into_iter().filter(|story| !story.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// Returns what was told since last asked, in the order: inputs, notes, actions, alarms.
    fn story(&mut self) -> String {
        let mut words: Vec<String> = self.told.inputs.iter().map(input).collect();
        words.extend(self.told.noted.iter().map(|noted| match noted {
            Noted::External(external) => format!("foreign {} for {}", external.shares, external.cash),
            Noted::Signed(_) | Noted::Differs(_) | Noted::WalletHolds(_) | Noted::Gap(_) | Noted::Explained { .. } => {
                panic!("not of the follower: {noted:?}")
            }
        }));
        let start_s = START.as_secs() as i64;
        for action in &self.told.actions {
            words.push(match action {
                Action::SendAgain { .. } => "send again".to_owned(),
                Action::ReadOrder { .. } => "read order".to_owned(),
                Action::ReadTrades { number, after_s } => {
                    format!("read trades {number} since {}", *after_s as i64 - start_s)
                }
                Action::Cancel { .. } => "cancel".to_owned(),
            });
        }
        words.extend(self.told.alarms.iter().map(|alarm| {
            let mut name = format!("{alarm:?}");
            name.truncate(name.find(' ').unwrap_or(name.len()));
            assert!(alarm.text().len() > 20);
            format!("alarm {}", name.to_lowercase())
        }));
        self.told.clear();
        words.join("; ")
    }
}

fn input(input: &Input) -> String {
    match input {
        Input::Accepted { .. } => "accepted".to_owned(),
        Input::Unknown { .. } => "unknown".to_owned(),
        Input::Matched { shares, cash, fee, .. } => {
            let mut text = format!("matched {shares} for {cash}");
            if *fee != Usdc::ZERO {
                write!(text, " fee {fee}").expect("a text");
            }
            text
        }
        Input::Confirmed { .. } => "confirmed".to_owned(),
        Input::Voided { .. } => "voided".to_owned(),
        Input::Closed { end, .. } => format!("closed {}", end.code()),
        other => panic!("not of the follower: {other:?}"),
    }
}

/// A match in which our order 1 took shares at 0.50 of one maker.
fn bought(trade: u64, shares: &str, status: &str) -> TradeMessage {
    let shares = Shares(message::millionths(shares).expect("shares"));
    let leg =
        |order, side, is_ours| Leg { order: id(order), token: TokenId(7), side, shares, price: price(50), is_ours };
    TradeMessage {
        trade: TradeKey([0, trade]),
        status: TradeStatus::parse(status),
        taker: leg(1, Side::Buy, true),
        makers: vec![leg(99, Side::Sell, false)],
        matched_at_s: START.as_secs(),
    }
}

const LOST: Answer = Answer::Unknown(Doubt::Lost);
