//! What happened: judged from the journal's events, so that none is missed.

use super::{
    Change, FAILURES_MAX, Names, ORDERS_MAX, Order, Rule, Rules, Told, Watch, order_subject,
    seen::{breaker_subject, tripped},
    told,
};
use crate::domain::{
    Cause, Event, Nanos, NotSent, OrderEnd, OrderId, PortfolioId, Price, Rejection, Shares, Side, TokenId, Usdc,
    event::{Choice, Difference, Differs, External, Filled, Matched, Settled, Submitted, TakenIn, WrittenOff},
    money::ONE,
};

impl Watch {
    /// Takes an event; returns what it is worth telling.
    pub fn hear(&mut self, at: Nanos, event: &Event, rules: Rules, names: &Names) -> Option<Told> {
        let counts = |portfolio| rules.paper || names.is_live(portfolio);
        match *event {
            Event::Submitted(submitted) if counts(submitted.portfolio) => self.submitted(&submitted),
            Event::Accepted { order } => self.known(order),
            Event::Unknown { order } => {
                let known = self.orders.get_mut(&order.0);
                known.into_iter().for_each(|order| order.unknown_since = Some(at));
            }
            Event::Filled(Filled { order, shares, cash, .. }) | Event::Matched(Matched { order, shares, cash, .. }) => {
                self.known(order);
                return self.slipped(at, order, shares, cash, rules, names);
            }
            Event::Closed { order, end, .. } => self.closed(at, order, end, names),
            Event::Voided { order, .. } => {
                let what = match self.orders.get(&order.0) {
                    Some(known) => self.order(order.0, known, names),
                    None => format!("Order {}", order.0),
                };
                let text = format!("{what}: a match of it did not settle, and what it did is undone.");
                return Some(told(Rule::MatchVoid, order_subject(order), at, Change::Happened(text)));
            }
            Event::Resolved { token, payout } if 0 < payout && u64::from(payout) < ONE => {
                self.parts.insert(token.0, payout);
            }
            Event::Resolved { token, .. } => drop(self.parts.remove(&token.0)),
            Event::Settled(Settled { portfolio, token, proceeds, .. }) if counts(portfolio) => {
                return self.settled(at, portfolio, token, proceeds, names);
            }
            Event::BalanceLow { portfolio, .. } | Event::Tripped { portfolio, .. } if !counts(portfolio) => {}
            other => return happened(at, &other, names),
        }
        None
    }

    fn submitted(&mut self, submitted: &Submitted) {
        let follows = matches!(submitted.cause, Cause::Entry | Cause::LeaderExit);
        let order = Order {
            portfolio: submitted.portfolio,
            token: submitted.token,
            side: submitted.side,
            shares: submitted.shares,
            limit: submitted.limit,
            reference: follows.then_some(submitted.reference),
            unknown_since: None,
        };
        self.orders.insert(submitted.order.0, order);
        while self.orders.len() > ORDERS_MAX {
            self.orders.pop_first();
        }
    }

    fn known(&mut self, order: OrderId) {
        self.orders.get_mut(&order.0).into_iter().for_each(|order| order.unknown_since = None);
    }

    fn closed(&mut self, at: Nanos, id: OrderId, end: OrderEnd, names: &Names) {
        if let Some(order) = self.orders.get(&id.0).filter(|_| is_failure(end)) {
            let text = format!("{}: {}", self.order(id.0, order, names), end.code().replace('_', " "));
            self.failures.push_back((at, text));
            if self.failures.len() > FAILURES_MAX {
                self.failures.pop_front();
            }
        }
        // A match may yet be told, and come to nothing; it is remembered until there are too many orders.
        match end {
            OrderEnd::Filled | OrderEnd::Cancelled | OrderEnd::Expired | OrderEnd::Absent => self.known(id),
            OrderEnd::Rejected(_) | OrderEnd::NotSent(_) | OrderEnd::Shadow => drop(self.orders.remove(&id.0)),
        }
    }

    fn slipped(&self, at: Nanos, id: OrderId, shares: Shares, cash: Usdc, rules: Rules, names: &Names) -> Option<Told> {
        let order = self.orders.get(&id.0)?;
        let reference = u128::from(order.reference?.micros());
        let paid = u128::from(cash.0.unsigned_abs()) * u128::from(ONE);
        // Both as dollars times a million, so that nothing is rounded.
        let wanted = u128::from(shares.0) * reference;
        let worse = match order.side {
            Side::Buy => paid.saturating_sub(wanted),
            Side::Sell => wanted.saturating_sub(paid),
        };
        let limit = rules.thresholds.slippage_ppm;
        let worse_ppm = (worse * u128::from(ONE)).checked_div(wanted)?;
        (limit > 0 && u128::from(limit) < worse_ppm).then(|| {
            let price = Price::from_micros((paid / u128::from(shares.0.max(1))) as u32);
            let price = price.map_or_else(String::new, |price| format!(" at ${price}"));
            let text = format!(
                "{} filled {shares}{price}: {}.{}% worse than the leader's ${}.",
                self.order(id.0, order, names),
                worse_ppm / 10_000,
                worse_ppm / 1_000 % 10,
                order.reference.map_or_else(String::new, |price| price.to_string()),
            );
            let subject = format!("portfolio {} token {}", order.portfolio.0, order.token.0);
            told(Rule::Slippage, subject, at, Change::Happened(text))
        })
    }

    fn settled(
        &self,
        at: Nanos,
        portfolio: PortfolioId,
        token: TokenId,
        proceeds: Usdc,
        names: &Names,
    ) -> Option<Told> {
        let part = self.parts.get(&token.0)?;
        let text = format!(
            "{} was resolved with ${} a share: {} got ${proceeds}.",
            names.token(token),
            Usdc((*part).into()),
            names.portfolio(portfolio)
        );
        Some(told(Rule::MatchVoid, format!("portfolio {} token {}", portfolio.0, token.0), at, Change::Happened(text)))
    }
}

/// Returns what is told whatever was before.
fn happened(at: Nanos, event: &Event, names: &Names) -> Option<Told> {
    let happened = |rule, subject: String, text| Some(told(rule, subject, at, Change::Happened(text)));
    match *event {
        Event::Adopted { order, brought, .. } => {
            let text = format!(
                "Order {} had ended, and was matched all the same: it is in the books now (${brought} came in for it). \
                 Somebody should look.",
                order.0
            );
            happened(Rule::ExternalFill, order_subject(order), text)
        }
        Event::External(external) => Some(foreign(at, &external, names)),
        Event::Differs(differs) => Some(differ(at, &differs, names)),
        Event::Explained { differs, choice } => Some(explained(at, &differs, choice, names)),
        Event::TakenIn(TakenIn { portfolio, token, shares, cost, .. }) => {
            let text = format!(
                "{shares} shares of {} were taken into the books of {}, for ${cost}.",
                names.token(token),
                names.portfolio(portfolio)
            );
            happened(Rule::WalletDiffers, format!("taken in {}", token.0), text)
        }
        Event::WrittenOff(WrittenOff { portfolio, token, shares, basis, .. }) => {
            let text = format!(
                "{shares} shares of {} were written off from the books of {}: ${basis} are lost.",
                names.token(token),
                names.portfolio(portfolio)
            );
            happened(Rule::WalletDiffers, format!("written off {}", token.0), text)
        }
        Event::Faulted { fault, order } => {
            let text = format!(
                "Entries are stopped after a fault ({}, order {}); exits go on. Look at it, then restart.",
                fault.code(),
                order.0
            );
            Some(told(Rule::EngineStopped, "engine", at, Change::Noticed(text)))
        }
        Event::Tripped { portfolio, breaker, .. } => {
            let text = tripped(&names.portfolio(portfolio), breaker);
            Some(told(Rule::Breaker, breaker_subject(portfolio.0, breaker), at, Change::Noticed(text)))
        }
        Event::BalanceLow { portfolio, available } => {
            let text = format!("{} has ${available} available.", names.portfolio(portfolio));
            happened(Rule::BalanceLow, format!("portfolio {}", portfolio.0), text)
        }
        Event::LeaderBlocked { leader, until, .. } => {
            let (name, hours) = (names.leader(leader), until.since(at).as_secs().div_ceil(3_600));
            let text = format!(
                "{name} trades on his copiers: no entries after him for {hours} hours, or until somebody says so."
            );
            happened(Rule::LeaderBlocked, format!("leader {}", leader.0), text)
        }
        Event::PaperSwitched { to } => {
            happened(Rule::SwitchChanged, format!("paper {}", to.code()), format!("Paper is {} now.", to.code()))
        }
        Event::LiveSwitched { to } => {
            happened(Rule::SwitchChanged, format!("live {}", to.code()), format!("Live is {} now.", to.code()))
        }
        Event::LeaderSwitched { leader, to } => {
            let text = format!("Live for {} is on {} now.", names.leader(leader), to.code());
            happened(Rule::SwitchChanged, format!("leader {} {}", leader.0, to.code()), text)
        }
        _of_no_rule => None,
    }
}

/// Whether an order's end is one that should not be. That nothing was left to fill is the market's way.
fn is_failure(end: OrderEnd) -> bool {
    match end {
        OrderEnd::Rejected(Rejection::NoMatch | Rejection::NotFullyFilled | Rejection::CrossesBook) => false,
        OrderEnd::NotSent(NotSent::LiveOff) => false,
        OrderEnd::Rejected(_) | OrderEnd::NotSent(_) | OrderEnd::Absent => true,
        OrderEnd::Filled | OrderEnd::Cancelled | OrderEnd::Expired | OrderEnd::Shadow => false,
    }
}

fn foreign(at: Nanos, external: &External, names: &Names) -> Told {
    let External { token, side, shares, cash, .. } = external;
    let did = if *side == Side::Buy { "bought" } else { "sold" };
    let text = format!(
        "Somebody {did} {shares} shares of {} for ${cash} with the wallet, and it was no order of Remora.",
        names.token(*token)
    );
    told(Rule::ExternalFill, format!("token {} {}", token.0, side.code()), at, Change::Happened(text))
}

fn differ(at: Nanos, differs: &Differs, names: &Names) -> Told {
    let Differs { what, token, ours, theirs } = *differs;
    let amount = |micros: i64| match what {
        Difference::Cash => format!("${}", Usdc(micros)),
        Difference::Shares => format!("{} shares", Usdc(micros)),
        Difference::OpenOrders => format!("{micros} open orders"),
    };
    let about = token.map_or_else(|| "The wallet".to_owned(), |token| names.token(token));
    let subject = difference_subject(differs);
    let change = match ours == theirs {
        true => Change::Passed(format!("{about}: books and wallet agree again, {}.", amount(ours))),
        false => {
            let (ours, theirs) = (amount(ours), amount(theirs));
            Change::Raised(format!(
                "{about}: our books say {ours}, the venue says {theirs}. Look at what else uses the wallet."
            ))
        }
    };
    told(Rule::WalletDiffers, subject, at, change)
}

/// The operator said what it is: nobody need be told of it any more.
fn explained(at: Nanos, differs: &Differs, choice: Choice, names: &Names) -> Told {
    let about = differs.token.map_or_else(|| "The wallet".to_owned(), |token| names.token(token));
    let text = match choice {
        Choice::Ignored => format!("{about}: the operator knows of the difference; it is left as it is."),
        Choice::Own => format!("{about}: what is too much is the owner's own, says the operator."),
    };
    told(Rule::WalletDiffers, difference_subject(differs), at, Change::Passed(text))
}

fn difference_subject(differs: &Differs) -> String {
    format!("{:?} {}", differs.what, differs.token.map_or(0, |token| token.0))
}
