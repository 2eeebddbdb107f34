//! Who and what an alert is about, in words that are safe to show.

use std::collections::HashMap;

use crate::{
    domain::{LeaderId, Mode, PortfolioId, TokenId},
    web::{short_id, tame},
};

/// The most characters of a market's title and of a name.
const TITLE_MAX: usize = 100;
const NAME_MAX: usize = 40;

/// By dense id.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Strategy and mode.
    pub portfolios: Vec<(String, Mode)>,
    /// By wallet's id; a leader with several has his name under each.
    pub leaders: HashMap<LeaderId, String>,
    /// Title and outcome.
    pub tokens: HashMap<TokenId, (String, String)>,
}

impl Names {
    pub fn portfolio(&self, id: PortfolioId) -> String {
        match self.portfolios.get(id.index()) {
            Some((strategy, mode)) => format!("{} ({})", tame(strategy, NAME_MAX), mode.code()),
            None => format!("portfolio {}", id.0),
        }
    }

    pub fn is_live(&self, id: PortfolioId) -> bool {
        matches!(self.portfolios.get(id.index()), Some((_, Mode::Live)))
    }

    pub fn leader(&self, id: LeaderId) -> String {
        self.leaders.get(&id).map_or_else(|| format!("leader {}", id.0), |name| tame(name, NAME_MAX))
    }

    /// Strangers wrote it: what looks like an address is made into none.
    pub fn token(&self, id: TokenId) -> String {
        match self.tokens.get(&id) {
            Some((title, outcome)) if !title.is_empty() => {
                let title = tame(title, TITLE_MAX).replace("://", ":/ /");
                format!("\u{201c}{title}\u{201d} {}", tame(outcome, NAME_MAX)).trim_end().to_owned()
            }
            Some(_) | None => format!("token {}", id.0),
        }
    }

    /// Learns of a portfolio that was made while the engine runs.
    pub fn learn_portfolio(&mut self, id: PortfolioId, strategy: &str, mode: Mode) {
        match self.portfolios.get_mut(id.index()) {
            Some(known) => *known = (strategy.to_owned(), mode),
            // Ids are dense: each new one is the next.
            None => self.portfolios.push((strategy.to_owned(), mode)),
        }
    }

    /// Learns what people call a token.
    pub fn learn(&mut self, token: TokenId, title: &str, outcome: &str) {
        self.tokens.insert(token, (title.to_owned(), outcome.to_owned()));
    }

    /// Learns a leader's name; the short wallet where he has none.
    pub fn learn_leader(&mut self, leader: LeaderId, name: &str, wallet: &str) {
        let name = if name.is_empty() { short_id(wallet) } else { name.to_owned() };
        self.leaders.insert(leader, name);
    }
}
