//! The venue's noes to our orders: each proves that nothing of the order is, or will be, at the venue.

use serde::{Deserialize, Serialize};

use super::LiveOrders;

/// The venue's no, by its published error texts (PROTOCOL.md 2.9). The journal keeps them: new ones go to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rejection {
    /// "no orders found to match with FAK order".
    NoMatch,
    /// "order couldn't be fully filled. FOK orders are fully filled or killed."
    NotFullyFilled,
    /// "breaks minimum tick size rule".
    OffTick,
    /// "Size lower than the minimum".
    BelowMinimumSize,
    /// "invalid amount for a marketable BUY order, min size: $1".
    BelowMinimumAmount,
    /// "invalid amounts, ... max accuracy".
    Precision,
    /// The market does not take orders (closed, resolved, not yet open).
    MarketClosed,
    /// The venue lost the order when it restarted; it certainly did not fill afterwards.
    VenueRestarted,
    /// "invalid price, price must be greater than 0 and less than 1".
    InvalidPrice,
    /// "Invalid order payload".
    Payload,
    /// "the order owner has to be the owner of the API KEY", and the same of the signer.
    NotTheKeys,
    /// "address banned".
    Banned,
    /// "address in closed only mode".
    ClosedOnly,
    /// "order_version_mismatch".
    OtherVersion,
    /// "invalid signature".
    Signature,
    /// "order crosses book": it was to rest only.
    CrossesBook,
    /// "not enough balance / allowance ... the balance is not enough".
    Balance,
    /// "not enough balance / allowance ... the allowance is not enough".
    Allowance,
    /// "invalid expiration".
    Expiration,
    /// "order canceled in the CTF exchange contract".
    CanceledOnChain,
    /// "Unauthorized/Invalid api key".
    Unauthorized,
    /// "Trading restricted in your region".
    Region,
    /// "Trading is currently cancel-only".
    CancelOnly,
    /// "post-only mode", after a restart.
    PostOnly,
    /// "Trading is currently disabled".
    Disabled,
}

/// What it takes until the same order could be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permanence {
    /// This order never will be.
    Permanent,
    /// Later, by itself.
    Temporary,
    /// Not before somebody does something about it.
    NeedsUser,
}

impl Permanence {
    pub const fn code(self) -> &'static str {
        match self {
            Permanence::Permanent => "permanent",
            Permanence::Temporary => "temporary",
            Permanence::NeedsUser => "needs_user",
        }
    }
}

impl Rejection {
    pub const ALL: [Rejection; 25] = [
        Rejection::NoMatch,
        Rejection::NotFullyFilled,
        Rejection::OffTick,
        Rejection::BelowMinimumSize,
        Rejection::BelowMinimumAmount,
        Rejection::Precision,
        Rejection::MarketClosed,
        Rejection::VenueRestarted,
        Rejection::InvalidPrice,
        Rejection::Payload,
        Rejection::NotTheKeys,
        Rejection::Banned,
        Rejection::ClosedOnly,
        Rejection::OtherVersion,
        Rejection::Signature,
        Rejection::CrossesBook,
        Rejection::Balance,
        Rejection::Allowance,
        Rejection::Expiration,
        Rejection::CanceledOnChain,
        Rejection::Unauthorized,
        Rejection::Region,
        Rejection::CancelOnly,
        Rejection::PostOnly,
        Rejection::Disabled,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Rejection::NoMatch => "rejected_no_match",
            Rejection::NotFullyFilled => "rejected_not_fully_filled",
            Rejection::OffTick => "rejected_off_tick",
            Rejection::BelowMinimumSize => "rejected_below_minimum_size",
            Rejection::BelowMinimumAmount => "rejected_below_minimum_amount",
            Rejection::Precision => "rejected_precision",
            Rejection::MarketClosed => "rejected_market_closed",
            Rejection::VenueRestarted => "rejected_venue_restarted",
            Rejection::InvalidPrice => "rejected_invalid_price",
            Rejection::Payload => "rejected_payload",
            Rejection::NotTheKeys => "rejected_not_the_keys",
            Rejection::Banned => "rejected_banned",
            Rejection::ClosedOnly => "rejected_closed_only",
            Rejection::OtherVersion => "rejected_other_version",
            Rejection::Signature => "rejected_signature",
            Rejection::CrossesBook => "rejected_crosses_book",
            Rejection::Balance => "rejected_balance",
            Rejection::Allowance => "rejected_allowance",
            Rejection::Expiration => "rejected_expiration",
            Rejection::CanceledOnChain => "rejected_canceled_on_chain",
            Rejection::Unauthorized => "rejected_unauthorized",
            Rejection::Region => "rejected_region",
            Rejection::CancelOnly => "rejected_cancel_only",
            Rejection::PostOnly => "rejected_post_only",
            Rejection::Disabled => "rejected_disabled",
        }
    }

    /// Returns what happened and, where something can be done, what to do.
    pub const fn text(self) -> &'static str {
        match self {
            Rejection::NoMatch => "Nothing was on offer within the limit when the order arrived.",
            Rejection::NotFullyFilled => "It could not be filled in full, and was to be filled in full or not at all.",
            Rejection::OffTick => {
                "The price was not on the market's grid: it has just changed, and the next order uses the new one."
            }
            Rejection::BelowMinimumSize => "Fewer shares than the market's minimum.",
            Rejection::BelowMinimumAmount => "Less than the venue's minimum of $1.",
            Rejection::Precision => {
                "Too many decimals in the amounts. Please report it: the program should know better."
            }
            Rejection::MarketClosed => "The market did not take orders: it is closed, resolved, or not open yet.",
            Rejection::VenueRestarted => "The venue restarted and lost the order; it did not fill.",
            Rejection::InvalidPrice => {
                "The price was not between 0 and 1. Please report it: the program should know better."
            }
            Rejection::Payload => {
                "The venue could not read the order. It may have changed its wire: look for an update."
            }
            Rejection::NotTheKeys => {
                "The API key belongs to another signer. Check [wallet] with `remora key check`, then derive the API key again."
            }
            Rejection::Banned => "The venue has banned the wallet's address. Write to the venue's support.",
            Rejection::ClosedOnly => {
                "The account may only close what it holds: no entries until the venue lifts that. Write to its support."
            }
            Rejection::OtherVersion => {
                "The venue takes another version of orders from this market. Entries stop; look for an update."
            }
            Rejection::Signature => {
                "The signature does not fit the wallet. Check signature_type and funder in [wallet] with `remora key check`."
            }
            Rejection::CrossesBook => "It was to rest in the book, and would have traded at once.",
            Rejection::Balance => {
                "The venue counts less money or shares than the order needs: a fill has just settled, or another order holds them."
            }
            Rejection::Allowance => {
                "The exchange may not move the wallet's money or shares. Approve it; `remora doctor` shows what is missing."
            }
            Rejection::Expiration => "The order's expiration was past, or less than three minutes ahead.",
            Rejection::CanceledOnChain => {
                "The wallet is paused, or the order cancelled, in the exchange contract. Unpause it there."
            }
            Rejection::Unauthorized => {
                "The venue does not take our API key. Derive it again with `remora key derive-api`, and check the clock."
            }
            Rejection::Region => "The venue does not serve this place. Run where it may be used.",
            Rejection::CancelOnly => "The venue takes cancels only for now; orders go on when it takes them again.",
            Rejection::PostOnly => {
                "The venue has just restarted and takes only orders that rest, for two minutes or so."
            }
            Rejection::Disabled => "The venue has stopped trading for now. See polymarket.com.",
        }
    }

    pub const fn permanence(self) -> Permanence {
        match self {
            Rejection::NoMatch
            | Rejection::NotFullyFilled
            | Rejection::OffTick
            | Rejection::BelowMinimumSize
            | Rejection::BelowMinimumAmount
            | Rejection::Precision
            | Rejection::MarketClosed
            | Rejection::VenueRestarted
            | Rejection::InvalidPrice
            | Rejection::CrossesBook
            | Rejection::Expiration => Permanence::Permanent,
            Rejection::Balance | Rejection::CancelOnly | Rejection::PostOnly | Rejection::Disabled => {
                Permanence::Temporary
            }
            Rejection::Payload
            | Rejection::NotTheKeys
            | Rejection::Banned
            | Rejection::ClosedOnly
            | Rejection::OtherVersion
            | Rejection::Signature
            | Rejection::Allowance
            | Rejection::CanceledOnChain
            | Rejection::Unauthorized
            | Rejection::Region => Permanence::NeedsUser,
        }
    }

    /// Returns what the no says of all live orders, if it is not about this one only.
    pub const fn state(self) -> Option<LiveOrders> {
        match self {
            Rejection::NoMatch
            | Rejection::NotFullyFilled
            | Rejection::OffTick
            | Rejection::BelowMinimumSize
            | Rejection::BelowMinimumAmount
            | Rejection::Precision
            | Rejection::MarketClosed
            | Rejection::VenueRestarted
            | Rejection::InvalidPrice
            | Rejection::Payload
            | Rejection::CrossesBook
            | Rejection::Balance
            | Rejection::Allowance
            | Rejection::Expiration
            | Rejection::CanceledOnChain => None,
            Rejection::NotTheKeys | Rejection::Signature | Rejection::Unauthorized => Some(LiveOrders::AuthMissing),
            Rejection::Banned | Rejection::Region => Some(LiveOrders::Blocked),
            Rejection::ClosedOnly => Some(LiveOrders::ClosedOnly),
            Rejection::OtherVersion => Some(LiveOrders::OtherVersion),
            Rejection::CancelOnly | Rejection::Disabled => Some(LiveOrders::CancelOnly),
            Rejection::PostOnly => Some(LiveOrders::Restarting),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_no_has_a_code_of_its_own_and_says_what_happened() {
        let mut codes: Vec<&str> = Rejection::ALL.iter().map(|rejection| rejection.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Rejection::ALL.len());
        for (index, rejection) in Rejection::ALL.into_iter().enumerate() {
            assert_eq!(rejection as usize, index);
            assert!(rejection.text().ends_with('.') && rejection.code().starts_with("rejected_"), "{rejection:?}");
            // Who stops everything says so to somebody, or it ends by itself.
            if rejection.state().is_some() {
                assert_ne!(rejection.permanence(), Permanence::Permanent, "{rejection:?}");
            }
        }
    }
}
