//! Which markets a strategy enters: by name, and by the venue's tags.

use crate::config::section::Section;

const MARKETS: &str = "a list of condition ids (0x and 64 hexadecimal digits), token ids (digits) or slugs";
const TAGS: &str = "a list of the venue's tags (case and punctuation do not matter)";

/// Which markets a strategy enters. An empty list of what is allowed allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketFilter {
    /// Condition ids, token ids or slugs.
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    /// The venue's tags, as [`tag`] writes them.
    pub tags_allow: Vec<String>,
    pub tags_deny: Vec<String>,
}

impl MarketFilter {
    pub fn is_any(&self) -> bool {
        *self != MarketFilter::default()
    }

    /// Returns whether a market may not be entered. `names` are its token, condition and slug; `tags` is `None` while the
    /// venue has not said which it has: then a filter by tags lets nothing through.
    pub fn keeps_out(&self, names: &[&str], tags: Option<&[String]>) -> bool {
        let is_named = |list: &[String]| list.iter().any(|name| names.contains(&name.as_str()));
        let by_name = is_named(&self.deny) || (!self.allow.is_empty() && !is_named(&self.allow));
        if self.tags_allow.is_empty() && self.tags_deny.is_empty() {
            return by_name;
        }
        let Some(tags) = tags else { return true };
        let is_tagged = |list: &[String]| list.iter().any(|tag| tags.contains(tag));
        by_name || is_tagged(&self.tags_deny) || (!self.tags_allow.is_empty() && !is_tagged(&self.tags_allow))
    }
}

pub fn read(section: &mut Section<'_, '_>) -> MarketFilter {
    let mut markets = |key| section.list(key, 0, MARKETS, "[\"will-it-rain-tomorrow\"]", is_market);
    let (allow, deny) = (markets("markets_allow"), markets("markets_deny"));
    let mut tags = |key| {
        let tags = section.list(key, 0, TAGS, "[\"Sports\"]", |text| match tag(text).is_empty() {
            true => Err(format!("{text:?} has neither a letter nor a digit")),
            false => Ok(()),
        });
        tags.iter().map(|text| tag(text)).collect()
    };
    let (tags_allow, tags_deny) = (tags("tags_allow"), tags("tags_deny"));
    MarketFilter { allow, deny, tags_allow, tags_deny }
}

/// Returns a tag in one form, however it is written: its letters and digits in lower case, dashes for what is between them.
pub fn tag(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

fn is_market(market: &str) -> Result<(), String> {
    let is_hash = |digits: &str| digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit());
    let is_slug = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c));
    match market.strip_prefix("0x") {
        Some(digits) if is_hash(digits) => Ok(()),
        Some(_) => Err(format!("{market:?} begins with 0x, but 64 hexadecimal digits do not follow")),
        None if market.is_empty() => Err("is empty".to_owned()),
        None if is_slug(market) => Ok(()),
        None => Err(format!("{market:?} is neither an id nor a slug")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_same_however_it_is_written() {
        for (text, form) in
            [("Up or Down", "up-or-down"), ("U.S. Politics", "u-s-politics"), (" sports ", "sports"), ("!", "")]
        {
            assert_eq!(tag(text), form);
        }
    }

    #[test]
    fn a_market_is_kept_out_by_its_names_and_its_tags() {
        let list = |names: &str| names.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let check = |lists: [&str; 4], tags: Option<&str>, is_kept_out: bool| {
            let [allow, deny, tags_allow, tags_deny] = lists.map(list);
            let filter = MarketFilter { allow, deny, tags_allow, tags_deny };
            let tags = tags.map(list);
            assert_eq!(filter.keeps_out(&["7", "0xc", "rain"], tags.as_deref()), is_kept_out, "{filter:?} {tags:?}");
        };
        check(["", "", "", ""], None, false);
        check(["rain", "", "", ""], None, false);
        check(["snow", "", "", ""], None, true);
        check(["7 snow", "0xc", "", ""], None, true);
        check(["", "", "sports", ""], Some("sports nba"), false);
        check(["", "", "sports", ""], Some("politics"), true);
        check(["", "", "", "sports"], Some("politics"), false);
        check(["", "", "", "sports"], Some("sports nba"), true);
        check(["", "", "nba", "sports"], Some("sports nba"), true);
        check(["", "snow", "", "sports"], Some("politics"), false);
        check(["snow", "", "", "sports"], Some("politics"), true);
        // Tags that are not known might be any.
        check(["", "", "sports", ""], None, true);
        check(["", "", "", "sports"], None, true);
        check(["rain", "", "", "sports"], None, true);
        check(["", "", "", "sports"], Some(""), false);
    }
}
