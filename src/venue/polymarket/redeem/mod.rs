//! REDEMPTION: shares of resolved markets become money on the chain. Sans-IO: told what the chain says and what became of a
//! send, it says what to do next. It books nothing: the engine booked the result when the market was resolved.
//!
//! ```text
//!            shares gone                          shares gone: Elsewhere
//!          +-------------------------------------------------------------+
//! found -> Due -> Ready -> Sent -> Confirmed -> shares gone: Redeemed    v
//!          ^        |        |         |                                 out
//!          +--------+--------+---------+  refused, failed, undone: after a pause
//! ```
//!
//! What the wallet holds is the truth, so nothing is stored: after a restart the same tokens are found again. One at a time is
//! under way, because a wallet's nonces are taken one after another; so a second redemption of the same shares is looked at
//! first, and were it sent, it would find none.

pub mod position;

use std::collections::{BTreeMap, VecDeque};

use alloy::primitives::U256;

use super::onchain::{Answer, Progress, Signed, Ticket};
use crate::domain::{Nanos, Usdc};
pub use position::Market;

/// Shares that are due for longer than this are said to people, once.
pub const LATE_AFTER: Nanos = Nanos::from_secs(24 * 3_600);
/// The relayer takes 25 a minute; a few are left to the person whose wallet it is.
pub const RELAYED_PER_MINUTE_MAX: usize = 20;
/// A zero is believed when it was seen so often: nodes behind one address lag behind each other.
const ZEROS_MIN: u8 = 3;
const ASK_EVERY: Nanos = Nanos::from_secs(2);
/// A transaction that is in no block for so long is sent again under the same nonce, and pays more.
const PATIENCE: Nanos = Nanos::from_secs(120);
/// What the relayer keeps for longer is looked at afresh; it takes nothing for a wallet that waits.
const PATIENCE_RELAYED: Nanos = Nanos::from_secs(600);
const PAUSE_MIN: Nanos = Nanos::from_secs(5);
const PAUSE_MAX: Nanos = Nanos::from_secs(600);
const MINUTE: Nanos = Nanos::from_secs(60);

/// What signs for the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// The owner of an account of its own: transactions.
    Direct,
    /// The owner of a contract wallet: requests to the relayer, of which so many a minute are taken.
    Relayed,
    /// A session key, or nothing: it cannot redeem. The owner does it, or the venue's auto-redeemer.
    NeedsOwner,
}

/// What a token of the wallet is worth on the chain now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody knows yet.
    Open,
    Lost,
    Pays(Usdc),
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read what is held and what it is worth, and say it by [`Redemptions::looked`].
    Look(U256),
    /// Sign the redemption, with the next nonce; then [`Redemptions::signed`], send, [`Redemptions::answered`].
    Send(U256),
    /// Send what was signed again, under the same nonce.
    SendAgain(U256),
    /// Ask how far it is: [`Redemptions::told`].
    Ask(U256),
    /// Nothing before then.
    Rest(Nanos),
}

/// What people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    Due(Usdc),
    NeedsOwner(Usdc),
    Redeemed(Usdc),
    /// By the auto-redeemer, or by hand.
    Elsewhere,
    Failed {
        why: String,
        again_in: Nanos,
    },
    Late {
        since: Nanos,
    },
}

/// Counts since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub redeemed: u64,
    pub paid: Usdc,
    pub elsewhere: u64,
    pub failures: u64,
}

/// Tokens whose shares are worth something and not redeemed yet.
#[derive(Debug)]
pub struct Redemptions {
    power: Power,
    open: BTreeMap<U256, Redemption>,
    /// When something went to the relayer, within the last minute.
    sends: VecDeque<Nanos>,
    news: Vec<(U256, News)>,
    pub totals: Totals,
}

#[derive(Debug)]
struct Redemption {
    since: Nanos,
    pays: Usdc,
    stage: Stage,
    /// The next step is not before this.
    at: Nanos,
    /// How often it failed in a row, and how often nobody answered.
    failures: u32,
    silences: u32,
    zeros: u8,
    /// Something of ours may have redeemed it.
    was_sent: bool,
    is_late: bool,
}

#[derive(Debug)]
enum Stage {
    Due,
    Ready,
    Sent { signed: Box<Signed>, tickets: Vec<Ticket>, sent_at: Nanos },
    Confirmed,
}

impl Redemptions {
    pub fn new(power: Power) -> Redemptions {
        let (open, sends, news) = (BTreeMap::new(), VecDeque::new(), Vec::new());
        Redemptions { power, open, sends, news, totals: Totals::default() }
    }

    /// Notes that the wallet holds shares that pay so much. `since` is when that was first known.
    pub fn found(&mut self, token: U256, pays: Usdc, since: Nanos, now: Nanos) {
        if self.open.contains_key(&token) {
            return;
        }
        let news = if self.power == Power::NeedsOwner { News::NeedsOwner(pays) } else { News::Due(pays) };
        self.news.push((token, news));
        let redemption = Redemption {
            since,
            pays,
            stage: Stage::Due,
            at: now,
            failures: 0,
            silences: 0,
            zeros: 0,
            was_sent: false,
            is_late: false,
        };
        self.open.insert(token, redemption);
    }

    /// Returns what to do now. What is under way comes first, and alone.
    pub fn next(&mut self, now: Nanos) -> Step {
        self.tell_late(now);
        let under_way = self.open.iter().find(|(_, redemption)| redemption.is_under_way());
        let due = || self.open.iter().min_by_key(|(_, redemption)| redemption.at);
        let Some((token, redemption)) = under_way.or_else(due) else { return Step::Rest(Nanos::NEVER) };
        if now < redemption.at {
            return Step::Rest(redemption.at);
        }
        match &redemption.stage {
            Stage::Due | Stage::Confirmed => Step::Look(*token),
            Stage::Ready => Step::Send(*token),
            Stage::Sent { tickets, .. } if tickets.is_empty() => Step::SendAgain(*token),
            Stage::Sent { signed, sent_at, .. } if PATIENCE < now.since(*sent_at) && signed.is_transaction() => {
                Step::SendAgain(*token)
            }
            Stage::Sent { .. } => Step::Ask(*token),
        }
    }

    /// Takes in what [`Step::Look`] found.
    pub fn looked(&mut self, token: U256, shares: u64, verdict: Verdict, now: Nanos) {
        let Some(redemption) = self.open.get_mut(&token) else { return };
        redemption.silences = 0;
        if shares == 0 {
            redemption.zeros += 1;
            redemption.at = now.plus(Nanos::from_secs(u64::from(redemption.zeros)));
            if redemption.zeros == ZEROS_MIN {
                self.close(token);
            }
            return;
        }
        redemption.zeros = 0;
        match verdict {
            // It was not resolved after all: the chain was reorganised.
            Verdict::Open | Verdict::Lost => drop(self.open.remove(&token)),
            Verdict::Pays(pays) => {
                redemption.pays = pays;
                match (&redemption.stage, self.power) {
                    (Stage::Confirmed, _) => {
                        self.fail(token, "it was executed, and the shares are still there", 0, now)
                    }
                    (_, Power::NeedsOwner) => redemption.at = now.plus(PAUSE_MAX),
                    (_, Power::Direct) => redemption.stage = Stage::Ready,
                    (_, Power::Relayed) => self.queue(token, now),
                }
            }
        }
    }

    /// Notes what is about to be sent, before its first byte is.
    pub fn signed(&mut self, token: U256, signed: Signed, now: Nanos) {
        let Some(redemption) = self.open.get_mut(&token) else { return };
        if let Signed::Relayed { .. } = signed {
            self.sends.push_back(now);
        }
        // A transaction is known by its hash, whatever is answered.
        let ticket = match &signed {
            Signed::Transaction { hash, .. } => Some(Ticket::Transaction(*hash)),
            Signed::Relayed { .. } => None,
        };
        let mut tickets = match std::mem::replace(&mut redemption.stage, Stage::Due) {
            Stage::Sent { tickets, .. } => tickets,
            Stage::Due | Stage::Ready | Stage::Confirmed => Vec::new(),
        };
        tickets.extend(ticket);
        redemption.stage = Stage::Sent { signed: Box::new(signed), tickets, sent_at: now };
        redemption.at = now.plus(PAUSE_MIN);
        redemption.was_sent = true;
    }

    /// Takes in what was answered to a send.
    pub fn answered(&mut self, token: U256, answer: Answer, now: Nanos) {
        let Some(redemption) = self.open.get_mut(&token) else { return };
        let Stage::Sent { tickets, .. } = &mut redemption.stage else { return };
        match answer {
            Answer::Taken(ticket) => {
                redemption.at = now.plus(ASK_EVERY);
                if !tickets.contains(&ticket) {
                    tickets.push(ticket);
                }
            }
            Answer::Unknown(_) => {
                redemption.silences += 1;
                redemption.at = now.plus(pause(redemption.silences));
            }
            Answer::Refused(why) => self.fail(token, &why, 0, now),
            Answer::Later { why, secs } => self.fail(token, &why, secs, now),
        }
    }

    /// Takes in that nothing could be signed or sent: nothing left.
    pub fn not_sent(&mut self, token: U256, why: &str, now: Nanos) {
        self.fail(token, why, 0, now);
    }

    /// Takes in that what was sent could not be sent again: it is asked about for a while more.
    pub fn not_replaced(&mut self, token: U256, now: Nanos) {
        let Some(redemption) = self.open.get_mut(&token) else { return };
        if let Stage::Sent { sent_at, .. } = &mut redemption.stage {
            *sent_at = now;
            redemption.at = now.plus(ASK_EVERY);
        }
    }

    /// Takes in that a step could not be done because nobody answered; it is done again after a pause.
    pub fn unanswered(&mut self, token: U256, now: Nanos) {
        if let Some(redemption) = self.open.get_mut(&token) {
            redemption.silences += 1;
            redemption.at = now.plus(pause(redemption.silences));
        }
    }

    /// Takes in how far what was sent is.
    pub fn told(&mut self, token: U256, progress: Progress, now: Nanos) {
        let Some(redemption) = self.open.get_mut(&token) else { return };
        redemption.silences = 0;
        let Stage::Sent { signed, sent_at, .. } = &redemption.stage else { return };
        match progress {
            Progress::Waiting => {
                if !signed.is_transaction() && PATIENCE_RELAYED < now.since(*sent_at) {
                    return self.fail(token, "the relayer has not sent it in ten minutes", 0, now);
                }
                redemption.at = now.plus(ASK_EVERY);
            }
            Progress::Mined => redemption.at = now.plus(ASK_EVERY),
            Progress::Confirmed => {
                redemption.stage = Stage::Confirmed;
                redemption.at = now;
            }
            Progress::Failed(why) => self.fail(token, &why, 0, now),
        }
    }

    /// Returns what was signed for a token, to be sent again.
    pub fn under_way(&self, token: U256) -> Option<(&Signed, &[Ticket])> {
        match &self.open.get(&token)?.stage {
            Stage::Sent { signed, tickets, .. } => Some((signed, tickets)),
            Stage::Due | Stage::Ready | Stage::Confirmed => None,
        }
    }

    /// Yields what is not redeemed yet: token, what it pays, since when.
    pub fn open(&self) -> impl Iterator<Item = (U256, Usdc, Nanos)> {
        self.open.iter().map(|(token, redemption)| (*token, redemption.pays, redemption.since))
    }

    /// Takes what people are to be told.
    pub fn take_news(&mut self) -> Vec<(U256, News)> {
        std::mem::take(&mut self.news)
    }

    /// The shares are gone: by what we sent, or by somebody else.
    fn close(&mut self, token: U256) {
        let Some(redemption) = self.open.remove(&token) else { return };
        let news = match redemption.was_sent {
            true => {
                self.totals.redeemed += 1;
                self.totals.paid = self.totals.paid + redemption.pays;
                News::Redeemed(redemption.pays)
            }
            false => {
                self.totals.elsewhere += 1;
                News::Elsewhere
            }
        };
        self.news.push((token, news));
    }

    /// Lets it be sent now, or when the relayer takes one more.
    fn queue(&mut self, token: U256, now: Nanos) {
        while self.sends.front().is_some_and(|at| MINUTE <= now.since(*at)) {
            self.sends.pop_front();
        }
        let full = (RELAYED_PER_MINUTE_MAX <= self.sends.len()).then(|| self.sends.front()).flatten();
        let Some(redemption) = self.open.get_mut(&token) else { return };
        match full {
            Some(oldest) => redemption.at = oldest.plus(MINUTE),
            None => redemption.stage = Stage::Ready,
        }
    }

    /// Lets it be due again after a pause, at least so many seconds long.
    fn fail(&mut self, token: U256, why: &str, secs: u64, now: Nanos) {
        let Some(redemption) = self.open.get_mut(&token) else { return };
        redemption.failures += 1;
        let again_in = pause(redemption.failures).max(Nanos::from_secs(secs));
        (redemption.stage, redemption.at) = (Stage::Due, now.plus(again_in));
        self.totals.failures += 1;
        self.news.push((token, News::Failed { why: why.to_owned(), again_in }));
    }

    fn tell_late(&mut self, now: Nanos) {
        for (token, redemption) in &mut self.open {
            if !redemption.is_late && LATE_AFTER <= now.since(redemption.since) {
                redemption.is_late = true;
                self.news.push((*token, News::Late { since: redemption.since }));
            }
        }
    }
}

impl Redemption {
    fn is_under_way(&self) -> bool {
        match self.stage {
            Stage::Ready | Stage::Sent { .. } | Stage::Confirmed => true,
            Stage::Due => false,
        }
    }
}

/// Returns how long to wait after so many failures: 5, 10, 20 s ... ten minutes.
fn pause(failures: u32) -> Nanos {
    let doubled = PAUSE_MIN.0.saturating_mul(1 << failures.saturating_sub(1).min(10));
    Nanos(doubled).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests;
