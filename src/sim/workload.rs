//! What happens in the simulated world, and when, in virtual time.
//!
//! The same options give the same steps, whatever clients do not do. Nothing here reads a clock: the caller says up to when
//! he wants to know.

mod recorded;
mod seeded;
mod stage;
mod tricks;

use std::path::Path;

use recorded::Recorded;
use seeded::Seeded;
use stage::Stage;
pub use stage::{PLACES_MAX, Person};
pub use tricks::Trick;
use tricks::Tricks;

use super::exchange::{AccountId, Event, Exchange, MarketId, NewOrder, NotCanceled, OrderId, Placed, Reject, Settings};
use super::message::{BookImage, Message, Outcome};
use super::place::Place;
use super::random::Random;
use super::wire::Phase;
use crate::domain::{Millis, Nanos};
use crate::feed::recording::FileError;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub seed: u64,
    /// How busy the world is; 100 is about a hundred market messages a second. 0: nobody is there but clients.
    pub rate_percent: u64,
    /// When the world begins.
    pub start: Nanos,
    /// How long a short market trades.
    pub short_life: Nanos,
}

impl Default for Options {
    fn default() -> Options {
        Options { seed: 1, rate_percent: 100, start: Nanos::ZERO, short_life: Nanos::from_secs(300) }
    }
}

/// What happened at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub at: Nanos,
    /// For the market channel and the activity feed.
    pub messages: Vec<Message>,
    /// For the user channel, the chain and the truth log: what the exchange said, whether a message tells it or not.
    pub events: Vec<Event>,
}

#[derive(Debug)]
pub struct Workload {
    stage: Stage,
    script: Script,
    tricks: Tricks,
    /// When something last happened.
    now: Nanos,
}

/// What makes the world go on.
#[derive(Debug)]
enum Script {
    Seeded(Box<Seeded>),
    Recorded(Box<Recorded>),
}

impl Script {
    fn next_at(&self) -> Option<Nanos> {
        match self {
            Script::Seeded(seeded) => seeded.next_at(),
            Script::Recorded(recorded) => recorded.next_at(),
        }
    }

    fn act(&mut self, stage: &mut Stage) -> Vec<Message> {
        match self {
            Script::Seeded(seeded) => seeded.act(stage),
            Script::Recorded(recorded) => recorded.act(stage),
        }
    }
}

impl Workload {
    pub fn new(options: Options) -> Workload {
        let mut stage = stage(&options);
        let script = Script::Seeded(Box::new(Seeded::new(options, &mut stage)));
        let tricks = Tricks::new(options.seed, &mut stage);
        // Nobody listened when the first books were made.
        stage.tell(options.start);
        Workload { stage, script, tricks, now: options.start }
    }

    /// Returns a world in which the markets of a recording are played, from `options.start` on, at the rate in percent of
    /// the recorded pace. Fails if the file cannot be read, or says nothing of any market. Panics if the rate is zero.
    pub fn recorded(options: Options, path: &Path) -> Result<Workload, FileError> {
        assert!(options.rate_percent > 0, "a recording at 0 % of its pace never begins");
        let mut stage = stage(&options);
        let script = Script::Recorded(Box::new(Recorded::open(options, path, &mut stage)?));
        let tricks = Tricks::new(options.seed, &mut stage);
        Ok(Workload { stage, script, tricks, now: options.start })
    }

    /// Returns the next moment at which something happens, if it is not after `until`. What clients caused since comes
    /// first.
    pub fn next(&mut self, until: Nanos) -> Option<Step> {
        loop {
            if let Some(step) = self.tell(self.now) {
                return Some(step);
            }
            let (due, plays, acts) = (self.stage.next_due(), self.tricks.next_at(), self.script.next_at());
            let at = [due, plays, acts].into_iter().flatten().min().filter(|at| *at <= until)?;
            self.now = self.now.max(at);
            let told = if due == Some(at) {
                self.stage.advance(at)
            } else if plays == Some(at) {
                self.tricks.act(&mut self.stage);
                Vec::new()
            } else {
                self.script.act(&mut self.stage)
            };
            if let Some(step) = self.step(told) {
                return Some(step);
            }
        }
    }

    /// Lets the trickster play a trick, from now on or from the moment when a market is ripe for it.
    pub fn play(&mut self, trick: Trick, now: Nanos) {
        self.tricks.play(trick, &self.stage, now);
    }

    /// Takes a client's order. [`Workload::tell`] says what became of it.
    pub fn place(&mut self, now: Nanos, new: NewOrder) -> Result<Placed, Reject> {
        self.stage.exchange.place(now, new)
    }

    /// Cancels a client's order. [`Workload::tell`] says so.
    pub fn cancel(&mut self, account: AccountId, order: &OrderId) -> Result<(), NotCanceled> {
        self.stage.exchange.cancel(account, order)
    }

    /// Returns what was caused at the exchange by others than the world since this was last asked; `None` if nothing was.
    pub fn tell(&mut self, now: Nanos) -> Option<Step> {
        self.now = self.now.max(now);
        self.step(Vec::new())
    }

    /// What clients cause at a moment that the world has not come to yet is told with that moment, and what the world does
    /// before it is told later with no earlier one.
    fn step(&mut self, mut messages: Vec<Message>) -> Option<Step> {
        let at = self.now;
        let (told, events) = self.stage.tell(at);
        messages.splice(0..0, told);
        (!messages.is_empty() || !events.is_empty()).then_some(Step { at, messages, events })
    }

    pub fn exchange(&self) -> &Exchange {
        &self.stage.exchange
    }

    /// The exchange, for what clients do beside orders: deposits, approvals, splits. [`Workload::tell`] says what it caused.
    pub fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.stage.exchange
    }

    /// From now on the fills of this account are told like those of leaders.
    pub fn introduce(&mut self, account: AccountId, person: Person) {
        self.stage.introduce(account, person);
    }

    /// Returns who is told of where an account trades; `None` for one of whom nothing is told.
    pub fn person(&self, account: AccountId) -> Option<&Person> {
        self.stage.person(account)
    }

    /// Yields those whose fills are told, in no order.
    pub fn people(&self) -> impl Iterator<Item = (AccountId, &Person)> {
        self.stage.people()
    }

    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.stage.places()
    }

    /// Returns a market that is remembered.
    pub fn place_of(&self, market: MarketId) -> Option<&Place> {
        self.stage.place(market)
    }

    /// Returns the market and outcome of a token.
    pub fn token(&self, token: &str) -> Option<(&Place, Outcome)> {
        self.places().find_map(|place| {
            let outcome = *Outcome::BOTH.iter().find(|outcome| place.listing.tokens[outcome.index()] == token)?;
            Some((place, outcome))
        })
    }

    pub fn condition(&self, condition: &str) -> Option<&Place> {
        self.places().find(|place| place.listing.condition == condition)
    }

    /// Returns the book of a token as it is at `now`; `None` for a token that is not known or no longer traded.
    pub fn book(&self, token: &str, now: Nanos) -> Option<BookImage> {
        let (place, outcome) = self.token(token)?;
        (place.phase == Phase::Open).then(|| place.book.image(outcome, Millis(now.as_millis())))
    }
}

fn stage(options: &Options) -> Stage {
    let exchange = Exchange::new(Settings { seed: options.seed ^ options.start.0, ..Settings::default() });
    Stage::new(exchange, Random::new(options.seed ^ options.start.0.rotate_left(29)))
}

#[cfg(test)]
mod tests;
