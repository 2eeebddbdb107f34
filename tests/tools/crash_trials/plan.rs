//! What a trial is: how the venue behaves, when engines die, and what is traded meanwhile. All of it follows from the seed.

use std::time::Duration;

use remora::{
    domain::Usdc,
    fault::POINTS,
    sim::{
        live_audit::WINDOW,
        random::Random,
        server::{Knobs, Profile},
    },
};

/// What the venue does with orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Accepted,
    /// The wallet has money for one or two.
    Poor,
    /// The engine of the venue comes to grief over some of them, in all its words (PROTOCOL.md 2.9).
    Refused,
    Delayed,
    /// Taken, and the answer comes too late or never.
    Timeout,
    /// Taken, and answered with 502, HTML or a reset.
    Broken,
    /// Taken only after the client gave up.
    Late,
    /// 425, then post-only, again and again.
    Restart,
    /// Matches that fail.
    Ghost,
    /// The user channel loses, repeats and swaps frames, and is closed for a second every three.
    Mute,
    Hell,
}

impl Behaviour {
    pub const ALL: [Behaviour; 10] = [
        Behaviour::Accepted,
        Behaviour::Poor,
        Behaviour::Refused,
        Behaviour::Delayed,
        Behaviour::Timeout,
        Behaviour::Broken,
        Behaviour::Late,
        Behaviour::Restart,
        Behaviour::Ghost,
        Behaviour::Mute,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Behaviour::Accepted => "accepted",
            Behaviour::Poor => "poor",
            Behaviour::Refused => "refused",
            Behaviour::Delayed => "delayed",
            Behaviour::Timeout => "timeout",
            Behaviour::Broken => "broken",
            Behaviour::Late => "late",
            Behaviour::Restart => "restart",
            Behaviour::Ghost => "ghost",
            Behaviour::Mute => "mute",
            Behaviour::Hell => "hell",
        }
    }

    pub fn knobs(self) -> Knobs {
        match self {
            Behaviour::Accepted | Behaviour::Poor | Behaviour::Refused | Behaviour::Restart => Knobs::CALM,
            Behaviour::Delayed => {
                Knobs { delayed_ppm: 1_000_000, delayed_ms: 1_000, delayed_unmatched_ppm: 300_000, ..Knobs::CALM }
            }
            Behaviour::Timeout => Knobs {
                accept_then_timeout_ppm: 600_000,
                answer_late_ms_min: 2_000,
                answer_late_ms_max: 5_000,
                ..Knobs::CALM
            },
            Behaviour::Broken => Knobs {
                accept_then_5xx_ppm: 250_000,
                accept_then_html_ppm: 250_000,
                accept_then_reset_ppm: 250_000,
                ..Knobs::CALM
            },
            Behaviour::Late => Knobs { late_landing_ppm: 600_000, late_landing_ms_max: 4_000, ..Knobs::CALM },
            Behaviour::Ghost => {
                Knobs { ghost_fill_ppm: 600_000, ghost_fill_ms_min: 300, ghost_fill_ms_max: 1_000, ..Knobs::CALM }
            }
            Behaviour::Mute => Knobs {
                user_drop_ppm: 200_000,
                user_duplicate_ppm: 500_000,
                user_reorder_ppm: 300_000,
                user_gap_every_ms: 3_000,
                user_gap_for_ms: 1_000,
                ..Knobs::CALM
            },
            Behaviour::Hell => Profile::Hell.knobs(),
        }
    }

    pub fn money(self) -> Usdc {
        match self {
            Behaviour::Poor => Usdc::whole(14),
            Behaviour::Accepted
            | Behaviour::Refused
            | Behaviour::Delayed
            | Behaviour::Timeout
            | Behaviour::Broken
            | Behaviour::Late
            | Behaviour::Restart
            | Behaviour::Ghost
            | Behaviour::Mute
            | Behaviour::Hell => Usdc::whole(10_000),
        }
    }

    /// How long nothing must move before the trial is at rest: longer than anything of this venue is late.
    pub fn stillness(self) -> Duration {
        match self {
            Behaviour::Late => Duration::from_secs(5),
            Behaviour::Mute => Duration::from_secs(4),
            Behaviour::Hell => Duration::from_secs(10),
            Behaviour::Accepted
            | Behaviour::Poor
            | Behaviour::Refused
            | Behaviour::Delayed
            | Behaviour::Timeout
            | Behaviour::Broken
            | Behaviour::Restart
            | Behaviour::Ghost => Duration::from_millis(1_500),
        }
    }
}

/// When an engine dies.
#[derive(Clone, Copy, Debug)]
pub enum Death {
    At(&'static str, u64),
    After(Duration),
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub behaviour: Behaviour,
    pub deaths: Vec<Death>,
    /// How busy the rest of the world is; 0: only the leader trades.
    pub rate_percent: u64,
    /// How long the last engine trades before it is to come to rest.
    pub trades_for: Duration,
    /// How often the chain makes a block; it settles in proportion.
    pub block_every: Duration,
}

/// Longer than a calm chain takes to settle, with the start's time to observe.
const REST_PATIENCE: Duration = Duration::from_secs(90);
/// Hell so long waits until every doubt is over.
const HELL_LONG: Duration = Duration::from_secs(60);

impl Plan {
    /// Returns how long is waited for rest, and whether it must come. Hell loses orders without a trace, and that one never
    /// landed is proven after the venue's window only, and one more minute of looks.
    pub fn patience(&self) -> (Duration, bool) {
        match self.behaviour {
            Behaviour::Hell if self.trades_for < HELL_LONG => (REST_PATIENCE, false),
            Behaviour::Hell => (Duration::from_nanos(WINDOW.0) + 2 * REST_PATIENCE, true),
            Behaviour::Accepted
            | Behaviour::Poor
            | Behaviour::Refused
            | Behaviour::Delayed
            | Behaviour::Timeout
            | Behaviour::Broken
            | Behaviour::Late
            | Behaviour::Restart
            | Behaviour::Ghost
            | Behaviour::Mute => (REST_PATIENCE, true),
        }
    }

    /// Behaviours in turn, points in turn; every third trial dies at random instants, every fourth twice.
    pub fn of(seed: u64) -> Plan {
        let mut random = Random::new(seed);
        let behaviour = Behaviour::ALL[(seed % 10) as usize];
        // Every point meets every behaviour: there are as many of neither.
        let point = POINTS[(seed / 10 + seed) as usize % POINTS.len()];
        let first = match seed % 3 {
            0 => Death::After(Duration::from_millis(random.range(0, 4_000))),
            _ => Death::At(point, random.range(1, hits_max(point))),
        };
        let mut deaths = vec![first];
        if point == "in_truncation" {
            // Only what was torn is cut.
            deaths = vec![Death::At("in_append", random.range(1, hits_max("in_append"))), Death::At(point, 1)];
        } else if seed.is_multiple_of(4) {
            deaths.push(Death::After(Duration::from_millis(random.range(0, 8_000))));
        }
        let trades_for = Duration::from_millis(random.range(1_500, 4_000));
        Plan { seed, behaviour, deaths, rate_percent: 0, trades_for, block_every: Duration::from_millis(100) }
    }

    pub fn hell(seed: u64, length: Duration) -> Plan {
        let (behaviour, block_every) = (Behaviour::Hell, Duration::from_secs(2));
        Plan { seed, behaviour, deaths: vec![], rate_percent: 100, trades_for: length, block_every }
    }

    /// What the live portfolio does beside: in every second trial a sale rests in the book from each entry on, and is taken
    /// away before another exit; every fifth sends FOK first.
    pub fn settings(&self) -> String {
        let rests = if self.seed.is_multiple_of(2) { "exit_plan_percent = 30\n" } else { "" };
        let kind = if self.seed.is_multiple_of(5) { "order_kind = \"FOK_THEN_FAK\"\n" } else { "" };
        format!("{rests}{kind}")
    }
}

/// A point is passed fewer times than this within a few seconds of trading.
fn hits_max(point: &str) -> u64 {
    match point {
        "in_append" => 120,
        "after_record" | "in_group_sync" | "in_tables_batch" | "after_tables_commit" => 30,
        // Those of the start.
        "before_connect" | "in_switch" | "in_truncation" => 2,
        _ => 4,
    }
}
