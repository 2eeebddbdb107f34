//! What is typed becomes the change that was meant.

use super::*;

#[test]
fn a_setting_is_read_as_it_stands_in_the_file() {
    let check = |text: &str, part, key: &str, to: Option<&str>| {
        let to = to.map(str::to_owned);
        let change = Change { strategy: Some("careful".to_owned()), part, key: key.to_owned(), to };
        assert_eq!(parsed(Some("careful"), text), Ok(change), "{text}");
    };
    check("paper.size_usdc=40", Part::Paper, "size_usdc", Some("40"));
    check("live.order_usdc_max = none", Part::Live, "order_usdc_max", Some("\"none\""));
    check("paper.below_minimum=raise", Part::Paper, "below_minimum", Some("\"raise\""));
    check("paper.order_usdc_max=5%", Part::Paper, "order_usdc_max", Some("\"5%\""));
    check("leaders=[\"Ada\"]", Part::Both, "leaders", Some("[\"Ada\"]"));
    check("paper.size_usdc=", Part::Paper, "size_usdc", None);
    for wrong in ["size", "=4", "other.size=4", "paper.Size=4", "paper.=4", "a b=1"] {
        assert!(parsed(None, wrong).is_err(), "{wrong}");
    }
}
