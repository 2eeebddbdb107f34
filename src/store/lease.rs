//! ONE ENGINE PER WALLET: the row that says who may trade with it, taken by compare-and-set. Whoever takes it gets a higher
//! epoch. Times in the row are for people: who waits for the end of a lease looks whether the row still moves, by a clock of
//! his own.

use std::fmt;

use sqlx::PgPool;

/// Who asks for a wallet. The same machine, boot, folder and journal is the same engine: the folder's lock says that its last
/// process is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Lower-case hexadecimal.
    pub wallet: String,
    pub host: String,
    pub boot: String,
    pub pid: u32,
    pub data_dir: String,
    pub journal: String,
}

/// A row as somebody found it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    pub epoch: i64,
    pub renewals: i64,
    pub is_free: bool,
    pub host: String,
    pub pid: i64,
    pub data_dir: String,
    /// For people: since when, and when it was renewed last.
    pub since: String,
    pub renewed: String,
}

/// How a row stood: when it is found so again, its holder did nothing meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    epoch: i64,
    renewals: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is ours, under this epoch.
    Ours(u64),
    /// Somebody else's.
    Theirs(Row),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewed {
    Ours,
    /// Somebody took it: it is never ours again under our epoch.
    Lost(Row),
}

const COLUMNS: &str = "epoch, renewals, is_free, host, pid, data_dir, \
    to_char(taken_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as since, \
    to_char(renewed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as renewed";

impl Row {
    pub fn seen(&self) -> Seen {
        Seen { epoch: self.epoch, renewals: self.renewals }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { epoch, host, pid, data_dir, since, renewed, .. } = self;
        write!(
            f,
            "process {pid} on {host} (data folder {data_dir}), since {since} UTC, renewed at {renewed} UTC, epoch {epoch}"
        )
    }
}

/// Takes a wallet that nobody has, that its holder gave back, that is ours from an earlier process, or whose holder did nothing
/// since it was `seen`.
pub async fn take(pool: &PgPool, claim: &Claim, seen: Option<Seen>) -> Result<Taken, sqlx::Error> {
    const TAKE: &str = "insert into wallet_leases as held (wallet, epoch, host, boot, pid, data_dir, journal) \
        values ($1, 1, $2, $3, $4, $5, $6) on conflict (wallet) do update set epoch = held.epoch + 1, host = excluded.host, \
        boot = excluded.boot, pid = excluded.pid, data_dir = excluded.data_dir, journal = excluded.journal, is_free = false, \
        taken_at = clock_timestamp(), renewed_at = clock_timestamp(), renewals = 0 \
        where held.is_free or (held.epoch = $7 and held.renewals = $8) or (held.host = excluded.host \
        and held.boot = excluded.boot and held.data_dir = excluded.data_dir and held.journal = excluded.journal) \
        returning epoch";
    let (epoch, renewals) = seen.map_or((0, 0), |seen| (seen.epoch, seen.renewals));
    loop {
        let taken = bound(sqlx::query_scalar(TAKE), claim).bind(epoch).bind(renewals);
        if let Some(epoch) = taken.fetch_optional(pool).await? {
            return Ok(Taken::Ours(i64::cast_unsigned(epoch)));
        }
        // Nobody's by now: once more.
        if let Some(row) = look(pool, &claim.wallet).await? {
            return Ok(Taken::Theirs(row));
        }
    }
}

/// Renews what is ours under `epoch`; where there is no row at all any more (another database), makes it again.
pub async fn renew(pool: &PgPool, claim: &Claim, epoch: u64) -> Result<Renewed, sqlx::Error> {
    const RENEW: &str = "insert into wallet_leases as held (wallet, epoch, host, boot, pid, data_dir, journal) \
        values ($1, $7, $2, $3, $4, $5, $6) on conflict (wallet) do update set renewed_at = clock_timestamp(), \
        renewals = held.renewals + 1 where held.epoch = excluded.epoch and held.host = excluded.host \
        and held.boot = excluded.boot and held.pid = excluded.pid and held.data_dir = excluded.data_dir \
        and held.journal = excluded.journal returning epoch";
    loop {
        let renewed = bound(sqlx::query_scalar::<_, i64>(RENEW), claim).bind(epoch.cast_signed());
        if renewed.fetch_optional(pool).await?.is_some() {
            return Ok(Renewed::Ours);
        }
        if let Some(row) = look(pool, &claim.wallet).await? {
            return Ok(Renewed::Lost(row));
        }
    }
}

/// Gives back what is ours under `epoch`.
pub async fn release(pool: &PgPool, claim: &Claim, epoch: u64) -> Result<(), sqlx::Error> {
    const RELEASE: &str = "update wallet_leases set is_free = true, renewed_at = clock_timestamp() \
        where wallet = $1 and epoch = $2 and boot = $3 and pid = $4";
    let release = sqlx::query(RELEASE).bind(&claim.wallet).bind(epoch.cast_signed()).bind(&claim.boot);
    release.bind(i64::from(claim.pid)).execute(pool).await.map(|_| ())
}

/// Returns who has a wallet, or had it last.
pub async fn look(pool: &PgPool, wallet: &str) -> Result<Option<Row>, sqlx::Error> {
    let text = format!("select {COLUMNS} from wallet_leases where wallet = $1");
    sqlx::query_as(sqlx::AssertSqlSafe(text)).bind(wallet).fetch_optional(pool).await
}

/// The same for who has only the database's address; `None` also where its tables were never made.
pub async fn look_at(url: &str, wallet: &str) -> Result<Option<Row>, sqlx::Error> {
    let pool = PgPool::connect(url).await?;
    let found = look(&pool, wallet).await;
    pool.close().await;
    match found {
        // 42P01: there is no such table.
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "42P01") => Ok(None),
        found => found,
    }
}

type Scalar<'q, T> = sqlx::query::QueryScalar<'q, sqlx::Postgres, T, sqlx::postgres::PgArguments>;

fn bound<'q, T>(query: Scalar<'q, T>, claim: &'q Claim) -> Scalar<'q, T> {
    let Claim { wallet, host, boot, pid, data_dir, journal } = claim;
    query.bind(wallet).bind(host).bind(boot).bind(i64::from(*pid)).bind(data_dir).bind(journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestDatabase;

    fn claim(host: &str, pid: u32) -> Claim {
        let [wallet, boot, data_dir, journal] = ["0xabc", "boot", "/data", "00"].map(str::to_owned);
        Claim { wallet, host: host.to_owned(), boot, pid, data_dir, journal }
    }

    #[tokio::test]
    async fn one_holds_it_until_it_is_given_back_or_stands_still() {
        let pool = TestDatabase::create().await;
        let (ann, bob) = (claim("ann", 1), claim("bob", 2));
        assert_eq!(take(&pool, &ann, None).await.expect("asked"), Taken::Ours(1));
        let Taken::Theirs(row) = take(&pool, &bob, None).await.expect("asked") else { panic!("two hold it") };
        assert!(row.to_string().starts_with("process 1 on ann (data folder /data), since 20"), "{row}");
        // It moved since it was seen.
        assert_eq!(renew(&pool, &ann, 1).await.expect("asked"), Renewed::Ours);
        let Taken::Theirs(row) = take(&pool, &bob, Some(row.seen())).await.expect("asked") else { panic!("two") };
        // It did not.
        assert_eq!(take(&pool, &bob, Some(row.seen())).await.expect("asked"), Taken::Ours(2));
        assert!(matches!(renew(&pool, &ann, 1).await.expect("asked"), Renewed::Lost(row) if row.host == "bob"));
        // Who lost it gives nothing back.
        release(&pool, &ann, 1).await.expect("asked");
        assert!(matches!(take(&pool, &ann, None).await.expect("asked"), Taken::Theirs(_)));
        release(&pool, &bob, 2).await.expect("asked");
        assert_eq!(take(&pool, &ann, None).await.expect("asked"), Taken::Ours(3));
    }

    #[tokio::test]
    async fn the_next_process_of_the_same_engine_takes_it_at_once_and_the_last_one_has_lost_it() {
        let pool = TestDatabase::create().await;
        assert_eq!(take(&pool, &claim("ann", 1), None).await.expect("asked"), Taken::Ours(1));
        assert_eq!(take(&pool, &claim("ann", 2), None).await.expect("asked"), Taken::Ours(2));
        assert!(matches!(renew(&pool, &claim("ann", 1), 1).await.expect("asked"), Renewed::Lost(_)));
        let rebooted = Claim { boot: "later".to_owned(), ..claim("ann", 3) };
        assert!(matches!(take(&pool, &rebooted, None).await.expect("asked"), Taken::Theirs(_)));
    }

    #[tokio::test]
    async fn in_an_empty_database_the_holder_writes_himself_down_again() {
        let pool = TestDatabase::create().await;
        assert_eq!(renew(&pool, &claim("ann", 1), 7).await.expect("asked"), Renewed::Ours);
        assert_eq!(look(&pool, "0xabc").await.expect("asked").map(|row| row.epoch), Some(7));
        assert!(matches!(take(&pool, &claim("bob", 2), None).await.expect("asked"), Taken::Theirs(_)));
        assert!(matches!(renew(&pool, &claim("bob", 2), 7).await.expect("asked"), Renewed::Lost(_)));
    }

    /// Many at once, on real connections: one gets it.
    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_that_ask_at_once_one_gets_it() {
        let pool = TestDatabase::create().await;
        let asks = (0..8).map(|n| {
            let pool = pool.clone();
            tokio::spawn(async move { take(&pool, &claim(&format!("host {n}"), n), None).await.expect("asked") })
        });
        let answers = futures_util::future::join_all(asks).await;
        let ours = answers.into_iter().filter(|answer| matches!(answer, Ok(Taken::Ours(_)))).count();
        assert_eq!(ours, 1);
    }
}
