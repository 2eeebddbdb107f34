//! What is remembered of each leader: what he owns and how live trading after him is switched.

use super::{Engine, LEADERS_MAX};
use crate::domain::{LeaderId, LeaderSwitch, Usdc};

/// What a leader owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    /// Cash and positions.
    pub capital: Usdc,
    /// How much of it is in positions; `None` where only the operator's word for his capital is known.
    pub exposure: Option<Usdc>,
}

/// What is remembered of one leader.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// Volatile, as a book is: read again after a restart.
    worth: Option<Worth>,
    switch: LeaderSwitch,
}

/// All leaders' ways. The room is taken at once.
#[derive(Debug)]
pub struct Ways(Vec<Way>);

impl Default for Ways {
    fn default() -> Ways {
        Ways(Vec::with_capacity(LEADERS_MAX))
    }
}

impl Ways {
    fn of(&self, leader: LeaderId) -> Way {
        self.0.get(leader.index()).copied().unwrap_or_default()
    }

    fn of_mut(&mut self, leader: LeaderId) -> &mut Way {
        assert!(leader.index() < LEADERS_MAX, "leader {} is beyond the {LEADERS_MAX} that one engine knows", leader.0);
        if self.0.len() <= leader.index() {
            self.0.resize(leader.index() + 1, Way::default());
        }
        &mut self.0[leader.index()]
    }

    pub fn switch(&self, leader: LeaderId) -> LeaderSwitch {
        self.of(leader).switch
    }

    pub(super) fn turn(&mut self, leader: LeaderId, to: LeaderSwitch) {
        self.of_mut(leader).switch = to;
    }
}

impl Engine {
    /// Returns what a leader owns, as it was read last, or else the operator's word; `None` where nothing is known.
    pub fn worth_of(&self, leader: LeaderId) -> Option<Worth> {
        self.ways.of(leader).worth
    }

    /// Takes the operator's word for a leader's capital, at set-up; what is read from the venue replaces it.
    pub fn set_capital(&mut self, leader: LeaderId, capital: Usdc) {
        self.ways.of_mut(leader).worth = Some(Worth { capital, exposure: None });
    }

    /// Takes what was read from the venue.
    pub(super) fn leader_worth(&mut self, leader: LeaderId, capital: Usdc, exposure: Usdc) {
        self.ways.of_mut(leader).worth = Some(Worth { capital, exposure: Some(exposure) });
    }

    /// Returns how live trading after a leader is switched.
    pub fn leader_switch(&self, leader: LeaderId) -> LeaderSwitch {
        self.ways.switch(leader)
    }
}
