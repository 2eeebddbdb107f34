//! Money into portfolios and out of them, and positions that are sold because the operator says so.

use std::time::Duration;

use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{Answer, Console};
use crate::domain::{Input, Mode, PortfolioId, Usdc};

/// How often and how long it is looked whether money came.
const SEEN_TRIES: u32 = 10;
const SEEN_EVERY: Duration = Duration::from_millis(50);

/// A sentence that was typed, and the state that was looked at.
type Confirmation = (Option<String>, Option<String>);

impl Console {
    /// Sells what a portfolio holds. That closes, so it needs no sentence.
    pub(super) async fn force_exit(&self, strategy: &str, live: bool, token: Option<&str>) -> Answer {
        let portfolio = match self.portfolio(strategy, live) {
            Ok(portfolio) => portfolio,
            Err(answer) => return answer,
        };
        let known = token.map(|text| self.plant.registry.load().token(text.as_bytes()).ok_or(text)).transpose();
        let token = match known {
            Ok(token) => token,
            Err(text) => {
                let fix = "give its id as the portfolio's page shows it";
                return Answer::refused(format!("no token is called {text:?}"), fix);
            }
        };
        match self.tell(Input::ForceExit { portfolio, token }).await {
            Ok(()) => Answer::done("what it holds is on sale, at the bid and within the exit's bounds"),
            Err(answer) => answer,
        }
    }

    /// Puts dollars into a portfolio, or takes them out. More real money at stake needs the sentence.
    pub(super) async fn deposit(
        &self,
        strategy: &str,
        live: bool,
        usdc: Decimal,
        (sentence, seen): Confirmation,
    ) -> Answer {
        let portfolio = match self.portfolio(strategy, live) {
            Ok(portfolio) => portfolio,
            Err(answer) => return answer,
        };
        let micros = (usdc * Decimal::from(1_000_000)).normalize();
        let Some(amount) = micros.to_i64().filter(|_| micros.is_integer() && micros != Decimal::ZERO) else {
            let fix = "dollars with at most six decimals, such as 250 or -100.50";
            return Answer::refused(format!("{usdc} is no amount"), fix);
        };
        if live
            && amount > 0
            && let Err(refused) = self.confirmed(&sentence.unwrap_or_default(), &seen.unwrap_or_default())
        {
            return refused;
        }
        let of = |published: &crate::metrics::Snapshot| {
            published.portfolios.iter().find(|now| now.id == portfolio).map(|now| now.deposits)
        };
        let before = of(&self.plant.published.load());
        let input = match amount {
            ..0 => Input::Withdraw { portfolio, amount: Usdc(-amount) },
            0.. => Input::Deposit { portfolio, amount: Usdc(amount) },
        };
        if let Err(answer) = self.tell(input).await {
            return answer;
        }
        // It may have had its turn only after what the engine shows now.
        for _ in 0..SEEN_TRIES {
            if of(&self.plant.published.load()) != before {
                return Answer::done(if amount > 0 { "deposited" } else { "withdrawn" });
            }
            tokio::time::sleep(SEEN_EVERY).await;
        }
        Answer::refused(
            "the engine declined: more than is available, or more than a portfolio may hold",
            "`remora status` shows what is available, and what was put in: look there before you say it again",
        )
    }

    pub(super) fn portfolio(&self, strategy: &str, live: bool) -> Result<PortfolioId, Answer> {
        let mode = if live { Mode::Live } else { Mode::Paper };
        let found = self.portfolios.iter().find(|(name, of, _)| name == strategy && *of == mode);
        found.map(|(.., id)| *id).ok_or_else(|| {
            let fix = "`remora strategy list` shows what there is";
            Answer::refused(format!("no strategy is called {strategy:?} with a {} portfolio", mode.code()), fix)
        })
    }
}
