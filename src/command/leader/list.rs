//! `remora leader list`: the declared leaders beside what was seen of them.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{ListArgs, tables};
use crate::{
    command::{Engine, Exit, Global, report, small_runtime},
    config::{LeaderConfig, Written},
    store::query::{LeaderSeen, Reader},
};

pub fn execute(global: &Global, args: &ListArgs) -> Exit {
    let engine = Engine { database_url: args.database_url.clone(), ..Engine::default() };
    let config = match global.settings(Written::DefaultsOnly, &engine) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let seen = small_runtime().block_on(report::in_tables(&config, async |database| {
        let wrong = |error: sqlx::Error| error.to_string();
        let mut reader = Reader::open(database.pool()).await.map_err(wrong)?;
        reader.leaders_seen(OffsetDateTime::UNIX_EPOCH).await.map_err(wrong)
    }));
    match global.json {
        true => println!("{}", in_json(&config.leaders, &seen)),
        false => println!("{}", tables::list(&config.leaders, &seen)),
    }
    Exit::Done
}

fn in_json(leaders: &[LeaderConfig], seen: &Result<Vec<LeaderSeen>, String>) -> Value {
    let his = |leader: &LeaderConfig| seen.as_ref().ok()?.iter().find(|row| leader.wallets.contains(&row.wallet));
    let rows =
        leaders.iter().map(|leader| json!({ "name": leader.name, "wallets": leader.wallets, "seen": his(leader) }));
    json!({ "leaders": rows.collect::<Vec<_>>(), "wrong": seen.as_ref().err() })
}
