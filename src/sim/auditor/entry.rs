//! Is this purchase one that the settings allow? Each rule as the specification says it.

use super::{
    Auditor, Finding,
    figure::{self, day},
    purse::Purse,
    story::Decision,
};
use std::collections::BTreeSet;

use crate::domain::{
    LeaderSwitch, LiveSwitch, Mode, Nanos, OrderEnd, OrderKind, PaperSwitch, Rejection, Role, Side, SignalId, SizeRule,
    event::{Signal, Submitted},
    settings::{BelowMinimum, Hedges, OrderPolicy, Roles, ScaleIn, Sides, Tier},
};

/// The smallest purchase the venue takes: a dollar.
const DOLLAR: i128 = figure::MILLION;

impl Auditor {
    /// Checks a purchase before it is booked.
    pub(super) fn check_entry(&mut self, now: Nanos, submitted: &Submitted) -> Finding {
        self.stories.decide(submitted.signal.0, submitted.portfolio.0, Decision::Bought(submitted.attempt))?;
        self.check_open(now, submitted)?;
        let signal = self.stories.all[&submitted.signal.0].signal;
        if submitted.attempt == 1 {
            // A second attempt repeats what was asked the first time.
            self.check_filter(now, submitted, &signal)?;
            self.check_followed(now, submitted, &signal)?;
            self.check_conduct(now, submitted, &signal)?;
        }
        self.check_price(now, submitted, &signal)?;
        self.check_amounts(submitted)?;
        self.check_kind(submitted)?;
        self.check_scale_in(submitted, &signal)?;
        self.check_group_total(submitted, &signal)
    }

    /// A first fill of a group joins what is held only as the rule for adding allows.
    fn check_scale_in(&self, submitted: &Submitted, signal: &Signal) -> Finding {
        let purse = &self.purses[submitted.portfolio.index()];
        let in_token = |key: &(u32, u32)| key.1 == submitted.token.0;
        let held = purse.holdings.iter().filter(|(key, _)| in_token(key)).map(|(_, holding)| holding);
        let (shares, cost) = held
            .fold((0, 0), |sum, holding| (sum.0 + holding.lots.shares() + holding.unsettled.0, sum.1 + holding.cost()));
        let ours = |open: &&super::Open| open.submitted.portfolio == submitted.portfolio && in_token(&open.key());
        let is_alone = !self.orders.values().filter(ours).any(|open| open.submitted.side == Side::Buy);
        let is_begun = self
            .ends
            .values()
            .map(|ended| &ended.submitted)
            .any(|other| other.portfolio == submitted.portfolio && self.group_of(other) == Some(signal.group));
        if shares < figure::STEP || !is_alone || is_begun {
            return Ok(());
        }
        let (paid, ask) = (cost * figure::MILLION / shares, i128::from(submitted.touch.micros()));
        let is_met = match purse.settings.exit.scale_in {
            ScaleIn::WithLeader => true,
            ScaleIn::Never => false,
            ScaleIn::Below(ppm) => ask <= paid - figure::part(paid, ppm.into()),
            ScaleIn::Above(ppm) => paid + figure::part(paid, ppm.into()) <= ask,
        };
        if is_met { Ok(()) } else { Err(format!("an entry at {ask} into what cost {paid}")) }
    }

    fn group_of(&self, order: &Submitted) -> Option<SignalId> {
        self.stories.all.get(&order.signal.0).map(|story| story.signal.group)
    }

    /// Nothing that stops entries may be in force.
    fn check_open(&self, now: Nanos, submitted: &Submitted) -> Finding {
        let purse = &self.purses[submitted.portfolio.index()];
        let is_stopped = self.is_stopped || (purse.mode == Mode::Live && self.is_live_stopped);
        if purse.is_paused || is_stopped || !purse.tripped.is_empty() {
            return Err(format!("an entry while stopped: {:?}", (purse.is_paused, is_stopped, &purse.tripped)));
        }
        let trips_max = purse.settings.conduct.round_trips_max;
        let blocks = |(until, trips): &(u64, u32)| now.0 < *until && 0 < trips_max && trips_max <= *trips;
        if self.blocked.get(&submitted.leader.0).is_some_and(blocks) {
            return Err("an entry after a leader who is blocked".to_owned());
        }
        if self.terms.denied.contains(&(submitted.token, submitted.portfolio)) {
            return Err("an entry into a market that is kept out".to_owned());
        }
        let leader = self.leaders.get(&submitted.leader.0).copied().unwrap_or(LeaderSwitch::Inherit);
        match purse.mode {
            Mode::Paper if self.terms.paper == PaperSwitch::Off => Err("a paper entry while paper is off".to_owned()),
            Mode::Live if self.terms.live == LiveSwitch::Off || leader == LeaderSwitch::ForceOff => {
                Err("a live entry while live is off".to_owned())
            }
            Mode::Paper | Mode::Live => Ok(()),
        }
    }

    fn check_filter(&self, now: Nanos, submitted: &Submitted, signal: &Signal) -> Finding {
        let filter = &self.purses[submitted.portfolio.index()].settings.filter;
        let age = now.0.saturating_sub(signal.traded_at.0);
        if filter.trade_age_max.0 < age {
            return Err(format!("the leader traded {age} ns ago"));
        }
        let (price, shares) = (i128::from(signal.group_price.micros()), i128::from(signal.group_shares.0));
        if price < i128::from(filter.price_min.micros()) || i128::from(filter.price_max.micros()) < price {
            return Err(format!("the leader's price {price} is outside the band"));
        }
        let size = figure::cost_up(price, shares);
        if size < filter.leader_trade_usdc_min.0.into() || i128::from(filter.leader_trade_usdc_max.0) < size {
            return Err(format!("the leader's {size} are outside what is followed"));
        }
        let market = &self.tokens[&submitted.token.0].market;
        let left = market.closes_at.0.saturating_sub(now.0);
        let life = if market.opens_at == Nanos::ZERO { 0 } else { market.closes_at.0 - market.opens_at.0 };
        let by_life = figure::part(life.into(), filter.close_life_ppm_min.into());
        let needed = i128::from(filter.close_time_min.0);
        let needed = if by_life == 0 { needed } else { needed.min(by_life) };
        if market.closes_at != Nanos::NEVER && i128::from(left) < needed {
            return Err(format!("the market closes in {left} ns"));
        }
        Ok(())
    }

    /// The side and part that are followed, how often, and how likely the outcome must be.
    fn check_followed(&self, now: Nanos, submitted: &Submitted, signal: &Signal) -> Finding {
        let filter = &self.purses[submitted.portfolio.index()].settings.filter;
        let is_followed = match filter.roles {
            Roles::Any => true,
            Roles::MakerOnly => signal.role == Role::Maker,
            Roles::TakerOnly => signal.role == Role::Taker,
        };
        if !is_followed || filter.sides == Sides::SellsOnly {
            return Err("an entry after a trade of a kind that is not followed".to_owned());
        }
        let others: BTreeSet<SignalId> = self
            .ends
            .values()
            .map(|ended| (&ended.submitted, ended.end))
            .filter(|(other, end)| {
                let is_same = other.portfolio == submitted.portfolio && other.token == submitted.token;
                is_same && other.side == Side::Buy && *end == OrderEnd::Filled && self.has_bought(other.order.0)
            })
            .filter_map(|(other, _)| self.group_of(other))
            .filter(|group| *group != signal.group)
            .collect();
        if filter.entries_max > 0 && filter.entries_max as usize <= others.len() {
            return Err(format!("an entry after {} others", others.len()));
        }
        let likely = self.tokens[&submitted.token.0].thought;
        let is_fresh = |at: u64| now.0.saturating_sub(at) <= filter.probability_age_max.0;
        if filter.probability_ppm_min > 0
            && !likely.is_some_and(|(ppm, at)| filter.probability_ppm_min <= ppm && is_fresh(at))
        {
            return Err(format!("the model thinks {likely:?}"));
        }
        Ok(())
    }

    /// Not too soon after another entry, and not beside another outcome that the leader holds.
    fn check_conduct(&self, now: Nanos, submitted: &Submitted, signal: &Signal) -> Finding {
        let conduct = &self.purses[submitted.portfolio.index()].settings.conduct;
        let open = self.orders.values().map(|open| (&open.submitted, open.at));
        let ended = self.ends.values().map(|ended| (&ended.submitted, ended.at));
        let others = open.chain(ended).filter(|(other, _)| {
            let is_same = other.portfolio == submitted.portfolio && other.token == submitted.token;
            is_same && other.side == Side::Buy && self.group_of(other) != Some(signal.group)
        });
        let last = others.map(|(_, at)| at).max().unwrap_or(0);
        if 0 < last && now.0 - last < conduct.reentry_min.0 {
            return Err(format!("an entry {} ns after another", now.0 - last));
        }
        let event = self.tokens[&submitted.token.0].market.venue_event.0;
        let is_other = |token: u32| {
            let market = self.tokens.get(&token).map(|token| token.market);
            token != submitted.token.0 && market.is_some_and(|market| is_same(market.venue_event.0, event))
        };
        let hedge = self.stories.held.iter().find(|(key, held)| {
            let is_his = key.0 == submitted.leader.0 && !self.stories.corrected.contains(key);
            is_his && is_other(key.1) && figure::MILLION <= **held
        });
        match (conduct.hedges, hedge) {
            (Hedges::Skipped, Some(hedge)) => Err(format!("an entry, and the leader holds {hedge:?}")),
            (Hedges::Skipped, None) | (Hedges::Followed, _) => Ok(()),
        }
    }

    fn check_price(&self, now: Nanos, submitted: &Submitted, signal: &Signal) -> Finding {
        let guard = &self.purses[submitted.portfolio.index()].settings.guards.buy;
        let token = &self.tokens[&submitted.token.0];
        if token.payout.is_some() || !token.is_known {
            return Err("an entry into a market that has ended, or is not known".to_owned());
        }
        if guard.book_age_max.0 < now.0 - token.heard {
            return Err("an entry on an old book".to_owned());
        }
        let ask = token.best_ask().ok_or("an entry without an ask")?;
        let (touch, limit) = (i128::from(submitted.touch.micros()), i128::from(submitted.limit.micros()));
        if touch != ask || limit < ask {
            return Err(format!("the best ask is {ask}; the touch is said to be {touch}, the limit is {limit}"));
        }
        if token.best_bid().is_some_and(|bid| ask <= bid) {
            return Err("an entry on a crossed book".to_owned());
        }
        let spread = ask - token.best_bid().unwrap_or(0);
        if i128::from(guard.spread_max) < spread {
            return Err(format!("the spread is {spread}"));
        }
        let tick = i128::from(token.market.tick.micros());
        let price = self.reference(submitted, signal)?;
        let guarded = price + figure::part(price, guard.price_guard_ppm.into()).max(tick);
        let slipped = ask + figure::part(ask, guard.slippage_ppm.into());
        let last = figure::MILLION - tick;
        if limit % tick != 0 || limit < tick || last < limit || guarded < limit || slipped < limit {
            return Err(format!("the limit {limit}: tick {tick}, at most {guarded} and {slipped}"));
        }
        let (depth, budget) = (token.ask_cost(limit), i128::from(submitted.budget.0));
        if figure::part(depth, guard.depth_ppm_max.into()) < budget
            || depth < figure::part(budget, guard.depth_factor_ppm_min.into())
        {
            return Err(format!("a budget of {budget} with {depth} offered within {limit}"));
        }
        Ok(())
    }

    /// Returns the price that the guard is measured against: the group's, or that of all that is ordered together.
    fn reference(&self, submitted: &Submitted, signal: &Signal) -> Result<i128, String> {
        let said = i128::from(submitted.reference.micros());
        let Some(merged) = self.stories.merged.get(&(submitted.signal.0, submitted.portfolio.0)) else {
            return Ok(signal.group_price.micros().into());
        };
        let own = i128::from(signal.price.micros());
        let (low, high) = merged.iter().fold((own, own), |(low, high), (_, at)| (low.min(*at), high.max(*at)));
        // It is rounded down.
        if said + 1 < low || high < said {
            return Err(format!("a reference of {said} for prices between {low} and {high}"));
        }
        Ok(said)
    }

    fn check_amounts(&self, submitted: &Submitted) -> Finding {
        let purse = &self.purses[submitted.portfolio.index()];
        let (market, sizing) = (&self.tokens[&submitted.token.0].market, &purse.settings.sizing);
        let (budget, limit) = (i128::from(submitted.budget.0), i128::from(submitted.limit.micros()));
        if budget % 10_000 != 0 || budget < DOLLAR.max(sizing.order_usdc_min.0.into()) {
            return Err(format!("a budget of {budget}"));
        }
        if i128::from(sizing.order_usdc_max.0) < budget {
            return Err(format!("a budget of {budget} above the largest order"));
        }
        let reserved = budget + figure::fee_most(market.fees.rate_ppm.into(), budget);
        if reserved != submitted.reserved.0.into() || purse.available - purse.held_back < reserved {
            return Err(format!(
                "at worst {reserved} of {} available, reserved {}",
                purse.available, submitted.reserved
            ));
        }
        let shares = i128::from(submitted.shares.0);
        if shares < market.minimum.0.into() || budget * figure::MILLION < shares * limit {
            return Err(format!("{budget} do not buy {shares} at {limit}, or those are below the minimum"));
        }
        Ok(())
    }

    fn check_kind(&self, submitted: &Submitted) -> Finding {
        let policy = self.purses[submitted.portfolio.index()].settings.policy;
        let is_small = |most: crate::domain::Usdc| submitted.budget <= most;
        let (kind, attempts) = match policy {
            OrderPolicy::Fak => (OrderKind::Fak, 1),
            OrderPolicy::Fok => (OrderKind::Fok, 1),
            OrderPolicy::FokUpTo(most) if is_small(most) => (OrderKind::Fok, 1),
            OrderPolicy::FokUpTo(_) => (OrderKind::Fak, 1),
            OrderPolicy::FokThenFak if submitted.attempt == 1 => (OrderKind::Fok, 2),
            OrderPolicy::FokThenFak => (OrderKind::Fak, 2),
        };
        if submitted.kind != kind || submitted.attempt == 0 || attempts < submitted.attempt {
            return Err(format!("{:?}, attempt {} under {policy:?}", submitted.kind, submitted.attempt));
        }
        let killed = OrderEnd::Rejected(Rejection::NotFullyFilled);
        let is_killed = |ended: &&super::Ended| {
            let first = &ended.submitted;
            first.signal == submitted.signal && first.portfolio == submitted.portfolio && ended.end == killed
        };
        let first = self.ends.values().find(is_killed).map(|ended| &ended.submitted);
        let is_smaller = first.is_some_and(|first| submitted.budget <= first.budget && submitted.limit <= first.limit);
        if submitted.attempt == 2 && !is_smaller {
            return Err(format!("a second attempt, and the first was {first:?}"));
        }
        Ok(())
    }

    /// What was ordered for a group is never more than the rule says of the whole group.
    fn check_group_total(&self, submitted: &Submitted, signal: &Signal) -> Finding {
        let (most, is_lasting) = self.most(submitted, signal);
        let is_ours =
            |other: &Submitted| other.portfolio == submitted.portfolio && self.group_of(other) == Some(signal.group);
        let open = self.orders.values().map(|open| &open.submitted).filter(|other| is_ours(other));
        let bought = self.ends.values().map(|ended| (&ended.submitted, ended.end)).filter(|(other, end)| {
            // What was killed bought nothing, and may be repeated.
            is_ours(other) && *end != OrderEnd::Rejected(Rejection::NotFullyFilled)
        });
        // What was merged belongs to the groups that it came from.
        let own = |other: &Submitted| {
            let carried = self.stories.carried(other.signal.0, other.portfolio.0);
            (i128::from(other.budget.0) - carried).max(0)
        };
        let before: i128 = open.chain(bought.map(|(other, _)| other)).map(own).sum();
        // What depends on today's equity, price or probability was perhaps more when the group began.
        let total = if is_lasting { before + own(submitted) } else { own(submitted) };
        if most < total {
            return Err(format!("{total} ordered for a group of which the rule says {most}"));
        }
        Ok(())
    }

    /// Returns the most that may be ordered for a group, and whether that stays so while the group grows.
    fn most(&self, submitted: &Submitted, signal: &Signal) -> (i128, bool) {
        let purse = &self.purses[submitted.portfolio.index()];
        let (sizing, million) = (&purse.settings.sizing, figure::MILLION);
        // The group may have grown since this signal was decided.
        let group = self.stories.all.values().map(|story| &story.signal).filter(|other| other.group == signal.group);
        let dollars = |s: &Signal| i128::from(s.group_price.micros()) * i128::from(s.group_shares.0) / million;
        let theirs = group.map(dollars).max().unwrap_or(0);
        let equity = purse.available + self.reserved(submitted.portfolio.0) + purse.deployed() + purse.cooling();
        let price = i128::from(submitted.limit.micros());
        let edge = self.tokens[&submitted.token.0].thought.map_or(0, |(ppm, _)| (i128::from(ppm) - price).max(0));
        let worth = self.worths.get(&submitted.leader.0);
        let (by_rule, is_lasting) = match sizing.rule {
            SizeRule::Fixed(dollars) => (i128::from(dollars.0), true),
            SizeRule::Percent(ppm) => (figure::part(theirs, ppm.into()), true),
            SizeRule::Adaptive { small_ppm, large_ppm, .. } => {
                (figure::part(theirs, small_ppm.max(large_ppm).into()), false)
            }
            // Nothing may be ordered by what is not known.
            SizeRule::Mirror(factor) => match worth {
                Some((capital, _)) if *capital > 0 => (figure::part(equity * theirs / capital, factor.into()), false),
                Some(_) | None => (0, false),
            },
            SizeRule::Budget(budget) => match worth {
                Some((_, exposure)) => (i128::from(budget.0) * theirs / (*exposure).max(theirs).max(1), false),
                None => (0, false),
            },
            SizeRule::Kelly(part) => (figure::part(equity * edge / (million - price), part.into()), false),
            SizeRule::Edge { full, edge_ppm } => {
                let of = i128::from(edge_ppm).max(1);
                (i128::from(full.0) * edge.min(of) / of, false)
            }
            SizeRule::Conviction { full } => (i128::from(full.0), false),
        };
        let mut begun = sizing.tiers.iter().filter(|tier| i128::from(tier.from.0) <= theirs && **tier != Tier::UNUSED);
        let factor = begun.next_back().map_or(million, |tier| i128::from(tier.factor_ppm));
        let bankroll = match i128::from(sizing.bankroll_ppm_max) {
            // All of it is no clamp: cash is what bounds then.
            part if part < million => figure::part(equity, part),
            _ => i128::MAX,
        };
        let cap = i128::from(sizing.order_usdc_max.0).min(bankroll);
        let conduct = &purse.settings.conduct;
        let copied = if self.copied(submitted, signal) < conduct.probation_trades as usize {
            i128::from(conduct.probation_ppm)
        } else {
            million
        };
        let most = figure::part(figure::part(by_rule, factor), copied).min(cap);
        match sizing.below_minimum {
            BelowMinimum::Skip => (most, is_lasting),
            BelowMinimum::Raise if by_rule > 0 => (most.max(self.least(submitted).min(cap)), is_lasting),
            BelowMinimum::Raise => (0, is_lasting),
        }
    }

    /// Returns how many other groups of the leader a portfolio ordered.
    fn copied(&self, submitted: &Submitted, signal: &Signal) -> usize {
        let open = self.orders.values().map(|open| &open.submitted);
        let all = open.chain(self.ends.values().map(|ended| &ended.submitted));
        let his = all.filter(|other| {
            other.portfolio == submitted.portfolio && other.leader == submitted.leader && other.side == Side::Buy
        });
        let groups: BTreeSet<SignalId> = his.filter_map(|other| self.group_of(other)).collect();
        groups.iter().filter(|group| **group != signal.group).count()
    }

    /// Returns the smallest order that the venue and the strategy take at the order's limit, in whole cents.
    fn least(&self, submitted: &Submitted) -> i128 {
        let cents = |amount: i128| figure::div_up(amount, 10_000) * 10_000;
        let shares = i128::from(self.tokens[&submitted.token.0].market.minimum.0);
        let shares = figure::div_up(shares, figure::STEP) * figure::STEP;
        let of_market = cents(figure::cost_up(submitted.limit.micros().into(), shares));
        let of_strategy = self.purses[submitted.portfolio.index()].settings.sizing.order_usdc_min.0;
        of_market.max(DOLLAR).max(cents(of_strategy.into()))
    }

    /// Checks, with the order booked, what is at stake.
    pub(super) fn check_stakes(&mut self, now: Nanos, submitted: &Submitted) -> Finding {
        let (id, today) = (submitted.portfolio, day(now.0));
        let purse = &mut self.purses[id.index()];
        purse.entries.push((now.0, submitted.order.0));
        let limits = purse.settings.limits;
        let of = |token: u32| self.tokens.get(&token).map(|token| token.market);
        let market = of(submitted.token.0).ok_or("an unknown token")?;
        let at_stake = |is: &dyn Fn(u32, u32) -> bool| -> i128 {
            let held = self.purses[id.index()].holdings.iter().filter(|((leader, token), _)| is(*leader, *token));
            let open = self.orders.values().filter(|open| open.submitted.portfolio == id);
            let open = open.filter(|open| is(open.submitted.leader.0, open.submitted.token.0));
            held.map(|(_, holding)| holding.cost()).sum::<i128>() + open.map(|open| open.reserved).sum::<i128>()
        };
        let same_market =
            |token| token == submitted.token.0 || of(token).is_some_and(|m| is_same(m.condition.0, market.condition.0));
        let same_event =
            |token| same_market(token) || of(token).is_some_and(|m| is_same(m.venue_event.0, market.venue_event.0));
        let purse = &self.purses[id.index()];
        let today_open = |is: &dyn Fn(u32) -> bool| -> i128 {
            let open = self.orders.values().filter(|open| open.submitted.portfolio == id && day(open.at) == today);
            open.filter(|open| is(open.submitted.leader.0)).map(|open| open.reserved).sum()
        };
        let spent = purse.spent_by_day.get(&today).unwrap_or(&0) + today_open(&|_| true);
        let leader = submitted.leader.0;
        let spent_after_him =
            purse.spent_by_leader.get(&(today, leader)).unwrap_or(&0) + today_open(&|other| other == leader);
        for (what, stake, most) in [
            ("in the position", at_stake(&|_, token| token == submitted.token.0), limits.position_usdc_max),
            ("in all", at_stake(&|_, _| true), limits.exposure_usdc_max),
            ("in the market", at_stake(&|_, token| same_market(token)), limits.market_usdc_max),
            ("in the event", at_stake(&|_, token| same_event(token)), limits.event_usdc_max),
            ("after the leader", at_stake(&|other, _| other == leader), limits.leader_usdc_max),
            ("today", spent, limits.day_usdc_max),
            ("today after the leader", spent_after_him, limits.leader_day_usdc_max),
        ] {
            if i128::from(most.0) < stake {
                return Err(format!("{stake} at stake {what}, above {most}"));
            }
        }
        self.check_pace(now, submitted, purse)
    }

    /// Not more entries in a minute, and none after too large a loss.
    fn check_pace(&self, now: Nanos, submitted: &Submitted, purse: &Purse) -> Finding {
        let limits = &purse.settings.limits;
        let in_a_minute = purse.entries.iter().filter(|(at, _)| now.0 - at < 60_000_000_000).count();
        if limits.orders_per_minute_max > 0 && (limits.orders_per_minute_max as usize) < in_a_minute {
            return Err(format!("{in_a_minute} entries in a minute"));
        }
        let ours = self.orders.values().filter(|open| open.submitted.portfolio == submitted.portfolio);
        let unknown = ours.filter(|open| open.is_unknown).count();
        if (limits.unknown_orders_max as usize) < unknown {
            return Err(format!("an entry while {unknown} orders are unknown"));
        }
        let (today, leader) = (day(now.0), submitted.leader.0);
        for (what, lost, most) in [
            ("today", -purse.realised_by_day.get(&today).unwrap_or(&0), limits.day_loss_usdc_max),
            (
                "after the leader today",
                *purse.lost_by_leader_day.get(&(today, leader)).unwrap_or(&0),
                limits.leader_day_loss_usdc_max,
            ),
            ("after the leader", *purse.lost_by_leader.get(&leader).unwrap_or(&0), limits.leader_loss_usdc_max),
        ] {
            if i128::from(most.0) <= lost {
                return Err(format!("an entry after {lost} were lost {what}"));
            }
        }
        Ok(())
    }
}

fn is_same(one: u32, other: u32) -> bool {
    // Zero: not known.
    one != 0 && one == other
}
