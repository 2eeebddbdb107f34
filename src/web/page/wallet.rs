//! The part of the live portfolio that is read from the venue: what the wallet really holds, beside our books.

use super::MarketName;
use crate::{
    domain::Nanos,
    store::query::WalletRow,
    web::figure::{Figure, When},
};

/// One thing that the wallet holds.
pub struct Holding {
    /// `None`: dollars.
    pub market: Option<MarketName>,
    pub ours: Figure,
    pub external: Figure,
    pub theirs: Figure,
    pub difference: Option<Figure>,
    pub at: When,
}

impl Holding {
    pub fn new(row: &WalletRow, now: Nanos) -> Holding {
        let is_cash = row.what == "cash";
        let figure = if is_cash { Figure::usd } else { Figure::shares };
        let market = || MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id);
        Holding {
            market: (!is_cash).then(market),
            ours: figure(row.ours),
            external: if is_cash { Figure::none("others' dollars are not told apart") } else { figure(row.external) },
            theirs: figure(row.theirs),
            difference: (!row.difference.is_zero()).then(|| figure(row.difference)),
            at: When::new(row.at, now),
        }
    }
}
