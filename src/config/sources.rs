//! Where leaders' trades are looked for.

use super::reader::Reader;
use crate::domain::Nanos;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcesConfig {
    /// Sockets to the activity feed, each with all it has; 0: none.
    pub activity_sockets: usize,
    /// A node's websocket. What stands behind its host may be a key.
    pub node_url: Option<String>,
    pub logs: bool,
    pub pending: bool,
    /// Transactions of prints that the node is asked for; 0: none.
    pub prints_per_second_max: u32,
    /// How often each leader's rows are read; `None`: never.
    pub index_every: Option<Nanos>,
    /// How often what each leader holds is read; `None`: never.
    pub positions_every: Option<Nanos>,
    /// Older than this nothing is asked for after a gap.
    pub backfill_max: Nanos,
}

pub fn read(reader: &mut Reader<'_>, data_url: Option<&str>) -> SourcesConfig {
    let mut section = reader.section("sources");
    let node_url = section.keyed_url_or_none("node_url", "wss", "ws", "\"wss://polygon-bor-rpc.publicnode.com\"");
    let every = |span: Nanos| (span > Nanos::ZERO).then_some(span);
    let sources = SourcesConfig {
        activity_sockets: section.whole("activity_sockets", 0, 4) as usize,
        node_url,
        logs: section.switch("logs"),
        pending: section.switch("pending"),
        prints_per_second_max: section.whole("prints_per_second_max", 0, 1_000),
        index_every: every(section.seconds("index_every_s", 0, 3_600)).filter(|_| data_url.is_some()),
        positions_every: every(section.seconds("positions_every_s", 0, 86_400)).filter(|_| data_url.is_some()),
        backfill_max: Nanos::from_secs(3_600 * u64::from(section.whole("backfill_h_max", 1, 48))),
    };
    let chain = sources.node_url.is_some() && (sources.logs || sources.pending);
    if sources.activity_sockets == 0 && !chain && sources.index_every.is_none() {
        let wrong = "is 0, and no other source of leaders' trades is on";
        let fix = "activity_sockets = 2, or a node_url, or an index_every_s with feed.data_url";
        section.conflict("activity_sockets", wrong, "0 to 4", fix);
    }
    section.finish();
    sources
}
