//! What the operator makes of differences between our books and the wallet. Both sides are shown first; what he says names the
//! difference that he saw, so that another one that came meanwhile is not taken for it.

use std::time::Duration;

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

use super::{Answer, Console};
use crate::{
    clock,
    domain::{
        Input, LeaderId, Noted, Price, Shares, TokenId, Usdc,
        event::{Choice, Difference, TakenIn},
    },
    hot_loop::Command as Told,
    metrics::{ReconcileNow, Snapshot},
};

/// How often and how long it is looked whether the books changed.
const SEEN_TRIES: u32 = 20;
const SEEN_EVERY: Duration = Duration::from_millis(50);
/// So much of a token's id is enough to name it, where the wallet has no other that begins so.
const PREFIX_MIN: usize = 4;
/// The name of what is no token.
pub const CASH: &str = "cash";
pub const OPEN_ORDERS: &str = "open_orders";

/// The wallet beside our books, as it was read last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalletNow {
    /// How long ago everything was compared, in seconds; null: not yet.
    pub compared_secs_ago: Option<u64>,
    /// Why the last comparison failed; empty: it did not.
    pub failed: String,
    pub differences: Vec<DifferenceNow>,
    pub held: Vec<HeldNow>,
}

/// A difference that was seen often enough to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceNow {
    /// A token, `cash` or `open_orders`.
    pub of: String,
    pub books: Decimal,
    pub wallet: Decimal,
    /// The wallet less the books: what a choice must name.
    pub by: Decimal,
    /// The operator knows of it.
    pub ignored: bool,
}

/// A token of the wallet's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldNow {
    pub token: String,
    pub books: Decimal,
    /// Of it, as far as is known, the owner's own.
    pub external: Decimal,
    pub wallet: Decimal,
}

/// What somebody says that a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceWord {
    Ignore,
    Own,
}

/// A sentence that was typed, and the state that was looked at.
type Confirmation = (Option<String>, Option<String>);

/// Shares that are to come into the books.
#[derive(Clone, Debug)]
pub struct Adopted {
    pub strategy: String,
    pub leader: String,
    pub token: String,
    pub shares: Decimal,
    /// Empty: the best bid.
    pub price: String,
}

impl Console {
    /// Returns how books and wallet stand.
    pub(super) fn wallet(&self) -> Answer {
        let Some(now) = self.reconciled() else { return no_wallet() };
        let wallet = self.wallet_now(&now);
        let differs = wallet.differences.iter().filter(|one| !one.ignored).count();
        let said = match (&now.whole_at, differs) {
            (None, _) => "the wallet was not compared yet".to_owned(),
            (Some(_), 0) => "books and wallet agree".to_owned(),
            (Some(_), more) => format!("books and wallet differ in {more}"),
        };
        Answer { wallet: Some(Box::new(wallet)), ..Answer::done(said) }
    }

    fn wallet_now(&self, now: &ReconcileNow) -> WalletNow {
        let name = |token| self.plant.registry.load().token_text(token).to_owned();
        let differences = now.differing.iter().map(|one| {
            let (of, scale) = match (one.differs.what, one.differs.token) {
                (Difference::Shares, Some(token)) => (name(token), 6),
                (Difference::Cash, _) => (CASH.to_owned(), 6),
                (Difference::OpenOrders, _) | (Difference::Shares, None) => (OPEN_ORDERS.to_owned(), 0),
            };
            let [books, wallet] = [one.differs.ours, one.differs.theirs].map(|amount| Decimal::new(amount, scale));
            DifferenceNow { of, books, wallet, by: wallet - books, ignored: one.is_ignored }
        });
        let held = now.held.iter().filter_map(|held| {
            let micros = |amount: i64| Decimal::new(amount, 6);
            Some(HeldNow {
                token: name(held.token),
                books: micros(held.ours.0 as i64),
                external: micros(held.external),
                wallet: micros(held.theirs?.0 as i64),
            })
        });
        WalletNow {
            compared_secs_ago: now.whole_at.map(|at| clock::now().since(at).as_secs()),
            failed: now.failed.clone(),
            differences: differences.collect(),
            held: held.collect(),
        }
    }

    /// Returns how a difference stands, for the audit.
    pub(super) fn difference_stands(&self, of: &str) -> String {
        let Some(now) = self.reconciled() else { return String::new() };
        let ours = |one: &&DifferenceNow| one.of == of || (PREFIX_MIN <= of.len() && one.of.starts_with(of));
        let wallet = self.wallet_now(&now);
        let found = wallet.differences.iter().find(ours);
        found.map_or_else(
            || "no difference".to_owned(),
            |one| format!("books {}, wallet {}{}", one.books, one.wallet, if one.ignored { ", ignored" } else { "" }),
        )
    }

    /// Takes a difference as known, or as the owner's own. No book changes by it.
    pub(super) async fn choose(&self, of: &str, by: Decimal, choice: ChoiceWord) -> Answer {
        let Some(desk) = &self.plant.desk else { return no_wallet() };
        let (what, token) = match self.topic(of) {
            Ok(topic) => topic,
            Err(answer) => return answer,
        };
        let scale = if what == Difference::OpenOrders { 0 } else { 6 };
        let Some(gap) = whole(by, scale) else { return no_amount(by) };
        let made = match choice {
            ChoiceWord::Ignore => Choice::Ignored,
            ChoiceWord::Own => Choice::Own,
        };
        let chosen = match desk.comparison() {
            Ok(mut comparison) => {
                let chosen = comparison.choose(what, token, gap, made);
                // It is shown so at once, and not only when the wallet is read next.
                let (differing, differences) = (comparison.differing().collect(), comparison.differences());
                desk.status.reconciled(ReconcileNow {
                    differing,
                    differences,
                    ..ReconcileNow::clone(&desk.status.wallet())
                });
                chosen
            }
            Err(wrong) => return Answer::refused(wrong, "start the engine again"),
        };
        let differs = match chosen {
            Ok(differs) => differs,
            Err(None) => {
                return Answer::refused("there is no such difference", "`remora wallet differences` lists them");
            }
            Err(Some(stands)) if stands != gap => {
                let wrong = format!("the difference is {} now, and not {by}", Decimal::new(stands, scale));
                return Answer::refused(wrong, "look again: `remora wallet differences`");
            }
            Err(Some(_)) => {
                return Answer::refused(
                    "that cannot be said of this difference: only shares that the wallet has too many are somebody's own, and a \
                     difference from before the start must be seen once more",
                    "ignore it, write it off, or say it again in a minute",
                );
            }
        };
        let noted = Told::Noted(Box::new(Noted::Explained { differs, choice: made }));
        match self.plant.inlet.command(noted).await {
            Ok(()) => Answer::done(match choice {
                ChoiceWord::Ignore => "it is known: nobody is told of it until it changes",
                ChoiceWord::Own => "it is the owner's own: it is not sold, and not counted as ours",
            }),
            Err(_) => Answer::refused("the engine has stopped", "start it again"),
        }
    }

    /// Takes shares of the wallet's into the books of a live portfolio, as a copy of a leader's.
    pub(super) async fn adopt(&self, wanted: &Adopted, confirmation: Confirmation) -> Answer {
        let taken = match self.may_adopt(wanted, &confirmation) {
            Ok(taken) => taken,
            Err(answer) => return answer,
        };
        if let Err(answer) = self.change_books(Input::TakeIn(taken), taken.token).await {
            return answer;
        }
        if let Some(desk) = &self.plant.desk
            && let Ok(mut comparison) = desk.comparison()
        {
            comparison.taken_in(clock::now(), &taken);
        }
        let Adopted { strategy, leader, .. } = wanted;
        Answer::done(format!(
            "{} shares are in the books of {strategy} for ${}: they are sold when {leader} sells",
            taken.shares, taken.cost
        ))
    }

    fn may_adopt(&self, wanted: &Adopted, confirmation: &Confirmation) -> Result<TakenIn, Answer> {
        let now = self.reconciled().ok_or_else(no_wallet)?;
        let portfolio = self.portfolio(&wanted.strategy, true)?;
        let leader = self.one_leader(&wanted.leader)?;
        let (_, token) = self.topic(&wanted.token)?;
        let no_token = || Answer::refused("cash is not adopted", "`remora strategy deposit` brings dollars");
        let token = token.ok_or_else(no_token)?;
        let shares = whole(wanted.shares, 6).and_then(|shares| u64::try_from(shares).ok()).map(Shares);
        let shares = shares.filter(|shares| Shares::ZERO < *shares).ok_or_else(|| no_amount(wanted.shares))?;
        let price = self.price_of(token, &wanted.price)?;
        let held = now.held.iter().find(|held| held.token == token);
        let free = held.map_or(Shares::ZERO, |held| held.theirs.unwrap_or_default().minus(held.ours));
        if free < shares {
            return Err(Answer::refused(
                format!("the wallet holds {free} shares of it beside our books, and not {shares}"),
                "look again: `remora wallet differences`",
            ));
        }
        self.confirmed_by(confirmation)?;
        Ok(TakenIn { portfolio, leader, token, shares, cost: price.cost_ceil(shares) })
    }

    /// Writes off what our books hold and the wallet does not: shares at a loss, dollars as taken out of a portfolio.
    pub(super) async fn write_off(
        &self,
        of: &str,
        amount: Decimal,
        strategy: Option<&str>,
        confirmation: Confirmation,
    ) -> Answer {
        match self.may_write_off(of, amount, strategy, &confirmation) {
            Ok((input @ Input::WriteOff { token, .. }, said)) => match self.change_books(input, token).await {
                Ok(()) => Answer::done(said),
                Err(answer) => answer,
            },
            Ok((input, said)) => match self.tell(input).await {
                Ok(()) => Answer::done(said),
                Err(answer) => answer,
            },
            Err(answer) => answer,
        }
    }

    fn may_write_off(
        &self,
        of: &str,
        amount: Decimal,
        strategy: Option<&str>,
        confirmation: &Confirmation,
    ) -> Result<(Input, String), Answer> {
        let now = self.reconciled().ok_or_else(no_wallet)?;
        let (what, token) = self.topic(of)?;
        let micros = whole(amount, 6).filter(|amount| 0 < *amount).ok_or_else(|| no_amount(amount))?;
        let stands = now.differing.iter().find(|one| (one.differs.what, one.differs.token) == (what, token));
        let missing = stands.map_or(0, |one| (one.differs.ours - one.differs.theirs).max(0));
        if missing < micros {
            return Err(Answer::refused(
                format!("the wallet lacks {} of it by what was read last, and not {amount}", Decimal::new(missing, 6)),
                "look again: `remora wallet differences`",
            ));
        }
        self.confirmed_by(confirmation)?;
        match (token, strategy) {
            (Some(token), _) => {
                let shares = Shares(micros.unsigned_abs());
                Ok((Input::WriteOff { token, shares }, format!("{shares} shares are written off")))
            }
            (None, Some(strategy)) if what == Difference::Cash => {
                let portfolio = self.portfolio(strategy, true)?;
                let available = self.plant.published.load();
                let available = available.portfolios.iter().find(|now| now.id == portfolio).map(|now| now.available);
                if available.is_none_or(|available| available < Usdc(micros)) {
                    let wrong = format!("{strategy} has less available than ${amount}");
                    return Err(Answer::refused(wrong, "write off a part of it, and the rest from another strategy"));
                }
                let said = format!("${amount} are written off: booked as taken out of {strategy}");
                Ok((Input::Withdraw { portfolio, amount: Usdc(micros) }, said))
            }
            (None, _) => Err(Answer::refused(
                "which strategy's dollars are gone is not said",
                "name it, such as: remora wallet write-off cash 12.50 --strategy careful",
            )),
        }
    }

    fn confirmed_by(&self, (sentence, seen): &Confirmation) -> Result<(), Answer> {
        self.confirmed(sentence.as_deref().unwrap_or_default(), seen.as_deref().unwrap_or_default())
    }

    /// Says it to the engine, and waits until the books of the token are others.
    async fn change_books(&self, input: Input, token: TokenId) -> Result<(), Answer> {
        let of = |now: &Snapshot| now.live_books.holdings.iter().find(|held| held.token == token).copied();
        let before = self.plant.published.load();
        let (books, declined) = (of(&before), before.declined);
        self.tell(input).await?;
        for _ in 0..SEEN_TRIES {
            let now = self.plant.published.load();
            if of(&now) != books {
                return Ok(());
            }
            if declined < now.declined {
                break;
            }
            tokio::time::sleep(SEEN_EVERY).await;
        }
        Err(Answer::refused(
            "the engine declined: the shares may be on sale, not settled, or their market may have ended",
            "the log (/logs?kind=declined) says why; cancel what is on sale with `remora cancel-all`",
        ))
    }

    fn reconciled(&self) -> Option<std::sync::Arc<ReconcileNow>> {
        self.plant.desk.as_ref().map(|desk| desk.status.wallet())
    }

    /// Returns what is meant: `cash`, `open_orders`, or a token by its id or the beginning of it.
    fn topic(&self, of: &str) -> Result<(Difference, Option<TokenId>), Answer> {
        match of {
            CASH => return Ok((Difference::Cash, None)),
            OPEN_ORDERS => return Ok((Difference::OpenOrders, None)),
            _token => {}
        }
        let registry = self.plant.registry.load();
        if let Some(token) = registry.token(of.as_bytes()) {
            return Ok((Difference::Shares, Some(token)));
        }
        let held = self.reconciled().map_or_else(Vec::new, |now| now.held.iter().map(|held| held.token).collect());
        let named = |token: &&TokenId| PREFIX_MIN <= of.len() && registry.token_text(**token).starts_with(of);
        let mut found = held.iter().filter(named);
        match (found.next(), found.next()) {
            (Some(token), None) => Ok((Difference::Shares, Some(*token))),
            (_, several) => {
                let how_many = if several.is_some() { "more than one token" } else { "no token of the wallet" };
                let fix = "give its id as `remora wallet differences` shows it; or cash, or open_orders";
                Err(Answer::refused(format!("{how_many} is called {of:?}"), fix))
            }
        }
    }

    fn one_leader(&self, name: &str) -> Result<LeaderId, Answer> {
        match self.leaders_of(name).as_slice() {
            [leader] => Ok(*leader),
            [] => {
                let fix = "`remora leader list` shows who is followed";
                Err(Answer::refused(format!("no leader is called {name:?}"), fix))
            }
            [_, ..] => {
                let fix = "wait until what his wallets hold is closed, or name another leader";
                Err(Answer::refused(format!("the wallets of {name} are followed one by one still"), fix))
            }
        }
    }

    /// Returns the price that somebody gave, else the best bid.
    fn price_of(&self, token: TokenId, given: &str) -> Result<Price, Answer> {
        let fix = "give a price between 0 and 1, such as 0.45";
        if given.is_empty() {
            let now = self.plant.published.load();
            let bid = now.marks.iter().find(|mark| mark.token == token).map(|mark| mark.bid);
            let bid = bid.and_then(Price::from_micros);
            return bid.ok_or_else(|| Answer::refused("the market's price is not known here", fix));
        }
        let price = given.parse::<Decimal>().ok().and_then(|price| whole(price, 6)).and_then(|micros| micros.to_u32());
        price.and_then(Price::from_micros).ok_or_else(|| Answer::refused(format!("{given:?} is no price"), fix))
    }
}

/// Returns an amount in units of a scale; `None` where it has more decimals.
fn whole(amount: Decimal, scale: u32) -> Option<i64> {
    let units = (amount * Decimal::from(10_i64.pow(scale))).normalize();
    units.to_i64().filter(|_| units.is_integer())
}

fn no_amount(amount: Decimal) -> Answer {
    Answer::refused(format!("{amount} is no amount"), "shares or dollars with at most six decimals, such as 12.5")
}

fn no_wallet() -> Answer {
    Answer::refused(
        "no wallet is read: this engine has no key",
        "`remora key` sets one up; then [wallet] and live.switch in the settings",
    )
}
