//! ORDERS SIGNED AHEAD: what the next copies would order is signed before they come, by another thread, so that the order
//! itself costs a look-up and a MAC.
//!
//! ```text
//! engine::foresee -> Ahead (hot thread) -- wishes --> Signer (a thread of its own)
//!                      | take: once          <- made --
//!                      v
//!                   Prepared::order
//! ```
//!
//! A signed order that waits here is worth nothing to anybody without the API key, and is in nobody's books: only when it is
//! taken does it get an order's number, and its name goes into the journal as that of any other. It is taken once, and used
//! only as what it is: the same token, exchange, side and amounts as were asked, or an entry's that is a little smaller, where
//! the settings allow that. It is forgotten when it gets old (its time of making is signed), when the market's book or rules
//! make another one likely, and when nothing may leave. It lives in memory only: a start begins with none.

use crate::{
    domain::{Market, Nanos, OrderKind, Price, Side, TokenId, Usdc, event::Submitted},
    engine::{
        Engine, TOKENS_MAX,
        foresee::{FORESEEN_MAX, Foreseen, RUNGS_MAX},
    },
    metrics::{AheadNow, Miss},
};

use super::{
    asked_for,
    names::{Name, Names},
    pen::{Asked, Pen, Written},
    signer::{Made, Signer, Wish, Wishes},
};

/// Where a token has no place.
const NO_PLACE: u16 = u16::MAX;
/// A token whose book moves is looked at no more often than this.
const LOOK_EVERY: Nanos = Nanos::from_millis(50);
/// An input is handled at the time at which it came, which may lie before what was signed meanwhile.
const SKEW_MAX: Nanos = Nanos::from_secs(1);

/// What the settings say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Orders that may wait, over all tokens.
    pub orders_max: usize,
    pub age_max: Nanos,
    /// Sizes of copies that go by the leader's; zeros at the end are none.
    pub ladder: [Usdc; RUNGS_MAX],
    /// By how much an entry may be smaller than decided (ppm).
    pub shortfall_ppm_max: u32,
}

/// The store: places for the tokens that leaders traded last, each with room for what is foreseen of a token.
pub struct Ahead {
    options: Options,
    rungs: usize,
    places: Vec<Place>,
    /// By token.
    place_of: Box<[u16]>,
    /// Where the search for the next place to look at goes on.
    next: usize,
    /// Counts wishes, and uses of places.
    ticket: u64,
    /// Whether orders may leave.
    is_open: bool,
    wishes: Wishes,
    foreseen: Vec<Foreseen>,
    counts: AheadNow,
}

struct Place {
    token: TokenId,
    /// When it was last of use, in tickets.
    used: u64,
    /// The book or the rules changed since it was looked at.
    has_moved: bool,
    looked_at: Nanos,
    slots: Vec<Slot>,
}

/// An order that is wanted, and what there is of it.
struct Slot {
    asked: Asked,
    limit: Price,
    made: Option<Written>,
    /// The wish that is under way.
    ticket: Option<u64>,
}

/// An order that was asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub asked: Asked,
    pub limit: Price,
    pub kind: OrderKind,
    /// A buy below this is not worth sending, or the venue would refuse it.
    pub least: Usdc,
}

impl Ahead {
    /// Makes an empty store, and what signs for it.
    pub fn new(options: Options, pen: Pen, began: Nanos) -> (Ahead, Signer) {
        let (wishes, signer) = Signer::new(pen, began);
        let places = options.orders_max.div_ceil(FORESEEN_MAX).min(NO_PLACE as usize);
        let ahead = Ahead {
            rungs: options.ladder.iter().take_while(|rung| **rung > Usdc::ZERO).count(),
            options,
            places: Vec::with_capacity(places),
            place_of: vec![NO_PLACE; TOKENS_MAX].into(),
            next: 0,
            ticket: 0,
            is_open: false,
            wishes,
            foreseen: Vec::with_capacity(FORESEEN_MAX),
            counts: AheadNow::default(),
        };
        (ahead, signer)
    }

    pub fn now(&self) -> AheadNow {
        self.counts
    }

    /// Notes that a leader traded a token, or that we hold it: it gets a place, that of the token which had no use for longest.
    pub fn watch(&mut self, token: TokenId) {
        self.ticket += 1;
        let place = match self.place_of[token.index()] {
            NO_PLACE if self.places.len() < self.places.capacity() => {
                let slots = Vec::with_capacity(FORESEEN_MAX);
                self.places.push(Place { token, used: 0, has_moved: true, looked_at: Nanos::ZERO, slots });
                self.places.len() - 1
            }
            NO_PLACE => {
                let oldest = (0..self.places.len()).min_by_key(|place| self.places[*place].used);
                let oldest = oldest.expect("there is room for one token at least");
                self.place_of[self.places[oldest].token.index()] = NO_PLACE;
                self.empty(oldest);
                (self.places[oldest].token, self.places[oldest].looked_at) = (token, Nanos::ZERO);
                oldest
            }
            place => usize::from(place),
        };
        self.place_of[token.index()] = place as u16;
        self.places[place].used = self.ticket;
    }

    /// Notes that a token's book changed: what is wanted of it may have, too.
    pub fn moved(&mut self, token: TokenId) {
        if let Some(place) = self.place(token) {
            self.places[place].has_moved = true;
        }
    }

    /// Forgets what was signed of a token: its rules changed, or it ended.
    pub fn forget(&mut self, token: TokenId) {
        if let Some(place) = self.place(token) {
            self.empty(place);
        }
    }

    /// Forgets all that was signed: the settings changed.
    pub fn forget_all(&mut self) {
        (0..self.places.len()).for_each(|place| self.empty(place));
    }

    /// Forgets all that was signed, and asks for nothing until the next look: nothing may leave.
    pub fn close(&mut self) {
        if self.is_open {
            self.forget_all();
            self.is_open = false;
        }
    }

    /// Takes in what was signed, and looks at one token whose turn it is. Returns when to come again.
    pub fn look(&mut self, now: Nanos, engine: &Engine, names: &Names) -> Nanos {
        self.is_open = true;
        self.take_in();
        let (mut found, mut due) = (None, Nanos::NEVER);
        for step in 0..self.places.len() {
            let place = (self.next + step) % self.places.len();
            let at = self.places[place].due(self.options.age_max);
            if at <= now && found.is_none() {
                found = Some(place);
            } else {
                due = due.min(at);
            }
        }
        let Some(place) = found else { return due };
        self.next = (place + 1) % self.places.len();
        self.look_at(now, place, engine, names);
        due.min(self.places[place].due(self.options.age_max))
    }

    /// Returns the order that was asked for and forgets it, or why there is none.
    pub fn take(&mut self, now: Nanos, wanted: &Wanted) -> Result<Written, Miss> {
        self.take_in();
        let found = self.find(now, wanted);
        match &found {
            Ok(_) => self.counts.hits += 1,
            Err(miss) => self.counts.misses[*miss as usize] += 1,
        }
        let (place, slot) = found?;
        let Slot { asked, made, .. } = self.places[place].slots.swap_remove(slot);
        // What was taken is to be signed again.
        self.places[place].has_moved = true;
        self.counts.kept -= 1;
        self.counts.smaller += u64::from(asked != wanted.asked);
        made.ok_or(Miss::Unsigned)
    }

    fn find(&self, now: Nanos, wanted: &Wanted) -> Result<(usize, usize), Miss> {
        if !self.is_open {
            return Err(Miss::Off);
        }
        let place = self.place(wanted.asked.token).ok_or(Miss::Token)?;
        let slots = &self.places[place].slots;
        let age_max = self.options.age_max;
        let is_fresh = |slot: &Slot| slot.made.as_ref().is_some_and(|made| age(now, made) <= age_max);
        let exact = slots.iter().position(|slot| slot.asked == wanted.asked);
        if let Some(exact) = exact.filter(|exact| is_fresh(&slots[*exact])) {
            return Ok((place, exact));
        }
        let smaller = slots.iter().enumerate().filter(|(_, slot)| self.may_stand_for(slot, wanted) && is_fresh(slot));
        let largest = smaller.max_by_key(|(_, slot)| slot.asked.amounts.maker);
        match (largest, exact) {
            (Some((smaller, _)), _) => Ok((place, smaller)),
            (None, None) => Err(Miss::Unforeseen),
            (None, Some(exact)) if slots[exact].made.is_none() => Err(Miss::Unsigned),
            (None, Some(_)) => Err(Miss::Old),
        }
    }

    /// Returns whether an order may go in the place of a larger one. Only an entry's, at the same bound, that takes what there
    /// is: to its ledger it is one that was filled in part. A sale, and what is all or nothing, is what was decided.
    fn may_stand_for(&self, slot: &Slot, wanted: &Wanted) -> bool {
        let (ours, theirs) = (slot.asked.amounts.maker, wanted.asked.amounts.maker);
        let shortfall = u128::from(theirs.saturating_sub(ours)) * 1_000_000;
        wanted.kind == OrderKind::Fak
            && wanted.asked.side == Side::Buy
            && (slot.asked.side, slot.asked.exchange, slot.limit) == (Side::Buy, wanted.asked.exchange, wanted.limit)
            && ours <= theirs
            && shortfall <= u128::from(theirs) * u128::from(self.options.shortfall_ppm_max)
            && wanted.least <= Usdc(ours as i64)
    }

    fn place(&self, token: TokenId) -> Option<usize> {
        let place = self.place_of[token.index()];
        (place != NO_PLACE).then_some(usize::from(place))
    }

    fn empty(&mut self, place: usize) {
        let place = &mut self.places[place];
        self.counts.kept -= place.slots.iter().filter(|slot| slot.made.is_some()).count() as u32;
        place.slots.clear();
        place.has_moved = true;
    }

    fn take_in(&mut self) {
        while let Some(Made { token, ticket, written }) = self.wishes.made() {
            let Some(place) = self.place(token) else { continue };
            // What nobody waits for any more is dropped.
            let slot = self.places[place].slots.iter_mut().find(|slot| slot.ticket == Some(ticket));
            if let Some(slot) = slot {
                slot.ticket = None;
                self.counts.kept += u32::from(slot.made.replace(written).is_none());
                self.counts.signed += 1;
            }
        }
    }

    fn look_at(&mut self, now: Nanos, place: usize, engine: &Engine, names: &Names) {
        let token = self.places[place].token;
        engine.foresee(now, token, &self.options.ladder[..self.rungs], &mut self.foreseen);
        self.places[place].looked_at = now;
        self.places[place].has_moved = false;
        match names.get(token) {
            Some(name) => self.prepare(now, place, &engine.token(token).market, name),
            // The venue has no such token.
            None => self.empty(place),
        }
    }

    /// Drops what is not foreseen any more, or too old; asks for what is missing, and for what will be too old soon.
    fn prepare(&mut self, now: Nanos, place: usize, market: &Market, name: &Name) {
        let (age_max, counts, place) = (self.options.age_max, &mut self.counts, &mut self.places[place]);
        let wish = |order: &Foreseen| {
            let asked = asked_for(place.token, order, OrderKind::Fak, market);
            asked.ok().map(|asked| (asked, order.limit))
        };
        let wanted = || self.foreseen.iter().filter_map(wish);
        place.slots.retain_mut(|slot| {
            if slot.made.as_ref().is_some_and(|made| age_max < age(now, made)) {
                (slot.made, counts.kept) = (None, counts.kept - 1);
            }
            let is_wanted = wanted().any(|wanted| wanted == (slot.asked, slot.limit));
            counts.kept -= u32::from(!is_wanted && slot.made.is_some());
            is_wanted
        });
        for (asked, limit) in wanted() {
            let known = place.slots.iter().position(|slot| (slot.asked, slot.limit) == (asked, limit));
            let at = known.unwrap_or_else(|| {
                place.slots.push(Slot { asked, limit, made: None, ticket: None });
                place.slots.len() - 1
            });
            let slot = &mut place.slots[at];
            let is_young = slot.made.as_ref().is_some_and(|made| age(now, made) <= Nanos(age_max.0 / 2));
            if is_young || slot.ticket.is_some() {
                continue;
            }
            self.ticket += 1;
            if !self.wishes.push(Wish { ticket: self.ticket, asked, name: *name }) {
                // No room: it is asked for at the next look.
                place.has_moved = true;
                return;
            }
            slot.ticket = Some(self.ticket);
        }
    }
}

impl Place {
    /// Returns when it is to be looked at: soon after its book moved, and often enough that what is wanted stays young.
    fn due(&self, age_max: Nanos) -> Nanos {
        let wait = if self.has_moved { LOOK_EVERY } else { Nanos(age_max.0 / 4) };
        self.looked_at.plus(wait)
    }
}

/// The time of making is signed. One of the future, after the clock was set back, is older than any.
fn age(now: Nanos, made: &Written) -> Nanos {
    let at = made.timestamp.nanos();
    if now.plus(SKEW_MAX) < at { Nanos::NEVER } else { now.since(at) }
}

impl Wanted {
    pub fn new(asked: Asked, order: &Submitted, least: Usdc) -> Wanted {
        Wanted { asked, limit: order.limit, kind: order.kind, least }
    }
}

impl Options {
    /// What a test or a bench sets up that asks for nothing special.
    pub const USUAL: Options = Options {
        orders_max: 2_048,
        age_max: Nanos::from_secs(10),
        ladder: [Usdc::ZERO; RUNGS_MAX],
        shortfall_ppm_max: 0,
    };
}

#[cfg(test)]
mod tests;
