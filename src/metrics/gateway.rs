//! How the way to the venue is: written by the gateway, read by the web and the metrics. Reading and writing never wait.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use crate::{
    domain::{LiveOrders, Nanos, Usdc},
    venue::polymarket::reconcile::{Differing, Held},
};

/// What became of requests with orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerClass {
    Accepted,
    Rejected,
    NotSent,
    Unknown,
}

impl AnswerClass {
    pub const ALL: [AnswerClass; 4] =
        [AnswerClass::Accepted, AnswerClass::Rejected, AnswerClass::NotSent, AnswerClass::Unknown];

    pub const fn code(self) -> &'static str {
        match self {
            AnswerClass::Accepted => "accepted",
            AnswerClass::Rejected => "rejected",
            AnswerClass::NotSent => "not_sent",
            AnswerClass::Unknown => "unknown",
        }
    }
}

/// Since the process began.
#[derive(Debug, Default)]
pub struct GatewayStatus {
    now: ArcSwap<GatewayNow>,
    answers: [AtomicU64; AnswerClass::ALL.len()],
    alarms: AtomicU64,
    foreign: AtomicU64,
    lease: ArcSwap<LeaseNow>,
    reconcile: ArcSwap<ReconcileNow>,
}

/// The lease of the wallet, as its keeper last said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseNow {
    /// Zero: there is none.
    pub epoch: u64,
    pub renewed_at: Nanos,
    /// Why it is not renewed; empty when all is well.
    pub trouble: String,
}

/// The wallet beside our books, as the reconciler last said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileNow {
    /// When everything was last read; `None`: not yet.
    pub whole_at: Option<Nanos>,
    /// Why the last report failed; empty: it did not.
    pub failed: String,
    /// Since the process began.
    pub reports: u64,
    pub failures: u64,
    /// That nobody said to know of.
    pub differences: usize,
    /// All of them.
    #[serde(default)]
    pub differing: Vec<Differing>,
    /// The wallet's dollars; and those in our books, which cannot be more.
    pub cash: Option<Usdc>,
    pub cash_ours: Usdc,
    pub held: Vec<Held>,
}

/// The gateway at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayNow {
    pub state: LiveOrders,
    /// What it waits for, or what failed last; empty when all is well.
    pub step: String,
    pub connections_open: usize,
    pub connections_idle: usize,
    pub connections_made: usize,
    /// Orders that are not over, and those of them whose outcome nobody knows.
    pub orders_open: usize,
    pub orders_unknown: usize,
}

/// A whole [`GatewayStatus`] at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayPicture {
    pub now: GatewayNow,
    pub answers: [u64; AnswerClass::ALL.len()],
    pub alarms: u64,
    pub foreign: u64,
    pub lease: LeaseNow,
    pub wallet: ReconcileNow,
}

impl GatewayStatus {
    pub fn picture(&self) -> GatewayPicture {
        GatewayPicture {
            now: GatewayNow::clone(&self.now()),
            answers: AnswerClass::ALL.map(|class| self.answers(class)),
            alarms: self.alarms(),
            foreign: self.foreign(),
            lease: LeaseNow::clone(&self.lease()),
            wallet: ReconcileNow::clone(&self.wallet()),
        }
    }

    /// Says what another process's status says.
    pub fn copy(&self, picture: &GatewayPicture) {
        self.set(picture.now.clone());
        self.answers.iter().zip(picture.answers).for_each(|(count, told)| count.store(told, Relaxed));
        self.alarms.store(picture.alarms, Relaxed);
        self.foreign.store(picture.foreign, Relaxed);
        self.set_lease(picture.lease.clone());
        self.reconciled(picture.wallet.clone());
    }

    pub fn set(&self, now: GatewayNow) {
        self.now.store(Arc::new(now));
    }

    pub fn now(&self) -> Arc<GatewayNow> {
        self.now.load_full()
    }

    pub fn set_lease(&self, now: LeaseNow) {
        self.lease.store(Arc::new(now));
    }

    pub fn lease(&self) -> Arc<LeaseNow> {
        self.lease.load_full()
    }

    pub fn reconciled(&self, now: ReconcileNow) {
        self.reconcile.store(Arc::new(now));
    }

    pub fn wallet(&self) -> Arc<ReconcileNow> {
        self.reconcile.load_full()
    }

    pub fn answered(&self, class: AnswerClass) {
        self.answers[class as usize].fetch_add(1, Relaxed);
    }

    pub fn alarmed(&self) {
        self.alarms.fetch_add(1, Relaxed);
    }

    pub fn met_foreign(&self) {
        self.foreign.fetch_add(1, Relaxed);
    }

    /// Returns how many answers there were of a class.
    pub fn answers(&self, class: AnswerClass) -> u64 {
        self.answers[class as usize].load(Relaxed)
    }

    pub fn alarms(&self) -> u64 {
        self.alarms.load(Relaxed)
    }

    /// Returns how many orders and trades of the wallet no order of ours explained.
    pub fn foreign(&self) -> u64 {
        self.foreign.load(Relaxed)
    }
}
