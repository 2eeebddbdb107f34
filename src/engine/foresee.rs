//! What the next copies would order, as far as that can be known before them: so that it can be signed ahead.
//!
//! The arithmetic is that of a decision, with what is not known yet taken as most likely: that the leader trades near the
//! touch, that his group is new, and that nothing of him waits. Filters and limits are not asked: what they refuse was
//! prepared in vain, and nothing worse. Reads only; nothing here decides anything.

use super::{
    Engine, Entries, Known, Portfolio,
    position::Exit,
    risk,
    strategy::{self, Situation, price, size},
};
use crate::domain::{
    Cause, LeaderId, Mode, Nanos, PortfolioId, Price, Shares, Side, SignalId, SizeRule, TokenId, Usdc,
    settings::{BelowMinimum, Tier},
};

/// The most orders that are foreseen of one token, and the most sizes of the ladder for what goes by the leader's size.
pub const FORESEEN_MAX: usize = 32;
pub const RUNGS_MAX: usize = 16;
/// So many of the leader's prices are thought of, from the touch on, tick by tick: each may lead to another bound.
const REFERENCES: u32 = 3;

/// An order that may be wanted next. FAK and FOK are signed alike, so its kind does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreseen {
    pub side: Side,
    pub limit: Price,
    /// A buy's dollars; zero for a sale.
    pub budget: Usdc,
    /// A sale's shares; of a buy, what it surely brings.
    pub shares: Shares,
}

impl Engine {
    /// Puts into `foreseen` what the live portfolios would order of a token next, likeliest first, each once; sizes that go
    /// by the leader's are the ladder's `rungs`. Nothing while its book cannot be traded on.
    pub fn foresee(&self, now: Nanos, token: TokenId, rungs: &[Usdc], foreseen: &mut Vec<Foreseen>) {
        foreseen.clear();
        let known = self.token(token);
        if known.payout.is_some() || known.known != Known::Yes {
            return;
        }
        self.foresee_exits(now, token, foreseen);
        if self.entries_stopped() {
            return;
        }
        for (index, portfolio) in self.portfolios.iter().enumerate() {
            let id = PortfolioId(index as u16);
            let enters = portfolio.mode == Mode::Live && portfolio.entries == Entries::Running;
            if enters && !known.denied.contains(id) {
                self.foresee_entries(now, id, token, rungs, foreseen);
            }
        }
    }

    /// All that a position holds: the leader leaves, or a rule of ours says so.
    fn foresee_exits(&self, now: Nanos, token: TokenId, foreseen: &mut Vec<Foreseen>) {
        let Some(bid) = self.token(token).book.best_bid() else { return };
        for slot in self.positions.slots_in(token) {
            let mut owing = *self.positions.at(slot);
            if self.portfolios[owing.portfolio.index()].mode != Mode::Live {
                continue;
            }
            owing.exit = Exit::NONE.owing(now, SignalId::NONE, Cause::LeaderExit, owing.shares, bid);
            if let Some(sale) = self.exit_intent(now, &owing) {
                push(foreseen, &sale);
            }
        }
    }

    fn foresee_entries(
        &self,
        now: Nanos,
        id: PortfolioId,
        token: TokenId,
        rungs: &[Usdc],
        foreseen: &mut Vec<Foreseen>,
    ) {
        let Portfolio { settings, .. } = &self.portfolios[id.index()];
        let of = |price| Situation { worth: None, ..self.situation(now, id, LeaderId(0), token, price) };
        let market = &self.token(token).market;
        let Ok(ask) = price::best_ask(&of(market.tick.first())) else { return };
        for ticks in 0..REFERENCES {
            let situation = of(ask.down(ticks * market.tick.micros()));
            let Ok(limit) = price::buy_bound(settings, market, situation.reference, ask) else { return };
            let mut buy = |wanted: Usdc| {
                let Ok(intent) = strategy::buy(&situation, ask, limit, wanted) else { return };
                if let Some(approved) = risk::affordable(market, intent, self.portfolios[id.index()].free()) {
                    push(foreseen, &approved.intent);
                }
            };
            match settings.sizing.rule {
                SizeRule::Fixed(_) => by_tier(&situation, limit).for_each(&mut buy),
                SizeRule::Percent(_)
                | SizeRule::Mirror(_)
                | SizeRule::Adaptive { .. }
                | SizeRule::Budget(_)
                | SizeRule::Kelly(_)
                | SizeRule::Edge { .. }
                | SizeRule::Conviction { .. } => by_rung(&situation, limit, rungs).for_each(&mut buy),
            }
        }
    }
}

/// Adds an order unless it is there, or the room is used up.
fn push(foreseen: &mut Vec<Foreseen>, intent: &strategy::Intent) {
    let strategy::Intent { side, limit, budget, shares, .. } = *intent;
    let order = Foreseen { side, limit, budget, shares };
    if foreseen.len() < FORESEEN_MAX && !foreseen.contains(&order) {
        foreseen.push(order);
    }
}

/// Yields what a fixed size comes to: below the first tier, and in each of them.
fn by_tier<'a>(situation: &Situation<'a>, limit: Price) -> impl Iterator<Item = Usdc> {
    let (situation, settings) = (*situation, situation.settings);
    let used = settings.sizing.tiers.iter().filter(|tier| **tier != Tier::UNUSED).map(|tier| tier.from);
    std::iter::once(Usdc::ZERO).chain(used).filter_map(move |from| {
        // The smallest trade of a leader that reaches the tier; one share more than its floor surely does.
        let counted = situation.price.shares_floor(from) + Shares(1);
        size::wanted(&Situation { counted, ..situation }, limit).ok()
    })
}

/// Yields what a size that goes by the leader's may come to: the most there is, then the rungs.
fn by_rung<'a>(situation: &Situation<'a>, limit: Price, rungs: &[Usdc]) -> impl Iterator<Item = Usdc> {
    let sizing = &situation.settings.sizing;
    let cap = sizing.order_usdc_max.min(size::bankroll_max(situation));
    let least = size::minimum(situation.settings, situation.market, limit);
    let raised = (sizing.below_minimum == BelowMinimum::Raise).then_some(least);
    let rungs = raised.into_iter().chain(rungs.iter().copied());
    std::iter::once(cap).chain(rungs.filter(move |rung| *rung < cap)).filter(move |size| least <= size.floor_cents())
}
