//! ROWS -> TABLES: the only writer. Each batch is one transaction that also moves the cursor, so a record is in the
//! tables once, whatever is killed when; the cursor is the database's own, so a restored backup goes on from where it
//! was.

use std::{collections::HashMap, fmt, time::Duration};

use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use crate::{
    domain::{Nanos, OrderId},
    journal::{JournalError, Record},
};

use super::{
    fold::{Batch, ENDED_MAX, FIRSTS_MAX, Firsts, Known, Misfit, PositionKey},
    rows::{FillRow, OrderRow},
    statements::statements,
};

/// How long a batch, or the reading back of what is open, may take altogether.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Folds records into rows and writes them. An error consumes it: what it knows may then be ahead of the tables.
pub struct Writer {
    pool: PgPool,
    journal: String,
    known: Known,
    /// The first record that is not in the tables, and the first that is not folded.
    cursor: u64,
    next: u64,
    batch: Batch,
}

#[derive(Debug)]
pub enum WriterError {
    /// The database did not do it. It may do it later; nothing is lost.
    Database(sqlx::Error),
    Timeout,
    /// The cursor moved under us, as a batch may that was given up and came through all the same.
    CursorMoved {
        from: u64,
    },
    /// Record `next` is not there.
    Gap {
        wanted: u64,
        next: u64,
    },
    /// The tables were made from another journal.
    OtherJournal,
    /// The tables have records that the journal has not.
    Ahead {
        cursor: u64,
        journal: u64,
    },
    Misfit {
        seq: u64,
        misfit: Misfit,
    },
    Journal(JournalError),
}

impl Writer {
    /// Reads the cursor and what is open. `journal` is [`crate::journal::Tail::journal`]; fails if the tables were
    /// made from another one.
    pub async fn open(pool: &PgPool, journal: u64) -> Result<Writer, WriterError> {
        let journal = format!("{journal:016x}");
        let read = in_time(read(pool, &journal)).await?;
        let Read { cursor, known } = read?;
        Ok(Writer { pool: pool.clone(), journal, known, cursor, next: cursor, batch: Batch::default() })
    }

    /// Returns the number of the first record that is not folded yet.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// Returns how many records are folded and not yet in the tables.
    pub fn pending(&self) -> u64 {
        self.next - self.cursor
    }

    /// Adds a record to the batch; leaves out one that is in the tables already.
    pub fn fold(&mut self, seq: u64, at: Nanos, record: &Record<'_>) -> Result<(), WriterError> {
        if seq < self.next {
            return Ok(());
        }
        if self.next < seq {
            return Err(WriterError::Gap { wanted: self.next, next: seq });
        }
        let folded = self.batch.fold(&mut self.known, seq, at, record);
        folded.map_err(|misfit| WriterError::Misfit { seq, misfit })?;
        self.next += 1;
        Ok(())
    }

    /// Writes the batch in one transaction. After an error it is in the tables or not; [`Writer::open`] tells.
    pub async fn commit(mut self) -> Result<Writer, WriterError> {
        if self.next == self.cursor {
            return Ok(self);
        }
        let batch = std::mem::take(&mut self.batch);
        in_time(self.write(&batch)).await??;
        self.cursor = self.next;
        Ok(self)
    }

    /// Empties the tables: the next writer begins with the first record.
    pub async fn rebuild(pool: &PgPool) -> Result<(), WriterError> {
        const EMPTY: &str = "truncate journal_cursor, sessions, tokens, leaders, portfolios, signals, scores, decisions, orders, fills, \
            positions, settlements, portfolio_values, external_trades, differences, \
            account_positions, sightings, source_gaps, audit, events";
        in_time(async { sqlx::query(EMPTY).execute(pool).await }).await??;
        Ok(())
    }

    async fn write(&self, batch: &Batch) -> Result<(), WriterError> {
        const MOVE: &str =
            "update journal_cursor set next_seq = $1, written_at = now() where next_seq = $2 and journal = $3";
        let mut transaction = self.pool.begin().await?;
        // First, because it also keeps a second writer waiting.
        let moved = sqlx::query(MOVE).bind(self.next.cast_signed()).bind(self.cursor.cast_signed()).bind(&self.journal);
        if moved.execute(&mut *transaction).await?.rows_affected() != 1 {
            return Err(WriterError::CursorMoved { from: self.cursor });
        }
        crate::fault::point("in_tables_batch");
        for (statement, rows) in statements(batch) {
            sqlx::query(statement).bind(rows).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        crate::fault::point("after_tables_commit");
        Ok(())
    }
}

struct Read {
    cursor: u64,
    known: Known,
}

async fn read(pool: &PgPool, journal: &str) -> Result<Read, WriterError> {
    // One snapshot: a batch that was given up may come through between two queries.
    let mut transaction = pool.begin_with("begin isolation level repeatable read").await?;
    let cursor = read_cursor(&mut transaction, journal).await?;
    let orders: Vec<OrderRow> =
        sqlx::query_as("select * from orders where closed_at is null").fetch_all(&mut *transaction).await?;
    const ENDED: &str =
        "select * from orders where id > $1 and closed_at is not null and state <> 'shadow' order by id desc limit $2";
    let ended: Vec<OrderRow> = sqlx::query_as(ENDED)
        .bind(OrderId::LIVE.0.cast_signed())
        .bind(ENDED_MAX as i64)
        .fetch_all(&mut *transaction)
        .await?;
    let matches: Vec<FillRow> =
        sqlx::query_as("select * from fills where settlement = 'provisional'").fetch_all(&mut *transaction).await?;
    let matched: Vec<i64> = matches.iter().map(|fill| fill.order_id).collect();
    const WHOSE: &str = "select id, portfolio_id, leader_id, token_id from orders where id = any($1)";
    let whose: Vec<(i64, i32, i32, i32)> = sqlx::query_as(WHOSE).bind(&matched).fetch_all(&mut *transaction).await?;
    const POSITIONS: &str = "select portfolio_id, leader_id, token_id, shares, exit_due from positions \
        where shares > 0 or exit_due > 0";
    let positions: Vec<(i32, i32, i32, Decimal, Decimal)> =
        sqlx::query_as(POSITIONS).fetch_all(&mut *transaction).await?;
    let signal_last: i64 =
        sqlx::query_scalar("select coalesce(max(id), 0) from signals").fetch_one(&mut *transaction).await?;
    const FIRSTS: &str =
        "select seq, trade_key, signal_id, seen_at from sightings where is_first order by seq desc limit $1";
    let firsts_read: Vec<(i64, String, i64, OffsetDateTime)> =
        sqlx::query_as(FIRSTS).bind(FIRSTS_MAX as i64).fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    let mut firsts = Firsts::default();
    for (seq, trade, signal, at) in firsts_read.into_iter().rev() {
        if let Ok(trade) = u128::from_str_radix(&trade, 16) {
            firsts.add(seq, trade, signal, at);
        }
    }
    let whose: HashMap<i64, PositionKey> = whose.into_iter().map(|(id, p, l, t)| (id, (p, l, t))).collect();
    let unsettled = matches.into_iter().filter_map(|fill| {
        let position = *whose.get(&fill.order_id)?;
        Some(((fill.order_id, fill.trade_key.clone()), (fill, position)))
    });
    let (unsettled, ended_orders) = (unsettled.collect(), ended.into_iter().map(|row| (row.id, row)).collect());
    let open_orders = orders.into_iter().map(|row| (row.id, row)).collect();
    let held = positions.iter().map(|&(p, l, t, held, _)| ((p, l, t), held)).filter(|(_, held)| !held.is_zero());
    let exit_due = positions.iter().map(|&(p, l, t, _, due)| ((p, l, t), due)).filter(|(_, due)| !due.is_zero());
    let (held, exit_due) = (held.collect(), exit_due.collect());
    Ok(Read { cursor, known: Known { open_orders, ended_orders, unsettled, held, exit_due, signal_last, firsts } })
}

async fn read_cursor(connection: &mut PgConnection, journal: &str) -> Result<u64, WriterError> {
    const BEGIN: &str =
        "insert into journal_cursor (next_seq, written_at, journal) values (0, now(), $1) on conflict do nothing";
    sqlx::query(BEGIN).bind(journal).execute(&mut *connection).await?;
    let (cursor, name): (i64, String) =
        sqlx::query_as("select next_seq, journal from journal_cursor").fetch_one(connection).await?;
    if name != journal {
        return Err(WriterError::OtherJournal);
    }
    Ok(cursor.cast_unsigned())
}

async fn in_time<T>(work: impl Future<Output = T>) -> Result<T, WriterError> {
    tokio::time::timeout(TIMEOUT, work).await.map_err(|_| WriterError::Timeout)
}

impl WriterError {
    /// Says whether the same may succeed later without anybody's help.
    pub fn may_pass(&self) -> bool {
        match self {
            WriterError::Database(_) | WriterError::Timeout | WriterError::CursorMoved { .. } => true,
            WriterError::Gap { .. }
            | WriterError::OtherJournal
            | WriterError::Ahead { .. }
            | WriterError::Misfit { .. }
            | WriterError::Journal(_) => false,
        }
    }
}

impl From<sqlx::Error> for WriterError {
    fn from(error: sqlx::Error) -> WriterError {
        WriterError::Database(error)
    }
}

impl From<JournalError> for WriterError {
    fn from(error: JournalError) -> WriterError {
        match error {
            JournalError::Ahead { wanted, next, .. } => WriterError::Ahead { cursor: wanted, journal: next },
            other => WriterError::Journal(other),
        }
    }
}

impl fmt::Display for WriterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriterError::Database(error) => write!(f, "the database: {error}"),
            WriterError::Timeout => write!(f, "the database did not answer within {} s", TIMEOUT.as_secs()),
            WriterError::CursorMoved { from } => {
                write!(f, "the database's cursor is no longer at record {from}: another writer moved it")
            }
            WriterError::Gap { wanted, next } => {
                write!(f, "record {wanted} is missing: the next one given is {next}; nothing was written")
            }
            WriterError::OtherJournal => write!(
                f,
                "the database was made from another journal; nothing was written\n  fix: use the journal it belongs to, or an \
                 empty database (the tables are rebuilt from the journal)"
            ),
            WriterError::Ahead { cursor, journal } => write!(
                f,
                "the database has the records up to {cursor}, the journal ends before record {journal}: a part of the journal \
                 was lost; nothing was written\n  fix: restore the journal from a backup, or begin with an empty database"
            ),
            WriterError::Misfit { seq, misfit } => write!(
                f,
                "record {seq} does not fit to what the tables say: {}\n  fix: empty the database (it is rebuilt from the \
                 journal); if it happens again, the journal itself is wrong",
                misfit.0
            ),
            WriterError::Journal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WriterError {}
