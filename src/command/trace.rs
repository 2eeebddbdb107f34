//! `remora trace`: the whole life of a signal or an order, stage by stage.

use clap::Args;

use super::{Exit, Global, report, small_runtime, table};
use crate::{
    config::{Config, Written},
    domain::Event,
    report::trace::{self, Chain, Trace, TraceId},
    store::query::Reader,
    web::happening,
};

/// The whole life of a signal or an order: who told it, what was decided with which numbers, and how long each stage took.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora trace 120                     a signal, by its number
  remora trace order-157               an order
  remora trace 0x9f...                 an order, by its name at the venue
  remora trace 120 --json

Numbers are on the pages Signals and Live Trades, and in the log.")]
pub struct TraceArgs {
    /// A signal's number, order-NUMBER, or an order's 0x name at the venue
    #[arg(value_name = "ID", value_parser = id)]
    pub id: TraceId,

    /// A Postgres of yours [default: the private one in the data folder]
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

fn id(text: &str) -> Result<TraceId, String> {
    TraceId::parse(text).ok_or_else(|| {
        "not a signal's number (120), an order (order-157), or an order's name at the venue (0x and 64 digits)"
            .to_owned()
    })
}

pub fn execute(global: &Global, args: &TraceArgs) -> Exit {
    let engine = super::Engine { database_url: args.database_url.clone(), ..super::Engine::default() };
    let config = match global.settings(Written::DefaultsOnly, &engine) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match small_runtime().block_on(read(&config, &args.id)) {
        Ok(Some(trace)) => {
            match global.json {
                true => println!("{}", serde_json::to_string_pretty(&trace).expect("numbers and texts")),
                false => println!("{}", in_words(&trace)),
            }
            Exit::Done
        }
        Ok(None) => {
            eprintln!(
                "remora trace: nothing of that name is in the tables\n  fix: look for its number on the page Signals; \
                 what happened a second ago may not be there yet"
            );
            Exit::Failed
        }
        Err(wrong) => {
            eprintln!("remora trace: {wrong}");
            Exit::Failed
        }
    }
}

async fn read(config: &Config, id: &TraceId) -> Result<Option<Trace>, String> {
    report::in_tables(config, async |database| {
        let wrong = |error: sqlx::Error| format!("the tables cannot be read: {error}\n  fix: look at `remora doctor`");
        let mut reader = Reader::open(database.pool()).await.map_err(wrong)?;
        trace::read(&mut reader, id).await.map_err(wrong)
    })
    .await
}

fn in_words(trace: &Trace) -> String {
    let mut text = heading(trace);
    if !trace.sightings.is_empty() {
        let mut lines = table::with_header(["told by", "at", "behind the first"]);
        for word in &trace.sightings {
            let lag =
                if word.is_first { "first".to_owned() } else { word.lag_us.map_or("-".to_owned(), table::length) };
            lines.add_row([word.source.clone(), clock(word.seen_at), lag]);
        }
        table::right(&mut lines, 2..3);
        text.push_str(&format!("\nWho told it:\n{lines}\n"));
    }
    if !trace.decisions.is_empty() {
        let mut lines = table::with_header(["portfolio", "ended", "why", "limit", "actual"]);
        for no in &trace.decisions {
            let number = |number: Option<rust_decimal::Decimal>| {
                number.map_or_else(|| "-".to_owned(), |number| number.normalize().to_string())
            };
            let ended = no.state.as_deref().unwrap_or(&no.outcome);
            let cells = [no.portfolio_id.to_string(), table::plain(ended), table::plain(&no.reason)];
            lines.add_row(cells.into_iter().chain([number(no.limit_amount), number(no.actual_amount)]));
        }
        table::right(&mut lines, 3..5);
        text.push_str(&format!("\nWhat each portfolio decided:\n{lines}\n"));
    }
    trace.chains.iter().for_each(|chain| text.push_str(&stages(trace, chain)));
    text.push_str("\nEvent by event:\n");
    for row in &trace.events {
        let event: Option<Event> = serde_json::from_value(row.body.0.clone()).ok();
        let what = event.as_ref().map_or_else(|| row.kind.clone(), |event| happening::sentence(event).to_owned());
        text.push_str(&table::wrapped("  ", "    ", &format!("{} {what}", clock(row.at))));
        let parts = event.as_ref().map(happening::parts).unwrap_or_default();
        let parts: Vec<String> =
            parts.into_iter().map(|(name, value)| format!("{name} {}", table::plain(&value))).collect();
        if !parts.is_empty() {
            text.push_str(&table::wrapped("    ", "    ", &parts.join("; ")));
        }
    }
    text.trim_end().to_owned()
}

fn heading(trace: &Trace) -> String {
    let Some(signal) = &trace.signal else {
        let orders = trace.orders.iter().map(|order| {
            format!(
                "Order {}: {} {}, {}. No trade of a leader led to it.",
                order.id,
                order.side,
                table::plain(&order.title),
                order.cause
            )
        });
        return orders.map(|line| table::wrapped("", "  ", &line)).collect();
    };
    let market = if signal.title.is_empty() { &signal.token } else { &signal.title };
    let who = if signal.leader.is_empty() { &signal.wallet } else { &signal.leader };
    let line = format!(
        "Signal {}: {} {} {} shares of {} ({}) at {}.",
        signal.id,
        table::plain(who),
        if signal.side == "buy" { "bought" } else { "sold" },
        signal.shares.normalize(),
        table::plain(market),
        table::plain(&signal.token_outcome),
        signal.price.normalize(),
    );
    table::wrapped("", "  ", &line)
}

fn stages(trace: &Trace, chain: &Chain) -> String {
    let mut lines = table::with_header(["stage", "at", "took", "since the start"]);
    for step in &chain.steps {
        let took = step.elapsed_us.map_or("-".to_owned(), table::length);
        lines.add_row([table::plain(&step.text), clock(step.at), took, table::length(step.since_start_us)]);
    }
    table::right(&mut lines, 2..4);
    let order = chain.order.and_then(|id| trace.orders.iter().find(|order| order.id == id));
    let heading = match order {
        Some(order) => {
            format!("Order {} of portfolio {}, {}", order.id, order.portfolio_id, table::plain(&order.state))
        }
        None => "Until it was taken in".to_owned(),
    };
    format!("\n{heading}:\n{lines}\n")
}

/// Returns the time of the day (UTC) to the millisecond.
fn clock(at: time::OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!("{} {:02}:{:02}:{:02}.{:03}", at.date(), at.hour(), at.minute(), at.second(), at.millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        query::{EVER, OrderFilter},
        testing::TestDatabase,
    };

    #[tokio::test]
    async fn a_trace_fits_eighty_columns_and_says_all() {
        let pool = TestDatabase::create().await;
        sqlx::raw_sql(include_str!("../../tests/pages/seed.sql")).execute(&pool).await.expect("seeded");
        let mut reader = Reader::open(&pool).await.expect("a reader");
        let filter = OrderFilter::of("live");
        let orders = reader.orders(&filter, (EVER.1, i64::MAX), 50).await.expect("orders");
        let live = orders.into_iter().map(|order| order.venue_id).find(|id| !id.is_empty()).expect("a live order");
        let mut read = async |id: &str| {
            let id = TraceId::parse(id).expect("a name");
            trace::read(&mut reader, &id).await.expect("read")
        };
        let signal = read("120").await.expect("a signal");
        let text = in_words(&signal);
        for part in
            ["Signal 120", "Who told it", "first", "Taken in", "Decided and submitted", "First fill", "A fill came"]
        {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let took: Vec<_> = signal.chains[0].steps.iter().map(|step| step.stage).collect();
        assert_eq!(took, ["traded", "seen", "taken_in"]);
        let order = signal.orders[0].id;
        let alone = read(&format!("order-{order}")).await.expect("an order");
        assert_eq!((alone.orders.len(), alone.decisions.len()), (1, 1));
        assert_eq!(alone.signal, signal.signal);
        assert!(alone.events.len() < signal.events.len() || signal.orders.len() == 1);
        assert_eq!(read(&live).await.expect("found").orders[0].venue_id, live);
        assert_eq!(read("999999").await, None);
        assert_eq!(read("order-999999").await, None);
    }
}
