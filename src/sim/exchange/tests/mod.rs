//! The rules one by one, and all of them together at random.

mod funds;
mod life;
mod naive;
mod oracle;
mod quotes;
mod rules;
mod whims;

use super::*;
use crate::domain::{FeeSchedule, Generation, Shares, Tick, Usdc};

/// The market and accounts of most tests: a cent's grid, 5 % fees, no hold; Ann and Bo with 1,000 dollars and 1,000 pairs.
struct Bench {
    exchange: Exchange,
    market: MarketId,
    now: Nanos,
    numbered: u8,
}

const HOUSE: AccountId = AccountId(0);
const ANN: AccountId = AccountId(1);
const BO: AccountId = AccountId(2);

const RULES: Rules = Rules {
    tick: Tick::CENT,
    minimum: Shares::whole(5),
    fee: FeeSchedule { rate_ppm: 50_000 },
    hold: Nanos::ZERO,
    generation: Generation::V2,
    neg_risk: false,
};

impl Bench {
    fn new() -> Bench {
        Bench::with(RULES)
    }

    fn with(rules: Rules) -> Bench {
        let mut exchange = Exchange::new(Settings::default());
        let now = Nanos::from_secs(1_000);
        let market = exchange.open_market(rules);
        exchange.open_account(Funds::Endless);
        for account in [ANN, BO] {
            assert_eq!(exchange.open_account(Funds::Of(Usdc::whole(2_000))), account);
            for asset in [Asset::Collateral, Asset::Shares(market, Outcome::Yes)] {
                exchange.approve(account, rules.contract(), asset, u64::MAX);
            }
            exchange.split(account, market, Shares::whole(1_000)).expect("it has the dollars");
        }
        // What they began with is no news.
        exchange.drain_events().for_each(drop);
        Bench { exchange, market, now, numbered: 0 }
    }

    /// Amounts are millionths: what the maker gives, what he takes.
    fn order(&mut self, account: AccountId, outcome: Outcome, side: Side, amounts: (u64, u64), kind: Kind) -> NewOrder {
        self.numbered += 1;
        let (id, market) = (OrderId([self.numbered; 32]), self.market);
        let (maker_amount, taker_amount) = amounts;
        NewOrder { id, account, market, outcome, side, maker_amount, taker_amount, kind, post_only: false }
    }

    /// Returns what comes of a limit order for so many hundredths of a share, or of a market order at that limit.
    fn place(&mut self, account: AccountId, words: &str) -> Result<Placed, Reject> {
        let new = self.parse(account, words);
        self.exchange.place(self.now, new)
    }

    /// "buy yes 10 @ 0.52 gtc"
    fn parse(&mut self, account: AccountId, words: &str) -> NewOrder {
        let parts: Vec<&str> = words.split(' ').collect();
        let [side, outcome, size, "@", price, kind, ..] = parts[..] else { panic!("{words}") };
        let side = if side == "buy" { Side::Buy } else { Side::Sell };
        let outcome = if outcome == "yes" { Outcome::Yes } else { Outcome::No };
        let micros = |text: &str| (text.parse::<f64>().expect("a number") * 1e6).round() as u64;
        let (shares, collateral) = (micros(size), micros(size) * micros(price) / 1_000_000);
        let amounts = if side == Side::Buy { (collateral, shares) } else { (shares, collateral) };
        let kind = match kind {
            "gtc" => Kind::Gtc,
            "gtd" => Kind::Gtd { expires_at: self.now.plus(Nanos::from_secs(180)) },
            "fok" => Kind::Fok,
            "fak" => Kind::Fak,
            other => panic!("{other}"),
        };
        let post_only = words.ends_with("post-only");
        NewOrder { post_only, ..self.order(account, outcome, side, amounts, kind) }
    }

    /// Places an order that must be taken, and returns its id.
    fn take(&mut self, account: AccountId, words: &str) -> OrderId {
        let new = self.parse(account, words);
        self.exchange.place(self.now, new).unwrap_or_else(|reject| panic!("{words}: {reject}"));
        new.id
    }

    fn after(&mut self, length: Nanos) {
        self.now = self.now.plus(length);
        self.exchange.advance(self.now);
    }

    /// The first token's book: "0.48 x 10, 0.47 x 5 | 0.53 x 7".
    fn book(&self) -> String {
        let side = |side| {
            let levels = self.exchange.ladder(self.market, side);
            levels.map(|level| format!("{} x {}", level.price, level.size)).collect::<Vec<String>>().join(", ")
        };
        format!("{} | {}", side(Side::Buy), side(Side::Sell))
    }

    /// Collateral and shares of both tokens: "2000 + 10 yes + 5 no".
    fn holds(&self, account: AccountId) -> String {
        let [yes, no] = Outcome::BOTH.map(|outcome| self.exchange.shares(account, self.market, outcome).held);
        format!("{} + {yes} yes + {no} no", self.exchange.balance(account).held)
    }

    fn status(&self, id: OrderId) -> String {
        match self.exchange.order(&id).expect("a known order").state {
            State::Held => "held".to_owned(),
            State::Live => "live".to_owned(),
            State::Matched => "matched".to_owned(),
            State::Canceled(why) => why.to_string(),
        }
    }
}

/// Says what came of an order: "live", "10 for 5.2", or the venue's words.
fn said(result: Result<Placed, Reject>) -> String {
    let decimal = |micros: u64| Shares(micros).to_string();
    match result {
        Ok(Placed::Live) => "live".to_owned(),
        Ok(Placed::Matched { making, taking, .. }) => format!("{} for {}", decimal(making), decimal(taking)),
        Ok(Placed::Held { .. }) => "held".to_owned(),
        Err(reject) => reject.to_string(),
    }
}
