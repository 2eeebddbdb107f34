//! The venue of live orders in a trial: it takes each order and says of it, over minutes, in any order and number, whether it
//! was accepted, what was matched, what of that settled or failed, and that it ended; also over restarts, and after the end.

use crate::{
    domain::{Input, Market, Nanos, OrderEnd, Shares, Side, TradeKey, Usdc, event::Submitted},
    sim::random::Random,
};

/// What it will say, and how much later.
pub type Words = Vec<(Nanos, Input)>;

/// Returns all that will ever be said of an order, each word up to some minutes late.
pub fn words(submitted: &Submitted, market: &Market, random: &mut Random) -> Words {
    let order = submitted.order;
    let mut words: Words = vec![];
    let said = Nanos::from_millis(random.range(20, 3_000));
    match random.range(0, 10) {
        0 => words.push((said, Input::Unknown { order })),
        1 => (),
        _ => words.push((said, Input::Accepted { order })),
    }
    for part in 0..random.range(0, 4) {
        let trade = TradeKey([order.0, part]);
        let (shares, cash) = amounts(submitted, random);
        if shares == Shares::ZERO {
            continue;
        }
        let fee = fee(market, shares, cash);
        let matched = late(said, 2_000, random);
        words.push((matched, Input::Matched { order, trade, shares, cash, fee }));
        let settled = late(matched, 90_000, random);
        let is_void = random.chance(25);
        words.push((settled, if is_void { Input::Voided { order, trade } } else { Input::Confirmed { order, trade } }));
    }
    words.push((late(said, 5_000, random), Input::Closed { order, end: OrderEnd::Cancelled }));
    // Some is said again, and some only much later.
    for index in 0..words.len() {
        if random.chance(30) {
            words.push((late(words[index].0, 200_000, random), words[index].1));
        }
        if random.chance(10) {
            words[index].0 = late(words[index].0, 200_000, random);
        }
    }
    words
}

/// Returns the words of a venue where all goes well: all of it is matched, and settles at once.
pub fn good_words(submitted: &Submitted, market: &Market) -> Words {
    let (order, trade, shares) = (submitted.order, TradeKey([submitted.order.0, 99]), submitted.shares);
    let cash = submitted.limit.cost_floor(shares);
    let fee = fee(market, shares, cash);
    let words = [
        Input::Accepted { order },
        Input::Matched { order, trade, shares, cash, fee },
        Input::Closed { order, end: OrderEnd::Filled },
        Input::Confirmed { order, trade },
    ];
    (1..).map(|n| Nanos::from_millis(50 * n)).zip(words).collect()
}

fn late(after: Nanos, most: u64, random: &mut Random) -> Nanos {
    after.plus(Nanos::from_millis(random.range(0, most)))
}

/// Draws a part of an order, at its limit or a little better.
fn amounts(submitted: &Submitted, random: &mut Random) -> (Shares, Usdc) {
    let part = submitted.shares.0 / 4;
    let shares = Shares(random.range(0, part + 1));
    let micros = u64::from(submitted.limit.micros());
    let price = match submitted.side {
        Side::Buy => micros - random.range(0, micros / 20 + 1),
        Side::Sell => micros + random.range(0, (1_000_000 - micros) / 20 + 1),
    };
    let cash = (u128::from(shares.0) * u128::from(price) / 1_000_000) as i64;
    (shares, Usdc(cash))
}

/// The taker's fee: rate x shares x p x (1 - p), cut to five decimals.
fn fee(market: &Market, shares: Shares, cash: Usdc) -> Usdc {
    let (shares, cash) = (i128::from(shares.0), i128::from(cash.0));
    let exact = i128::from(market.fees.rate_ppm) * cash * (shares - cash).max(0) / (shares * 1_000_000);
    Usdc((exact - exact % 10) as i64)
}
