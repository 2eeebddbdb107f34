//! The sources of leaders' trades in words: what each is, and what it costs. The numbers are [`crate::store::query`]'s.

use crate::{domain::Source, store::query::BEHIND_MS};

/// Returns what the source is.
pub const fn what(source: Source) -> &'static str {
    match source {
        Source::Activity => "trades on the venue's real-time socket",
        Source::Matched => "matched orders on the same socket",
        Source::Print => "prints of the market channel, looked up at a node",
        Source::Pending => "transactions that wait for their block, from a node",
        Source::Log => "logs of new blocks, from a node",
        Source::Index => "the Data API; it also fills the gaps of the others",
    }
}

/// Returns what the source costs, as the settings say it.
pub const fn cost(source: Source) -> &'static str {
    match source {
        Source::Activity => "its stream, some 100 kB/s for each of activity_sockets",
        Source::Matched => "nothing more: it comes with activity",
        Source::Print => "one request to the node for each print, at most prints_per_second_max",
        Source::Pending => "a notice from the node for each transaction of the venue, some ten a second",
        Source::Log => "one subscription at the node, and a notice for each fill of a leader",
        Source::Index => "a request for each leader every index_every_s; the venue allows 1000 in 10 s",
    }
}

/// Returns what must be known to read the source's numbers; empty where nothing is special.
pub const fn remark(source: Source) -> &'static str {
    match source {
        Source::Activity | Source::Matched | Source::Log | Source::Index => "",
        Source::Print => "sees only tokens whose books we keep, so what it missed may not have been its to see",
        Source::Pending => "is first at the price of trades that fail; those are told by nobody else",
    }
}

/// Returns the source of a code of the tables.
pub fn of_code(code: &str) -> Option<Source> {
    Source::ALL.into_iter().find(|source| source.code() == code)
}

/// Returns the name of each count of how far behind a leader we were: "under 100 ms" to "1 h or more".
pub fn behind_names() -> Vec<String> {
    let length = |ms: i64| match ms {
        3_600_000.. => format!("{} h", ms / 3_600_000),
        60_000.. => format!("{} min", ms / 60_000),
        1_000.. => format!("{} s", ms / 1_000),
        _ => format!("{ms} ms"),
    };
    let under = BEHIND_MS.iter().map(|ms| format!("under {}", length(*ms)));
    under.chain(BEHIND_MS.last().map(|ms| format!("{} or more", length(*ms)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_has_its_words_and_every_count_its_name() {
        for source in Source::ALL {
            assert!(!what(source).is_empty() && !cost(source).is_empty());
            assert_eq!(of_code(source.code()), Some(source));
        }
        assert_eq!(of_code("telepathy"), None);
        let names = behind_names();
        assert_eq!(names.len(), BEHIND_MS.len() + 1);
        assert_eq!(
            [&names[0], &names[3], &names[9], &names[12]],
            ["under 100 ms", "under 1 s", "under 1 min", "1 h or more"]
        );
    }

    /// The settings are where costs are explained to who sets them: the keys that are named here are there.
    #[test]
    fn costs_name_keys_of_the_settings() {
        let settings = include_str!("../../config/default.toml");
        for source in Source::ALL {
            for key in cost(source).split([' ', ';', ',']).filter(|word| word.contains('_')) {
                assert!(settings.contains(&format!("\n{key} = ")), "{key}");
            }
        }
    }
}
