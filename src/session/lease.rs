//! ONE ENGINE PER WALLET: no live engine without the wallet's lease. On one machine a name that the kernel gives once keeps two
//! apart; over all machines that use one Postgres, a row there does ([`crate::store::lease`]).
//!
//! Who holds the row renews it, and counts the time from before he asked: his gate is shut [`Pace::margin`] before the lease
//! ends. Who waits for the end counts from after he saw the row, on the clock of his own machine, and as much longer. No two
//! clocks are compared.

use std::{
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::MetadataExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::Path,
    sync::Arc,
    time::Duration,
};

use sqlx::PgPool;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{SessionError, machine};
use crate::{
    clock,
    domain::Nanos,
    metrics::{GatewayStatus, LeaseNow},
    secret::Wallet,
    store::lease::{self, Claim, Renewed, Row, Taken},
    venue::gate::Gate,
};

/// How long a lease holds, and how carefully its end is kept.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub term: Duration,
    /// The holder stops so much before the end, and whoever waits for it so much after.
    pub margin: Duration,
    pub renew_every: Duration,
    /// After a renewal that failed; and how often a row is looked at by who waits.
    pub again_after: Duration,
}

impl Pace {
    /// Postgres may be away for 25 s at any time, and nobody notices.
    pub const USUAL: Pace = Pace {
        term: Duration::from_secs(45),
        margin: Duration::from_secs(5),
        renew_every: Duration::from_secs(15),
        again_after: Duration::from_secs(1),
    };
}

/// Postgres may take so long to answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Keeps a second engine of this machine from the wallet, whatever its database is; the kernel ends it with the process.
#[derive(Debug)]
pub struct OnlyHere {
    _name: UnixDatagram,
}

/// Takes the wallet at this venue for this process, on this machine.
pub fn only_here(wallet: &Wallet, clob_url: &str) -> Result<OnlyHere, SessionError> {
    let venue = clob_url.split("://").last().unwrap_or_default();
    let name = format!("remora wallet {} at {venue}", wallet.text());
    let bound = SocketAddr::from_abstract_name(&name).and_then(|address| UnixDatagram::bind_addr(&address));
    let name = bound.map_err(|error| {
        SessionError::Part(format!(
            "another process of this machine trades with the wallet {} ({error})\n  fix: `remora status` and `ss -xlp | grep \
             remora` find it; stop it first, or run this one without live orders: live.switch = \"shadow\"",
            wallet.text()
        ))
    })?;
    Ok(OnlyHere { _name: name })
}

/// Returns who we are. `journal` is the journal's own name, and `dir` its folder.
pub fn claim(wallet: &Wallet, boot: &str, dir: &Path, journal: u64) -> Result<Claim, SessionError> {
    let about = dir.canonicalize().and_then(|path| Ok((std::fs::metadata(&path)?, path)));
    let (about, path) = about.map_err(|error| SessionError::Part(format!("{}: {error}", dir.display())))?;
    Ok(Claim {
        wallet: wallet.text(),
        host: machine::host(),
        boot: boot.to_owned(),
        pid: std::process::id(),
        data_dir: path.display().to_string(),
        // A copied folder, or another volume at the same place, is somebody else.
        journal: format!("{journal:016x} {}:{}", about.dev(), about.ino()),
    })
}

/// A lease that is ours, and that nobody keeps yet.
#[derive(Debug)]
pub struct Lease {
    pool: PgPool,
    pub claim: Claim,
    pub epoch: u64,
    pace: Pace,
    /// By the machine's time since its boot.
    held_until: Nanos,
}

/// A lease that is renewed until it is released, dropped or lost.
#[derive(Debug)]
pub struct Kept {
    pool: PgPool,
    claim: Claim,
    epoch: u64,
    gate: Arc<Gate>,
    keeping: AbortOnDropHandle<()>,
}

/// Takes the wallet. One that is held is watched: if its lease moves, its holder lives, and that is said; else it is taken when
/// it is surely over.
pub async fn take(pool: &PgPool, claim: Claim, pace: Pace) -> Result<Lease, SessionError> {
    let wait = pace.term + pace.margin;
    let mut found: Option<(Row, Nanos)> = None;
    loop {
        let asked = clock::since_boot();
        let waited = |since: Nanos| Duration::from_nanos(asked.since(since).0);
        let over = found.as_ref().filter(|(_, since)| wait <= waited(*since)).map(|(row, _)| row.seen());
        let taken = lease::take(pool, &claim, over).await;
        let row = match taken.map_err(|error| SessionError::Part(format!("the lease of the wallet: {error}")))? {
            Taken::Ours(epoch) => {
                let held_until = asked.plus(nanos(pace.term - pace.margin));
                return Ok(Lease { pool: pool.clone(), claim, epoch, pace, held_until });
            }
            Taken::Theirs(row) => row,
        };
        match &found {
            None => {
                tracing::warn!(holder = %row, "the wallet is held: for up to {} s we look whether its holder lives", wait.as_secs());
                found = Some((row, clock::since_boot()));
            }
            Some((before, _)) if before.seen() == row.seen() => {}
            Some(_) => return Err(SessionError::Part(in_use(&claim.wallet, &row))),
        }
        sleep(pace.again_after).await;
    }
}

fn in_use(wallet: &str, holder: &Row) -> String {
    format!(
        "the wallet {wallet} is another engine's: {holder}; it lives, for it just renewed its lease\n  fix: stop that one first, \
         which frees the wallet at once; or run this one without live orders: live.switch = \"shadow\""
    )
}

fn nanos(length: Duration) -> Nanos {
    Nanos(length.as_nanos() as u64)
}

impl Lease {
    /// Opens the gate for as long as the lease holds, and renews it from now on.
    pub fn keep(self, gate: Arc<Gate>, status: Arc<GatewayStatus>) -> Kept {
        let Lease { pool, claim, epoch, pace, held_until } = self;
        gate.hold_until(held_until);
        let now = LeaseNow { epoch, renewed_at: clock::now(), trouble: String::new() };
        status.set_lease(now.clone());
        let keeper = Keeper { pool: pool.clone(), claim: claim.clone(), gate: Arc::clone(&gate), status, pace, now };
        let keeping = AbortOnDropHandle::new(tokio::spawn(keeper.run()));
        Kept { pool, claim, epoch, gate, keeping }
    }

    /// Gives the wallet back: what was to trade with it does not start.
    pub async fn release(self) {
        give_back(&self.pool, &self.claim, self.epoch).await;
    }
}

impl Kept {
    /// Shuts the gate and gives the wallet back. For the end, when nothing of ours can leave any more.
    pub async fn release(self) {
        self.keeping.abort();
        self.gate.hold_until(Nanos::ZERO);
        give_back(&self.pool, &self.claim, self.epoch).await;
    }
}

/// One that cannot be given back ends by itself.
async fn give_back(pool: &PgPool, claim: &Claim, epoch: u64) {
    match timeout(PATIENCE, lease::release(pool, claim, epoch)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the wallet's lease could not be given back: it ends by itself"),
        Err(_) => tracing::warn!("Postgres does not answer: the wallet's lease ends by itself"),
    }
}

struct Keeper {
    pool: PgPool,
    claim: Claim,
    gate: Arc<Gate>,
    status: Arc<GatewayStatus>,
    pace: Pace,
    now: LeaseNow,
}

impl Keeper {
    /// Renews until the wallet is somebody else's.
    async fn run(mut self) {
        let mut pause = self.pace.renew_every;
        loop {
            sleep(pause).await;
            let asked = clock::since_boot();
            let renewed = timeout(PATIENCE, lease::renew(&self.pool, &self.claim, self.now.epoch)).await;
            let trouble = match renewed {
                Ok(Ok(Renewed::Ours)) => {
                    self.gate.hold_until(asked.plus(nanos(self.pace.term - self.pace.margin)));
                    String::new()
                }
                Ok(Ok(Renewed::Lost(row))) => return self.lost(&row),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("Postgres did not answer within {} s", PATIENCE.as_secs()),
            };
            pause = if trouble.is_empty() { self.pace.renew_every } else { self.pace.again_after };
            self.note(trouble);
        }
    }

    fn note(&mut self, trouble: String) {
        match (self.now.trouble.is_empty(), trouble.is_empty()) {
            (true, false) => tracing::warn!(trouble, "the wallet's lease is not renewed; orders leave until it ends"),
            (false, true) => tracing::info!("the wallet's lease is renewed again"),
            (true, true) | (false, false) => {}
        }
        if trouble.is_empty() {
            self.now.renewed_at = clock::now();
        }
        self.now.trouble = trouble;
        self.status.set_lease(self.now.clone());
    }

    fn lost(mut self, row: &Row) {
        self.gate.hold_until(Nanos::ZERO);
        self.now.trouble = format!("the wallet was taken by {row}; stop one of the two, then start the other again");
        tracing::error!(epoch = self.now.epoch, holder = %row, "another engine took the wallet: nothing leaves from here");
        self.status.set_lease(self.now.clone());
    }
}

#[cfg(test)]
mod tests;
