//! How live trading stands: its switches, the way to the venue, what stops entries, and the orders that are open.

use super::{LeaderName, orders::OrderLine, portfolio_name};
use crate::{
    domain::{LeaderSwitch, LiveOrders, LiveSwitch, Nanos, PortfolioId},
    metrics::Snapshot,
    store::query::{EVER, OrderFilter, Standing},
    web::{
        Web,
        figure::{self, Figure},
        server::Unread,
        words,
    },
};

/// The most open orders that are listed.
const OPEN_MAX: i64 = 20;

/// One thing that must be right before an order with real money leaves.
pub struct Line {
    pub name: &'static str,
    /// What it is, and the class of its colour.
    pub word: &'static str,
    pub class: &'static str,
    pub text: String,
}

/// Reads the open orders.
pub async fn open(web: &Web, now: Nanos) -> Result<Vec<OrderLine>, Unread> {
    let filter = OrderFilter { state: "open".to_owned(), ..OrderFilter::of("live") };
    let rows = web.reader().await?.orders(&filter, (EVER.1, i64::MAX), OPEN_MAX).await?;
    Ok(rows.iter().map(|row| OrderLine::new(web, row, now)).collect())
}

/// Returns how the switches stand, and what stops live orders.
pub fn lines(web: &Web) -> Vec<Line> {
    let snapshot = web.state.published.load();
    let standing = web.pulse().standing.clone();
    vec![switch(&snapshot), way(web, &snapshot), entries(web, &snapshot, &standing), leaders(web, &standing)]
}

fn switch(snapshot: &Snapshot) -> Line {
    let (word, class, text) = match snapshot.live {
        LiveSwitch::Off => ("Off", "off", "nothing is bought with real money"),
        LiveSwitch::Shadow => ("Shadow", "open", "everything is decided and recorded, nothing is sent"),
        LiveSwitch::On => ("On", "warn", "orders with real money leave"),
    };
    Line { name: "Live switch", word, class, text: text.to_owned() }
}

fn way(web: &Web, snapshot: &Snapshot) -> Line {
    let step = web.state.gateway.as_ref().map_or_else(String::new, |gateway| figure::tame(&gateway.now().step, 200));
    let why = match snapshot.live_orders {
        LiveOrders::Ready => "they leave as soon as the switch lets them",
        LiveOrders::Missing => "there is no key, or no place to send orders to",
        LiveOrders::Starting => "what the last run left is being reconciled",
        LiveOrders::AuthMissing => "the venue does not take our credentials",
        LiveOrders::ChannelDown => "the user channel is down: fills would not be seen",
        LiveOrders::Restarting => "the venue restarts",
        LiveOrders::CancelOnly => "the venue takes cancels only",
        LiveOrders::ClosedOnly => "the account may only close what it holds",
        LiveOrders::Blocked => "the venue does not serve this place",
        LiveOrders::ClockOff => "our clock and the venue's differ too much",
        LiveOrders::OtherVersion => "the venue speaks another version",
        LiveOrders::WalletNotHeld => "another engine may trade with this wallet",
    };
    let text = if step.is_empty() || snapshot.live_orders == LiveOrders::Ready {
        why.to_owned()
    } else {
        format!("{why} ({step})")
    };
    let (word, class) = if snapshot.live_orders == LiveOrders::Ready {
        ("Ready", "ok")
    } else if snapshot.live_orders == LiveOrders::Missing {
        ("Missing", "off")
    } else {
        ("Cannot leave", "warn")
    };
    Line { name: "Live orders", word, class, text }
}

fn entries(web: &Web, snapshot: &Snapshot, standing: &Standing) -> Line {
    let pulse = web.pulse();
    let is_live = |id: PortfolioId| pulse.portfolios.iter().any(|row| row.id == i32::from(id.0) && row.mode == "live");
    let name = |id: PortfolioId| portfolio_name(web, id.0.into());
    let mut stops = Vec::new();
    if snapshot.entries_stopped {
        stops.push("a fault stopped all entries until a restart".to_owned());
    }
    let tripped = standing.tripped.iter().filter(|(id, _)| is_live(*id));
    stops.extend(tripped.map(|(id, breaker)| format!("{}: {}", name(*id), words::breaker(breaker.code()))));
    let paused = standing.paused.iter().filter(|id| is_live(**id));
    stops.extend(paused.map(|id| format!("{} is paused", name(*id))));
    if snapshot.unsettled > 0 {
        stops.push(format!("{} matches wait for their settlement", Figure::count(snapshot.unsettled).text));
    }
    match stops.join("; ") {
        none if none.is_empty() => Line {
            name: "Entries",
            word: "Allowed",
            class: "ok",
            text: "no breaker tripped, nothing is paused".to_owned(),
        },
        some => Line { name: "Entries", word: "Look", class: "warn", text: format!("{some}. Exits go on") },
    }
}

fn leaders(web: &Web, standing: &Standing) -> Line {
    let pulse = web.pulse();
    let name = |id: u32| {
        let row = pulse.leaders.iter().find(|row| i64::from(row.id) == i64::from(id));
        row.map_or_else(|| format!("leader {id}"), |row| LeaderName::new(&row.name, &row.wallet, row.id).name)
    };
    let own = standing.leaders.iter().map(|(leader, to)| match to {
        LeaderSwitch::ForceOn => format!("{} forced on", name(leader.0)),
        LeaderSwitch::ForceOff => format!("{} forced off", name(leader.0)),
        LeaderSwitch::Inherit => format!("{} as the live switch", name(leader.0)),
    });
    let blocked = standing.blocked.iter().map(|(leader, _)| format!("{} is not followed for now", name(leader.0)));
    match own.chain(blocked).collect::<Vec<_>>().join("; ") {
        none if none.is_empty() => {
            Line { name: "Leaders", word: "Usual", class: "off", text: "no leader has a switch of his own".to_owned() }
        }
        some => Line { name: "Leaders", word: "Own switch", class: "open", text: some },
    }
}
