//! What Gamma says of the company a market keeps: its event, its tags (PROTOCOL.md 4.2).

use serde::Deserialize;

use crate::config::tag;

/// Each market has this tag, and it says nothing.
const OF_ALL: &str = "all";

/// The part of a market of Gamma's that says where it belongs; what is missing is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Group {
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    tags: Option<Vec<Tag>>,
    #[serde(default)]
    events: Option<Vec<Event>>,
    #[serde(default, rename = "negRiskMarketID")]
    neg_risk_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Tag {
    #[serde(default)]
    label: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Event {
    #[serde(default)]
    slug: Option<String>,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    tags: Option<Vec<Tag>>,
}

impl Group {
    /// Returns what the markets of the event share: the id of the neg-risk group, which the CLOB knows too, else the event's
    /// slug. A market of which neither is known is alone, and named by its condition.
    pub fn event(&self, neg_risk_id: &str, condition: &str) -> String {
        let slug = self.events.iter().flatten().find_map(|event| event.slug.as_deref());
        let names = [Some(neg_risk_id), self.neg_risk_id.as_deref(), slug];
        let name = names.into_iter().flatten().find(|name| !name.is_empty());
        name.unwrap_or(condition).to_owned()
    }

    /// Returns the market's tags, its category among them, with those that the CLOB says; each once, in one form. `None` where
    /// neither says anything.
    pub fn tags(&self, of_clob: &[String]) -> Option<Vec<String>> {
        let labels = |tags: &Option<Vec<Tag>>| -> Vec<String> {
            tags.iter().flatten().filter_map(|tag| tag.label.clone()).collect()
        };
        let of_events = self.events.iter().flatten();
        let of_events = of_events.flat_map(|event| labels(&event.tags).into_iter().chain(event.category.clone()));
        let all = labels(&self.tags).into_iter().chain(of_events).chain(self.category.clone());
        let mut tags: Vec<String> = all.chain(of_clob.iter().cloned()).map(|text| tag(&text)).collect();
        tags.retain(|tag| !tag.is_empty() && tag != OF_ALL);
        tags.sort();
        tags.dedup();
        (!tags.is_empty()).then_some(tags)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn group(value: serde_json::Value) -> Group {
        serde_json::from_value(value).expect("a market of Gamma's")
    }

    #[test]
    fn an_event_is_its_neg_risk_group_or_its_slug_or_the_market_alone() {
        let slugged = json!({"events": [{"slug": "rain-or-snow"}], "negRiskMarketID": null});
        let grouped = json!({"events": [{"slug": "rain-or-snow"}], "negRiskMarketID": "0xa"});
        for (value, of_clob, event) in [
            (json!({}), "", "0xc"),
            (json!({"events": null}), "", "0xc"),
            (json!({"events": [{"slug": ""}], "negRiskMarketID": ""}), "", "0xc"),
            (slugged.clone(), "", "rain-or-snow"),
            (grouped, "", "0xa"),
            // Also where Gamma is silent: the CLOB names the group in the same way.
            (json!({}), "0xa", "0xa"),
            (slugged, "0xa", "0xa"),
        ] {
            assert_eq!(group(value.clone()).event(of_clob, "0xc"), event, "{value} {of_clob}");
        }
    }

    #[test]
    fn tags_come_from_all_places_and_nothing_is_not_none() {
        let full = json!({
            "category": "Sports", "tags": [{"label": "NBA"}, {"id": "7"}],
            "events": [{"category": "sports", "tags": [{"label": "Up or Down"}]}],
        });
        let check = |value: serde_json::Value, of_clob: &[&str], tags: Option<&[&str]>| {
            let of_clob: Vec<String> = of_clob.iter().map(|tag| (*tag).to_owned()).collect();
            let found = group(value).tags(&of_clob);
            assert_eq!(found.as_ref().map(|tags| tags.iter().map(String::as_str).collect()), tags.map(<[_]>::to_vec));
        };
        check(full, &["All", "Games"], Some(&["games", "nba", "sports", "up-or-down"]));
        check(json!({"tags": []}), &["Politics", "politics"], Some(&["politics"]));
        check(json!({"tags": []}), &["All"], None);
        check(json!({"tags": null}), &[], None);
    }
}
