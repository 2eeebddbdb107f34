//! What somebody may say of the differences between our books and the wallet, on the page of the real portfolio: forms, with
//! what the engine itself says now.

use rust_decimal::Decimal;

use super::wallet::Contents;
use crate::{
    control::{
        Answer, Command, Envelope, SENTENCE,
        wallet::{CASH, OPEN_ORDERS, WalletNow},
        words::form_id,
    },
    web::{
        Web,
        door::{
            order::said,
            rights::{Visitor, Wish},
            token::digest,
        },
        figure,
    },
};

/// What can be decided, and by whom.
#[derive(Default)]
pub struct Decide {
    /// The answer to what was just said.
    pub answer: Option<Answer>,
    /// He may; else he only sees.
    pub opens: bool,
    /// Why nothing can be decided now; empty while it can.
    pub silent: String,
    pub open: Vec<Open>,
    /// Tokens of which the wallet holds more than our books.
    pub free: Vec<Free>,
    pub strategies: Vec<String>,
    pub leaders: Vec<String>,
    pub seen: String,
    pub sentence: &'static str,
    id: String,
}

/// A difference that is not over.
pub struct Open {
    pub of: String,
    pub name: String,
    pub books: Decimal,
    pub wallet: Decimal,
    pub by: Decimal,
    pub ignored: bool,
    /// It is shares that are too many: they may be the owner's own.
    pub is_surplus: bool,
    /// It is shares or dollars that are missing: how much.
    pub missing: Option<Decimal>,
    pub is_cash: bool,
}

pub struct Free {
    pub token: String,
    pub name: String,
    pub shares: Decimal,
}

impl Decide {
    /// Each form has an id of its own.
    pub fn id_for(&self, what: &str, of: &str) -> String {
        format!("{}-{}", self.id, &digest(&format!("{what} {of}"))[..16])
    }

    /// Asks the engine how books and wallet stand. `contents` has the names of tokens.
    pub async fn look(web: &Web, visitor: &Visitor, contents: &Contents, answer: Option<Answer>) -> Decide {
        let opens = visitor.may(Wish::Open).is_ok();
        let mut decide = Decide { answer, opens, sentence: SENTENCE, id: form_id(), ..Decide::default() };
        let ask = |command| said(web, Envelope::fresh(visitor.name(), command));
        let wallet = match ask(Command::Wallet).await {
            Ok(Answer { wallet: Some(wallet), state, .. }) => {
                decide.seen = state.map_or_else(String::new, |state| state.seen);
                *wallet
            }
            Ok(Answer { said, fix, .. }) | Err(Answer { said, fix, .. }) => {
                decide.silent = figure::tame(&format!("{said}. {fix}"), 400);
                return decide;
            }
        };
        if let Ok(Answer { outlook: Some(outlook), .. }) = ask(Command::Status).await {
            let live = outlook.strategies.into_iter().filter(|strategy| !strategy.live.is_empty());
            decide.strategies = live.map(|strategy| strategy.name).collect();
            decide.leaders = outlook.leaders.into_iter().map(|leader| leader.name).collect();
        }
        decide.fill(wallet, contents);
        decide
    }

    fn fill(&mut self, wallet: WalletNow, contents: &Contents) {
        let name = |token: &str| {
            let row = contents.holdings.iter().find(|row| row.token == token && !row.title.is_empty());
            let named =
                row.map(|row| format!("{} {}", figure::tame(&row.title, 120), figure::tame(&row.token_outcome, 40)));
            named.unwrap_or_else(|| format!("Token {}", figure::short_id(token)))
        };
        self.open = wallet
            .differences
            .into_iter()
            .map(|one| Open {
                name: match one.of.as_str() {
                    CASH => "Dollars".to_owned(),
                    OPEN_ORDERS => "Open orders".to_owned(),
                    token => name(token),
                },
                is_surplus: one.of != CASH && one.of != OPEN_ORDERS && one.by > Decimal::ZERO,
                missing: (one.of != OPEN_ORDERS && one.by < Decimal::ZERO).then(|| -one.by.normalize()),
                is_cash: one.of == CASH,
                books: one.books.normalize(),
                wallet: one.wallet.normalize(),
                by: one.by.normalize(),
                ignored: one.ignored,
                of: one.of,
            })
            .collect();
        let surplus = wallet.held.into_iter().filter(|held| held.books < held.wallet);
        self.free = surplus
            .map(|held| Free {
                name: name(&held.token),
                shares: (held.wallet - held.books).normalize(),
                token: held.token,
            })
            .collect();
    }
}
