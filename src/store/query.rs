//! What the pages read. All SQL of the web is here, in typed rows; nothing here writes.
//!
//! A [`Reader`] is one read-only transaction, so that all parts of a page speak of the same moment. Every statement stops
//! after [`STATEMENT_MS_MAX`] and every list has a limit.

mod alerts;
mod audit;
mod events;
mod execution;
mod ledger;
mod money;
mod orders;
mod results;
mod rollout;
mod scores;
mod sightings;
mod signals;
mod standing;
mod today;
mod tokens;
mod trades;
mod wallet;

pub use alerts::{AlertRow, Delivery};
pub use audit::AuditRow;
pub use events::{EventFilter, EventPage, EventRow};
pub use execution::{Quality, ReasonRow, SLIPPAGE_BPS, SlotRow, StageRow};
pub use ledger::NoRow;
pub use money::{BaselineRow, EquityPoint, PositionRow, ResultRow, SettlementRow};
pub use orders::{EVER, FillRow, FilledRow, OrderFilter, OrderRow};
pub use results::{By, EarnedRow, Scope};
pub use rollout::RolloutRow;
pub use scores::JudgedRow;
pub use sightings::{
    BEHIND_MS, LeaderSeen, SeenNo, SightingRow, SourceRow, TRADES_PAGE_MAX, TRADES_REPORT_MAX, behind,
};
pub use signals::{SignalEnd, SignalFilter, SignalLine};
pub use standing::Standing;
pub use today::TodayRow;
pub use tokens::{LotRow, TokenRow};
pub use trades::{Cursor, SignalRow, TradeFilter, TradeRow};
pub use wallet::{DifferenceRow, ShareRow, WalletRow};

use serde::Serialize;
use sqlx::{FromRow, PgPool, Postgres, Transaction, types::Decimal};
use time::OffsetDateTime;

/// The longest a statement may take.
pub const STATEMENT_MS_MAX: u32 = 2_000;
/// The same, where nobody else waits for it.
pub const PATIENT_MS_MAX: u32 = 60_000;
/// The most leaders a filter offers.
pub const LEADERS_MAX: i64 = 500;
/// As many portfolios as an engine carries.
pub const PORTFOLIOS_MAX: i64 = crate::domain::ids::PORTFOLIOS_MAX as i64;

/// One moment of the tables.
pub struct Reader(Transaction<'static, Postgres>);

/// How far the tables are.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow, Serialize)]
pub struct Head {
    /// The first journal record that is not in the tables yet.
    pub next_seq: i64,
    #[serde(with = "time::serde::rfc3339::option")]
    pub written_at: Option<OffsetDateTime>,
    pub signal_last: i64,
    pub order_last: i64,
}

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct PortfolioRow {
    pub id: i32,
    pub strategy: String,
    pub mode: String,
    pub deposits: Decimal,
    pub available: Decimal,
    pub reserved: Decimal,
    pub deployed: Decimal,
    pub cooling: Decimal,
    /// Net of fees.
    pub realised: Decimal,
    pub fees: Decimal,
}

#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct LeaderRow {
    pub id: i32,
    pub wallet: String,
    pub name: String,
}

impl Reader {
    /// Begins to read. Fails where Postgres cannot be reached; how long that takes is the pool's acquire timeout.
    pub async fn open(pool: &PgPool) -> sqlx::Result<Reader> {
        let mut transaction = pool.begin_with("begin isolation level repeatable read read only").await?;
        // A filter that is left open must cost nothing: plans are made for what is asked, not for all that could be.
        // Nor are they compiled, which takes longer than most of them run.
        const HOW: &str = "select set_config('statement_timeout', $1, true), \
            set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true)";
        sqlx::query(HOW).bind(STATEMENT_MS_MAX.to_string()).execute(&mut *transaction).await?;
        Ok(Reader(transaction))
    }

    /// Gives each statement from here on [`PATIENT_MS_MAX`]: for one who waits at a terminal.
    pub async fn patient(mut self) -> sqlx::Result<Reader> {
        sqlx::query("select set_config('statement_timeout', $1, true)")
            .bind(PATIENT_MS_MAX.to_string())
            .execute(&mut *self.0)
            .await?;
        Ok(self)
    }

    pub async fn head(&mut self) -> sqlx::Result<Head> {
        sqlx::query_as(
            "select coalesce(max(c.next_seq), 0) as next_seq, max(c.written_at) as written_at,
                 coalesce((select max(id) from signals), 0) as signal_last,
                 coalesce((select max(id) from orders), 0) as order_last
             from journal_cursor c",
        )
        .fetch_one(&mut *self.0)
        .await
    }

    pub async fn portfolios(&mut self) -> sqlx::Result<Vec<PortfolioRow>> {
        sqlx::query_as(
            "select id, strategy, mode, deposits, available, reserved, deployed, cooling, realised, fees
             from portfolios order by id limit $1",
        )
        .bind(PORTFOLIOS_MAX)
        .fetch_all(&mut *self.0)
        .await
    }

    /// Returns the first [`LEADERS_MAX`] leaders by name.
    pub async fn leaders(&mut self) -> sqlx::Result<Vec<LeaderRow>> {
        sqlx::query_as("select id, wallet, name from leaders order by name, id limit $1")
            .bind(LEADERS_MAX)
            .fetch_all(&mut *self.0)
            .await
    }
}

#[cfg(test)]
mod tests;
