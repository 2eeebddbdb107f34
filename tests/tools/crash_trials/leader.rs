//! The leader of a trial, and the weather: he buys and sells in every kind of market, by hand, and trouble comes to the venue.

use std::{sync::Arc, time::Duration};

use remora::{
    domain::{OrderKind, Price, Shares, Side, Usdc},
    sim::{
        hand::{self, ByHand, Hand},
        listing::Listing,
        random::Random,
        server::{Server, Switch, Trouble},
    },
    venue::polymarket::{Key, SignatureType},
};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::plan::Behaviour;

/// He trades so often.
const PACE: Duration = Duration::from_millis(350);

/// Trades until he is ended, or dropped.
pub struct Leader(AbortOnDropHandle<()>);

pub fn key() -> Key {
    Key::from_bytes([2; 32]).expect("a key")
}

/// Of who sells to him and to us.
pub fn shop_key() -> Key {
    Key::from_bytes([3; 32]).expect("a key")
}

impl Leader {
    pub async fn begin(venue: &Arc<Server>, seed: u64, behaviour: Behaviour) -> Result<Leader, String> {
        let http = hand::client(None)?;
        let hand = Arc::new(Hand::connect(&http, &venue.clob_url, key()).await?);
        let markets: Vec<Arc<Listing>> =
            venue.open_markets().into_iter().filter(|market| !market.taker_delay && market.delay_secs == 0).collect();
        let shop = Hand::connect(&http, &venue.clob_url, shop_key()).await?;
        for market in &markets {
            shop.keep_shop(venue, market, 5_000).await?;
        }
        let (venue, mut random) = (Arc::clone(venue), Random::new(seed ^ 0x1ead));
        let trading = tokio::spawn(async move {
            let mut bought = Vec::new();
            loop {
                let order = draw(&mut random, &markets, &mut bought);
                let (hand, market) = (Arc::clone(&hand), Arc::clone(&markets[order.market]));
                // Whatever becomes of it: also his answers come late or never.
                tokio::spawn(async move {
                    let order = order.by_hand(&market);
                    let _ = tokio::time::timeout(Duration::from_secs(10), hand.place(SignatureType::Eoa, &order)).await;
                });
                sleep(PACE).await;
                trouble(&venue, behaviour, &mut random);
            }
        });
        Ok(Leader(AbortOnDropHandle::new(trading)))
    }

    /// Ends him, and lets go of the venue.
    pub async fn ends(self) {
        self.0.abort();
        let _ = self.0.await;
    }
}

#[derive(Clone, Copy)]
struct Drawn {
    market: usize,
    outcome: usize,
    side: Side,
    amount: u64,
}

/// Mostly he buys; a third of his trades gives up a part of what he bought, or all.
fn draw(random: &mut Random, markets: &[Arc<Listing>], bought: &mut Vec<(usize, usize)>) -> Drawn {
    if bought.len() > 2 && random.chance(33) {
        let (market, outcome) = *random.pick(bought);
        return Drawn { market, outcome, side: Side::Sell, amount: random.range(5, 30) };
    }
    let (market, outcome) = (random.range(0, markets.len() as u64) as usize, random.range(0, 2) as usize);
    bought.push((market, outcome));
    Drawn { market, outcome, side: Side::Buy, amount: random.range(8, 40) }
}

impl Drawn {
    fn by_hand<'a>(&self, market: &'a Listing) -> ByHand<'a> {
        let price = Price::from_micros(if self.side == Side::Buy { 990_000 } else { 10_000 }).expect("a price");
        ByHand {
            market,
            outcome: self.outcome,
            side: self.side,
            kind: OrderKind::Fak,
            price,
            shares: Shares::whole(self.amount),
            usdc: Usdc::whole(self.amount as i64),
        }
    }
}

fn trouble(venue: &Server, behaviour: Behaviour, random: &mut Random) {
    match behaviour {
        Behaviour::Refused if random.chance(60) => {
            let trouble = *random.pick(&Trouble::ALL);
            // Half of them meet his own orders.
            venue.switch(Switch::Trouble { trouble, orders: random.range(1, 3) as u32 });
        }
        Behaviour::Restart if random.chance(10) => venue.switch(Switch::Restart { down_secs: 1, post_only_secs: 1 }),
        Behaviour::Accepted
        | Behaviour::Poor
        | Behaviour::Refused
        | Behaviour::Delayed
        | Behaviour::Timeout
        | Behaviour::Broken
        | Behaviour::Late
        | Behaviour::Restart
        | Behaviour::Ghost
        | Behaviour::Mute
        | Behaviour::Hell => {}
    }
}
