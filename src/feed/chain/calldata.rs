//! The call `matchOrders` of an exchange -> what each order gives and gets, as the logs will say once it is mined (PROTOCOL.md
//! 8, 9.2).
//!
//! The words are read from the hex text where it stands. Offsets and lengths in a call are anybody's: each is checked before it
//! is followed, and nothing is set aside by them.
//!
//! A maker's fill is in his own maker units: dollars if he buys, shares if he sells. He gets `floor(fill * takerAmount /
//! makerAmount)`. What the taker gets, and what he gives, are sums over the makers: from a seller he buys (and to a buyer he
//! sells) what that one gives and gets; beside a buyer he mints, and beside a seller merges, as many shares, for what the
//! other's price leaves of a dollar.

use super::{
    Leg,
    log::{need, side},
    word::{WORD_DIGITS, Word, wallet},
};
use crate::{
    domain::{Role, Side},
    feed::market::{Malformed, MalformedCode},
};

/// Makers in one call; the venue sends some ten.
pub const ORDERS_MAX: u64 = 256;

/// First digits of the call, in hex (PROTOCOL.md 9.2).
const MATCH_ORDERS_V2: &[u8; 8] = b"3c2b4399";
const MATCH_ORDERS_V3: &[u8; 8] = b"0fb25ba4";

/// Where in the arguments what stands, in words.
struct Shape {
    taker: usize,
    makers: usize,
    maker_fills: usize,
    taker_fill: usize,
}

const V2: Shape = Shape { taker: 1, makers: 2, taker_fill: 3, maker_fills: 4 };
const V3: Shape = Shape { taker: 0, makers: 1, maker_fills: 2, taker_fill: 4 };

/// A call's orders and fills, found but not yet read.
pub struct Call<'a> {
    words: Words<'a>,
    taker: usize,
    taker_fill: u64,
    /// Where the list of makers has its first offset.
    makers: usize,
    fills: usize,
    count: usize,
}

impl<'a> Call<'a> {
    /// Takes the call's hex, with `0x`. `None` for a call of anything else.
    pub fn read(input: &'a [u8]) -> Result<Option<Call<'a>>, Malformed> {
        let Some((selector, arguments)) = input.strip_prefix(b"0x").and_then(|hex| hex.split_at_checked(8)) else {
            return Ok(None);
        };
        let shape = match selector {
            _ if selector.eq_ignore_ascii_case(MATCH_ORDERS_V2) => V2,
            _ if selector.eq_ignore_ascii_case(MATCH_ORDERS_V3) => V3,
            _ => return Ok(None),
        };
        let words = Words(arguments);
        let (makers, fills) = (words.offset(0, shape.makers)?, words.offset(0, shape.maker_fills)?);
        let (count, filled) = (words.number(makers, 0)?, words.number(fills, 0)?);
        if count > ORDERS_MAX || filled > ORDERS_MAX {
            return Err(Malformed { code: MalformedCode::TooManyOrders, field: "makers", offset: makers });
        }
        if count != filled {
            return Err(Malformed { code: MalformedCode::BadWord, field: "makerFills", offset: fills });
        }
        Ok(Some(Call {
            words,
            taker: words.offset(0, shape.taker)?,
            taker_fill: words.number(0, shape.taker_fill)?,
            makers: makers + WORD,
            fills: fills + WORD,
            count: count as usize,
        }))
    }

    /// Calls `each` with the legs of those whom `is_wanted` picks: makers in their order, then the taker, as the logs have
    /// them. Of the others only their amounts are read, for the taker's sums.
    pub fn legs(&self, is_wanted: impl Fn(&[u8]) -> bool, mut each: impl FnMut(Leg)) -> Result<(), Malformed> {
        let (mut taker_shares, mut taker_dollars) = (0_u64, 0_u64);
        let taker_side = self.side(self.taker)?;
        let too_large = Malformed { code: MalformedCode::BadSize, field: "makerFills", offset: self.fills };
        for nth in 0..self.count {
            let order = self.makers + self.words.place(self.words.number(self.makers, nth)?)?;
            let (side, given) = (self.side(order)?, self.words.number(self.fills, nth)?);
            let got = self.got(order, given)?;
            let (shares, dollars) = match side {
                Side::Buy => (got, given),
                Side::Sell => (given, got),
            };
            let his = if side == taker_side { shares.checked_sub(dollars) } else { Some(dollars) };
            taker_shares = taker_shares.checked_add(shares).ok_or(too_large)?;
            taker_dollars = his.and_then(|his| taker_dollars.checked_add(his)).ok_or(too_large)?;
            let owner = self.owner(order)?;
            if is_wanted(&owner) {
                each(self.leg(order, owner, (Role::Maker, side), (shares, dollars))?);
            }
        }
        let owner = self.owner(self.taker)?;
        if is_wanted(&owner) {
            // What he sells is said; what he buys is what the makers have.
            let shares = if taker_side == Side::Sell { self.taker_fill } else { taker_shares };
            each(self.leg(self.taker, owner, (Role::Taker, taker_side), (shares, taker_dollars))?);
        }
        Ok(())
    }

    fn leg(
        &self,
        order: usize,
        wallet: [u8; 42],
        (role, side): (Role, Side),
        (shares, dollars): (u64, u64),
    ) -> Result<Leg, Malformed> {
        let token = self.words.word(order, 3)?;
        // No two orders of a wallet have the same salt.
        let mark = self.words.word(order, 0)?.mark();
        Ok(Leg { wallet, role, side, token, shares, dollars, mark })
    }

    fn owner(&self, order: usize) -> Result<[u8; 42], Malformed> {
        let hex = self.words.hex(order, 1)?;
        need(wallet(hex), "maker", MalformedCode::BadWallet)
    }

    fn side(&self, order: usize) -> Result<Side, Malformed> {
        need(side(self.words.number(order, 6)?), "side", MalformedCode::BadSide)
    }

    /// Returns what an order gets for what it gives.
    fn got(&self, order: usize, given: u64) -> Result<u64, Malformed> {
        let (offered, wanted) = (self.words.number(order, 4)?, self.words.number(order, 5)?);
        let got = (u128::from(given) * u128::from(wanted)).checked_div(u128::from(offered));
        need(got.and_then(|got| u64::try_from(got).ok()), "makerAmount", MalformedCode::BadSize)
    }
}

/// Bytes of a word.
const WORD: usize = 32;

/// The arguments' hex; places are in bytes of the call.
#[derive(Clone, Copy)]
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    /// Returns the digits of the word so many words after `at`.
    fn hex(&self, at: usize, nth: usize) -> Result<&'a [u8], Malformed> {
        let out_of_range = Malformed { code: MalformedCode::OutOfRange, field: "input", offset: at };
        // Neither sum can run over: `at` is an offset that was checked, `nth` small.
        let begin = (at + nth * WORD) * 2;
        self.0.get(begin..begin + WORD_DIGITS).ok_or(out_of_range)
    }

    fn word(&self, at: usize, nth: usize) -> Result<Word, Malformed> {
        let bad = Malformed { code: MalformedCode::BadWord, field: "input", offset: at };
        Word::read(self.hex(at, nth)?).ok_or(bad)
    }

    fn number(&self, at: usize, nth: usize) -> Result<u64, Malformed> {
        let too_large = Malformed { code: MalformedCode::BadSize, field: "input", offset: at };
        self.word(at, nth)?.small().ok_or(too_large)
    }

    /// Returns where the offset that stands there leads to, from the arguments' begin.
    fn offset(&self, at: usize, nth: usize) -> Result<usize, Malformed> {
        self.place(self.number(at, nth)?)
    }

    /// Returns an offset that stands in the call as a place, if it may be one.
    fn place(&self, offset: u64) -> Result<usize, Malformed> {
        let place = usize::try_from(offset).ok().filter(|place| *place <= self.0.len() / 2);
        place.ok_or(Malformed { code: MalformedCode::OutOfRange, field: "input", offset: 0 })
    }
}
