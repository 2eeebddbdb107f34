//! A second exchange, written from PROTOCOL.md 8 with nothing in mind but to be obviously right: one list of orders, looked
//! through from its beginning each time, amounts compared by the contract's own inequalities, balances summed up anew.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use crate::domain::Shares;
use crate::domain::money::ONE;

pub struct Naive {
    /// Those that are open, oldest first.
    pub orders: Vec<Kept>,
    pub ended: BTreeSet<OrderId>,
    pub rules: Vec<Rules>,
    /// Collateral is `None`.
    pub held: BTreeMap<(AccountId, Option<(MarketId, Outcome)>), i128>,
    /// What was matched since somebody looked.
    pub matched: Vec<Met>,
}

pub struct Kept {
    pub new: NewOrder,
    pub left: u128,
    pub matched: u128,
    pub status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Held,
    Live,
}

/// One taker and his makers: maker, shares, what the maker gives or gets, what the taker gives or gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    pub taker: OrderId,
    pub fills: Vec<(OrderId, u128, u128, u128)>,
    pub fee: u128,
}

/// Shares wanted or offered at the order's own price.
fn in_shares(new: &NewOrder, left: u128) -> u128 {
    match new.side {
        Side::Buy => left * u128::from(new.taker_amount) / u128::from(new.maker_amount),
        Side::Sell => left,
    }
}

fn is_limit(new: &NewOrder) -> bool {
    matches!(new.kind, Kind::Gtc | Kind::Gtd { .. })
}

/// The inequalities of PROTOCOL.md 8.
pub fn cross(taker: &NewOrder, maker: &NewOrder) -> bool {
    let [tm, tt, mm, mt] =
        [taker.maker_amount, taker.taker_amount, maker.maker_amount, maker.taker_amount].map(u128::from);
    match (taker.outcome == maker.outcome, taker.side, maker.side) {
        (true, Side::Buy, Side::Sell) | (true, Side::Sell, Side::Buy) => tm * mm >= tt * mt,
        (false, Side::Buy, Side::Buy) => tm * mt + mm * tt >= tt * mt,
        (false, Side::Sell, Side::Sell) => tt * mm + mt * tm <= tm * mm,
        (true, Side::Buy, Side::Buy) | (true, Side::Sell, Side::Sell) => false,
        (false, Side::Buy, Side::Sell) | (false, Side::Sell, Side::Buy) => false,
    }
}

/// What a share costs a taker who meets this maker, as a fraction of amounts.
fn price_for_taker(maker: &NewOrder, taker: &NewOrder) -> (u128, u128) {
    let (collateral, shares) = match maker.side {
        Side::Buy => (u128::from(maker.maker_amount), u128::from(maker.taker_amount)),
        Side::Sell => (u128::from(maker.taker_amount), u128::from(maker.maker_amount)),
    };
    if maker.outcome == taker.outcome { (collateral, shares) } else { (shares - collateral, shares) }
}

impl Naive {
    fn balance(&self, account: AccountId, asset: Option<(MarketId, Outcome)>) -> i128 {
        self.held.get(&(account, asset)).copied().unwrap_or_default()
    }

    pub fn asset(new: &NewOrder) -> Option<(MarketId, Outcome)> {
        (new.side == Side::Sell).then_some((new.market, new.outcome))
    }

    pub fn reserved(&self, account: AccountId, asset: Option<(MarketId, Outcome)>) -> u128 {
        let open = self.orders.iter().filter(|kept| kept.new.account == account);
        open.filter(|kept| Naive::asset(&kept.new) == asset).map(|kept| kept.left).sum()
    }

    pub fn add(&mut self, account: AccountId, asset: Option<(MarketId, Outcome)>, amount: i128) {
        *self.held.entry((account, asset)).or_default() += amount;
    }

    /// Whether clients would send these amounts for some price of the grid: all prices are tried.
    fn fits_the_grid(&self, new: &NewOrder) -> bool {
        let tick = self.rules[new.market.0 as usize].tick;
        let unit = 10_u128.pow(6 - tick.amount_decimals());
        let (maker, taker) = (u128::from(new.maker_amount), u128::from(new.taker_amount));
        let grid = (1..).map(|n| n * u128::from(tick.micros())).take_while(|price| *price < u128::from(ONE));
        let explains = |price: u128| match (new.side, is_limit(new)) {
            (Side::Buy, true) => maker * u128::from(ONE) == taker * price,
            (Side::Sell, true) => taker * u128::from(ONE) == maker * price,
            // As many shares as the dollars buy, give or take one in the last decimal.
            (Side::Buy, false) => {
                taker.saturating_sub(unit) * price <= maker * u128::from(ONE)
                    && maker * u128::from(ONE) <= (taker + unit) * price
            }
            (Side::Sell, false) => {
                let exact = maker * price;
                exact.abs_diff(taker * u128::from(ONE)) < unit * u128::from(ONE)
            }
        };
        grid.into_iter().any(explains)
    }

    /// Returns the name of the first rule that the order breaks by itself.
    fn broken(&self, new: &NewOrder, now: Nanos) -> Option<&'static str> {
        let rules = &self.rules[new.market.0 as usize];
        let (dollars, shares) = match new.side {
            Side::Buy => (new.maker_amount, new.taker_amount),
            Side::Sell => (new.taker_amount, new.maker_amount),
        };
        let cents = 10_000;
        let fine = 10_u64.pow(6 - rules.tick.amount_decimals());
        let (dollar_unit, share_unit) = match (new.side, is_limit(new)) {
            (Side::Buy, false) => (cents, fine),
            (Side::Buy, true) | (Side::Sell, _) => (fine, cents),
        };
        let expires = match new.kind {
            Kind::Gtd { expires_at } => expires_at,
            Kind::Gtc | Kind::Fok | Kind::Fak => Nanos::NEVER,
        };
        let rules_in_order = [
            ("BadPayload", new.post_only && !is_limit(new)),
            ("BadPrice", dollars == 0 || shares == 0 || dollars >= shares),
            ("BreaksTick", !self.fits_the_grid(new)),
            ("Precision", dollars % dollar_unit != 0 || shares % share_unit != 0),
            ("TooSmall", shares < rules.minimum.0 && (is_limit(new) || new.side == Side::Sell)),
            ("BadExpiration", expires <= now.plus(Nanos::from_secs(60))),
        ];
        rules_in_order.iter().find(|(_, is_broken)| *is_broken).map(|(name, _)| *name)
    }

    pub fn place(&mut self, now: Nanos, new: NewOrder) -> String {
        if let Some(name) = self.broken(&new, now) {
            return name.to_owned();
        }
        if self.ended.contains(&new.id) || self.orders.iter().any(|kept| kept.new.id == new.id) {
            return "Duplicated".to_owned();
        }
        let hold = self.rules[new.market.0 as usize].hold;
        match self.plan(&new) {
            Err(name) => name.to_owned(),
            Ok((fills, _)) if hold > Nanos::ZERO && !fills.is_empty() => {
                if !self.affords(&new, u128::from(new.maker_amount)) {
                    return "NotEnoughBalance".to_owned();
                }
                let (left, matched, status) = (u128::from(new.maker_amount), 0, Status::Held);
                self.orders.push(Kept { new, left, matched, status });
                "Held".to_owned()
            }
            Ok((fills, left)) => self.work(new, fills, left),
        }
    }

    pub fn release(&mut self, now: Nanos, id: OrderId) -> String {
        let new = self.end(id);
        match self.broken(&new, now).map_or_else(|| self.plan(&new), Err) {
            Err(name) => name.to_owned(),
            Ok((fills, left)) => self.work(new, fills, left),
        }
    }

    pub fn end(&mut self, id: OrderId) -> NewOrder {
        let at = self.orders.iter().position(|kept| kept.new.id == id).expect("it was open");
        self.ended.insert(id);
        self.orders.remove(at).new
    }

    fn affords(&self, new: &NewOrder, wanted: u128) -> bool {
        let asset = Naive::asset(new);
        self.balance(new.account, asset) - self.reserved(new.account, asset) as i128 >= wanted as i128
    }

    /// Looks for the best maker again and again until nothing crosses or nothing is wanted.
    #[expect(clippy::type_complexity, reason = "a plain list is what makes it plain")]
    fn plan(&self, new: &NewOrder) -> Result<(Vec<(OrderId, u128, u128, u128)>, u128), &'static str> {
        let (mut left, mut fills, mut used, mut satisfied) = (u128::from(new.maker_amount), Vec::new(), vec![], false);
        while !satisfied {
            let mut best: Option<usize> = None;
            for (at, kept) in self.orders.iter().enumerate() {
                let can = kept.status == Status::Live && kept.new.market == new.market && !used.contains(&at);
                if !can || !cross(new, &kept.new) {
                    continue;
                }
                let is_better = best.is_none_or(|best| {
                    let (a, b) = (price_for_taker(&kept.new, new), price_for_taker(&self.orders[best].new, new));
                    match new.side {
                        Side::Buy => a.0 * b.1 < b.0 * a.1,
                        Side::Sell => a.0 * b.1 > b.0 * a.1,
                    }
                });
                best = if is_better { Some(at) } else { best };
            }
            let Some(at) = best else { break };
            used.push(at);
            let kept = &self.orders[at];
            let (shares, maker_side, taker_side) = exchange(new, left, kept);
            left -= if new.side == Side::Buy { taker_side } else { shares };
            fills.push((kept.new.id, shares, maker_side, taker_side));
            let making = if kept.new.side == Side::Buy { maker_side } else { shares };
            let maker_rests = in_shares(&kept.new, kept.left - making) >= 10_000;
            satisfied = maker_rests || in_shares(new, left) < 10_000;
        }
        let is_marketable = !fills.is_empty();
        if new.post_only && is_marketable {
            return Err("CrossesPostOnly");
        }
        if new.side == Side::Buy && new.maker_amount < ONE && (is_marketable || !is_limit(new)) {
            return Err("BelowDollar");
        }
        if new.kind == Kind::Fak && !is_marketable {
            return Err("NoMatch");
        }
        if new.kind == Kind::Fok && !satisfied {
            return Err("NotFilled");
        }
        Ok((fills, if satisfied { 0 } else { left }))
    }

    fn work(&mut self, new: NewOrder, fills: Vec<(OrderId, u128, u128, u128)>, left: u128) -> String {
        let rate = u128::from(self.rules[new.market.0 as usize].fee.rate_ppm);
        let met: Vec<Met> = fills
            .chunks(10)
            .map(|fills| {
                let shares: u128 = fills.iter().map(|fill| fill.1).sum();
                let dollars: u128 = fills.iter().map(|fill| fill.3).sum();
                // shares x rate x p x (1 - p), p = dollars / shares, cut to five decimals.
                let fee = rate * dollars * (shares - dollars) / shares / u128::from(ONE) / 10 * 10;
                Met { taker: new.id, fills: fills.to_vec(), fee }
            })
            .collect();
        let fee: u128 = met.iter().map(|met| met.fee).sum();
        let wanted = u128::from(new.maker_amount) + if new.side == Side::Buy { fee } else { 0 };
        if !self.affords(&new, wanted) {
            return "NotEnoughBalance".to_owned();
        }
        for (maker, shares, maker_side, taker_side) in &fills {
            let kept = self.orders.iter_mut().find(|kept| kept.new.id == *maker).expect("it was found before");
            let gives = if kept.new.side == Side::Buy { *maker_side } else { *shares };
            kept.left -= gives;
            kept.matched += shares;
            let (made, rests) = (kept.new, in_shares(&kept.new, kept.left) >= 10_000);
            if !rests {
                self.end(*maker);
            }
            self.add(made.account, Naive::asset(&made), -(gives as i128));
            let gives = if new.side == Side::Buy { *taker_side } else { *shares };
            self.add(new.account, Naive::asset(&new), -(gives as i128));
        }
        if new.side == Side::Buy {
            self.add(new.account, None, -(fee as i128));
        }
        self.matched.extend(met);
        if is_limit(&new) && left > 0 {
            let matched = fills.iter().map(|fill| fill.1).sum();
            self.orders.push(Kept { new, left, matched, status: Status::Live });
        } else {
            self.ended.insert(new.id);
        }
        if fills.is_empty() { "Live".to_owned() } else { "Matched".to_owned() }
    }

    pub fn total(&self, market: MarketId, side: Side, price: u128) -> Shares {
        let one = u128::from(ONE);
        let stands = |kept: &&Kept| {
            let is_bid = (kept.new.side == Side::Buy) == (kept.new.outcome == Outcome::Yes);
            let yes = NewOrder { outcome: Outcome::Yes, ..kept.new };
            let (collateral, shares) = price_for_taker(&kept.new, &yes);
            kept.status == Status::Live
                && kept.new.market == market
                && is_bid == (side == Side::Buy)
                && collateral * one == shares * price
        };
        let rests = self.orders.iter().filter(stands).map(|kept| in_shares(&kept.new, kept.left));
        Shares(rests.sum::<u128>() as u64)
    }
}

/// Returns shares, the maker's collateral and the taker's, where a taker with `left` takes all that he can of one maker.
fn exchange(taker: &NewOrder, left: u128, maker: &Kept) -> (u128, u128, u128) {
    let (mm, mt) = (u128::from(maker.new.maker_amount), u128::from(maker.new.taker_amount));
    match (taker.side, maker.new.side) {
        (Side::Buy, Side::Sell) => {
            let shares = maker.left.min((left * mm).div_ceil(mt));
            (shares, shares * mt / mm, shares * mt / mm)
        }
        (Side::Sell, Side::Buy) => {
            let making = maker.left.min(left * mm / mt);
            (making * mt / mm, making, making)
        }
        (Side::Buy, Side::Buy) => {
            let making = maker.left.min(left * mm / (mt - mm));
            let shares = making * mt / mm;
            (shares, making, shares - making)
        }
        (Side::Sell, Side::Sell) => {
            let shares = maker.left.min(left);
            (shares, shares * mt / mm, shares - shares * mt / mm)
        }
    }
}
