//! Why a frame is refused.

use std::fmt;

/// What is wrong with a frame, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MalformedCode {
    TooLong,
    Syntax,
    TooDeep,
    NotAMessage,
    DuplicateKey,
    WrongType,
    MissingField,
    BadToken,
    BadWallet,
    BadPrice,
    BadSize,
    BadSide,
    BadTime,
    BadTick,
    BadBest,
    MixedShapes,
    TooManyLevels,
    TooManyTokens,
    BadWord,
    OutOfRange,
    TooManyOrders,
}

impl MalformedCode {
    pub const ALL: [MalformedCode; 21] = [
        MalformedCode::TooLong,
        MalformedCode::Syntax,
        MalformedCode::TooDeep,
        MalformedCode::NotAMessage,
        MalformedCode::DuplicateKey,
        MalformedCode::WrongType,
        MalformedCode::MissingField,
        MalformedCode::BadToken,
        MalformedCode::BadWallet,
        MalformedCode::BadPrice,
        MalformedCode::BadSize,
        MalformedCode::BadSide,
        MalformedCode::BadTime,
        MalformedCode::BadTick,
        MalformedCode::BadBest,
        MalformedCode::MixedShapes,
        MalformedCode::TooManyLevels,
        MalformedCode::TooManyTokens,
        MalformedCode::BadWord,
        MalformedCode::OutOfRange,
        MalformedCode::TooManyOrders,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            MalformedCode::TooLong => "too_long",
            MalformedCode::Syntax => "syntax",
            MalformedCode::TooDeep => "too_deep",
            MalformedCode::NotAMessage => "not_a_message",
            MalformedCode::DuplicateKey => "duplicate_key",
            MalformedCode::WrongType => "wrong_type",
            MalformedCode::MissingField => "missing_field",
            MalformedCode::BadToken => "bad_token",
            MalformedCode::BadWallet => "bad_wallet",
            MalformedCode::BadPrice => "bad_price",
            MalformedCode::BadSize => "bad_size",
            MalformedCode::BadSide => "bad_side",
            MalformedCode::BadTime => "bad_time",
            MalformedCode::BadTick => "bad_tick",
            MalformedCode::BadBest => "bad_best",
            MalformedCode::MixedShapes => "mixed_shapes",
            MalformedCode::TooManyLevels => "too_many_levels",
            MalformedCode::TooManyTokens => "too_many_tokens",
            MalformedCode::BadWord => "bad_word",
            MalformedCode::OutOfRange => "out_of_range",
            MalformedCode::TooManyOrders => "too_many_orders",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            MalformedCode::TooLong => "the frame is longer than FRAME_MAX",
            MalformedCode::Syntax => "not JSON",
            MalformedCode::TooDeep => "nested more than 64 deep",
            MalformedCode::NotAMessage => "neither an object nor an array of objects",
            MalformedCode::DuplicateKey => "the key occurs twice",
            MalformedCode::WrongType => "the value has another type",
            MalformedCode::MissingField => "the field is missing",
            MalformedCode::BadToken => "a token is 1 to 80 printable characters",
            MalformedCode::BadWallet => "a wallet is 0x and 40 hex digits",
            MalformedCode::BadPrice => "a price is above 0, below 1 and, in a book, a multiple of 0.0001",
            MalformedCode::BadSize => "a size is 0 to a billion, in a book with at most 6 decimals",
            MalformedCode::BadSide => "a side is BUY or SELL",
            MalformedCode::BadTime => "a timestamp is a whole number since 1970",
            MalformedCode::BadTick => "a tick divides a dollar and is a multiple of 0.0001",
            MalformedCode::BadBest => "a best price is empty, 0, 1 (ask) or a price",
            MalformedCode::MixedShapes => "levels of a book and changes in one message",
            MalformedCode::TooManyLevels => "more than LEVELS_MAX levels in a message",
            MalformedCode::TooManyTokens => "more than TOKENS_PER_MESSAGE_MAX tokens in a message",
            MalformedCode::BadWord => "a word of the chain is 64 hex digits, and holds what belongs there",
            MalformedCode::OutOfRange => "an offset leads out of the call",
            MalformedCode::TooManyOrders => "more than ORDERS_MAX orders in a call",
        }
    }
}

/// A frame that is refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub code: MalformedCode,
    /// The field, or empty where there is none.
    pub field: &'static str,
    /// Where in the frame, in bytes: at the value or shortly before it.
    pub offset: usize,
}

impl Malformed {
    /// Says where `text` is not the JSON that was asked for.
    pub fn json(error: &serde_json::Error, text: &[u8]) -> Malformed {
        let before = text.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len);
        let offset = (before.sum::<usize>() + error.column()).min(text.len());
        let code = match error.classify() {
            serde_json::error::Category::Data => MalformedCode::WrongType,
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => MalformedCode::Syntax,
        };
        Malformed { code, field: "", offset }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Malformed { code, field, offset } = self;
        match *field {
            "" => write!(f, "malformed at byte {offset}: {}", code.text()),
            field => write!(f, "malformed at byte {offset}, `{field}`: {}", code.text()),
        }
    }
}

impl std::error::Error for Malformed {}
