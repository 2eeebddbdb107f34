//! What was said, as steps for a person.

use serde_json::{Value, json};

use super::story::{Case, Reckoning, Story};
use crate::{
    config::decimal,
    domain::{
        Event, Numbers, OrderEnd, OrderKind, Price, Side, SizeRule, Unit, Usdc,
        event::{Filled, Submitted},
        money::{ONE, SHARES_MAX},
    },
    engine::{
        leader::average_price,
        risk::AVAILABLE_PPM_MAX,
        strategy::{price, size::Sizes},
    },
};

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub name: &'static str,
    pub text: String,
}

/// Returns the steps from the leader's trade to our fill, or to the no.
pub fn steps(case: &Case, story: &Story) -> Vec<Step> {
    let leader = |verb: &str| {
        let worth = case.price.cost_floor(case.shares);
        step("leader", format!("{verb} {} shares at {}: ${}", case.shares, case.price, worth.floor_cents()))
    };
    let bid = case.bid.map_or("nobody bids".to_owned(), |bid| format!("best bid {bid}"));
    let book =
        format!("{bid}, best ask {}, {} shares at each; tick {}", case.ask, case.depth, case.market.tick.first());
    let mut steps = vec![leader("buys"), step("book", book)];
    steps.extend(size_steps(case, &story.reckoning));
    steps.extend(story.buy.iter().flat_map(|event| of_buy(case, event)));
    if case.side == Side::Sell {
        steps.push(leader("sells"));
        steps.extend(story.sale.iter().flat_map(|event| of_sale(case, event)));
        let is_ordered = story.sale.iter().any(|event| matches!(event, Event::Submitted(_)));
        if story.sale.iter().any(|event| matches!(event, Event::ExitDue { .. })) && !is_ordered {
            let text = "until somebody bids, and what is owed is at least the market's minimum".to_owned();
            steps.push(step("waits", text));
        }
    }
    steps
}

/// Returns the order and its fill of the trade in question, or the no, for programs. Amounts are texts, so that no
/// digit is lost.
pub fn outcome(case: &Case, story: &Story) -> Value {
    let events = match case.side {
        Side::Buy => &story.buy,
        Side::Sell => &story.sale,
    };
    let mut outcome = json!({ "decision": "none", "order": null, "fill": null, "end": null, "no": null });
    for event in events {
        if let Some((decision, no)) = no(event) {
            outcome["decision"] = json!(decision);
            outcome["no"] = json!({
                "code": no.code, "text": no.text, "setting": no.knob,
                "allowed": amount(no.unit, no.numbers.limit), "was": amount(no.unit, no.numbers.actual),
            });
        }
        if let Event::Submitted(order) = event {
            outcome["decision"] = json!("order");
            outcome["order"] = json!({
                "side": order.side.code(), "kind": order.kind.code(), "limit": order.limit.to_string(),
                "shares": order.shares.to_string(), "budget": order.budget.to_string(),
                "reserved": order.reserved.to_string(), "touch": order.touch.to_string(),
            });
        }
        if let Event::Filled(filled) = event {
            outcome["fill"] = json!({
                "shares": filled.shares.to_string(), "cash": filled.cash.to_string(), "fee": filled.fee.to_string(),
                "price": paid(case, filled).to_string(), "slippage_percent": against(case.side, paid(case, filled), touch(case, case.side)),
            });
        }
        if let Event::Closed { end, .. } = event {
            outcome["end"] = json!(end.code());
        }
    }
    outcome
}

/// Returns how the size came about; nothing where the rule asks for nothing, which a later step says.
fn size_steps(case: &Case, reckoning: &Reckoning) -> Vec<Step> {
    let Some(sizes) = &reckoning.sizes else { return vec![] };
    let mut steps = vec![step("size", rule(case, reckoning, sizes))];
    if sizes.tier.factor_ppm != ONE as u32 {
        let (factor, from) = (decimal::written(i64::from(sizes.tier.factor_ppm), ONE as i64), sizes.tier.from);
        steps.push(step("tier", format!("times {factor} from ${from} of his on: ${} (tiers)", sizes.tiered)));
    }
    steps.push(clamps(case, reckoning, sizes));
    if let Some(raised) = reckoning.wanted.filter(|wanted| sizes.total < *wanted) {
        let text = format!("${} is below the minimum of ${raised}, and raised to it (below_minimum)", sizes.total);
        steps.push(step("minimum", text));
    }
    steps
}

/// Returns the rule with its numbers.
fn rule(case: &Case, reckoning: &Reckoning, sizes: &Sizes) -> String {
    let (dollars, leader) = (sizes.rule.floor_cents(), sizes.leader.floor_cents());
    let edge = || {
        let probability = case.probability_ppm.map_or("?".to_owned(), percent);
        format!("the model's {probability} against the limit of {}", reckoning.limit)
    };
    match case.settings.sizing.rule {
        SizeRule::Fixed(_) => format!("fixed: ${dollars} (size_usdc)"),
        SizeRule::Percent(ppm) => format!("{} of the leader's dollars: ${dollars} (size_percent)", percent(ppm)),
        SizeRule::Mirror(factor) => {
            let (capital, ours) = (case.leader_capital.unwrap_or_default(), case.capital);
            let factor = percent(factor);
            format!("{factor} of the part that his ${leader} are of ${capital}, of our ${ours}: ${dollars} (mirror)")
        }
        SizeRule::Adaptive { small, small_ppm, large, large_ppm } => format!(
            "of his ${leader} {} up to ${small}, falling to {} at ${large}: ${dollars} (adaptive)",
            percent(small_ppm),
            percent(large_ppm)
        ),
        SizeRule::Budget(budget) => {
            let exposure = case.leader_exposure.unwrap_or_default();
            format!("of ${budget} the part that his ${leader} are of his ${exposure} at stake: ${dollars} (budget)")
        }
        SizeRule::Kelly(fraction) => {
            format!("{} of Kelly's stake, {}: ${dollars} (kelly)", percent(fraction), edge())
        }
        SizeRule::Edge { full, edge_ppm } => {
            format!("${full} at an edge of {} or more, {}: ${dollars} (edge)", percent(edge_ppm), edge())
        }
        SizeRule::Conviction { full } => format!("${full} times the score's confidence: ${dollars} (conviction)"),
    }
}

fn clamps(case: &Case, reckoning: &Reckoning, sizes: &Sizes) -> Step {
    let settings = &case.settings;
    let max = settings.sizing.order_usdc_max;
    let maximum = if max < sizes.copied { format!("lowered to ${max}") } else { format!("at most ${max}, kept") };
    let (bankroll_max, share) = (reckoning.bankroll_max, percent(settings.sizing.bankroll_ppm_max));
    let of_bankroll = format!("{share} of what the portfolio has (bankroll_percent_max); ");
    let bankroll = match bankroll_max < sizes.capped {
        true => format!("lowered to ${bankroll_max}, {of_bankroll}"),
        false if u64::from(settings.sizing.bankroll_ppm_max) < ONE => format!("at most ${bankroll_max}, {of_bankroll}"),
        false => String::new(),
    };
    let available = case.capital.part_floor(AVAILABLE_PPM_MAX);
    let depth = percent(settings.guards.buy.depth_ppm_max);
    let offered = Usdc(reckoning.depth.cost).floor_cents();
    step(
        "clamps",
        format!(
            "{maximum} (order_usdc_max); {bankroll}at most {depth} of the ${offered} offered within the limit (depth_buy_percent_max); at most ${available}, 99% of the available cash"
        ),
    )
}

fn of_buy(case: &Case, event: &Event) -> Vec<Step> {
    let Event::Submitted(order) = event else { return of_any(case, Side::Buy, event) };
    let guard = price::guarded_up(&case.settings, &case.market, case.price);
    let slipped = price::slipped_up(&case.settings, order.touch);
    let bound = format!(
        "{}: the lower of {guard}, {} or one tick over the leader's price (price_guard_buy_percent), and {slipped}, {} \
         over the best ask (slippage_buy_percent)",
        guard.min(slipped),
        percent(case.settings.guards.buy.price_guard_ppm),
        percent(case.settings.guards.buy.slippage_ppm),
    );
    vec![
        step("bound", bound),
        step("limit", format!("{}: the bound on the market's price grid", order.limit)),
        step(attempt(order), format!("buy for ${} at no more than {}, {}", order.budget, order.limit, kind(order))),
        step("shares", format!("{} for sure; a better price buys more", order.shares)),
        step("reserved", format!("${}: with the highest fee it can cost", order.reserved)),
    ]
}

fn of_sale(case: &Case, event: &Event) -> Vec<Step> {
    match event {
        Event::ExitDue { shares, .. } => {
            let owed = if *shares == SHARES_MAX { "all we hold of his".to_owned() } else { format!("{shares} shares") };
            vec![step("owed", format!("{owed}: the part that he sold of what he held"))]
        }
        Event::Submitted(order) => {
            let slippage = percent(case.settings.guards.sell.slippage_ppm);
            let limit = format!("{}: {slippage} under the best bid (slippage_sell_percent), on the grid", order.limit);
            let text = format!("sell {} shares at no less than {}, {}", order.shares, order.limit, kind(order));
            vec![step("limit", limit), step("order", text)]
        }
        Event::Filled(filled) => {
            let made = filled.cash - filled.fee - filled.basis;
            let mut steps = of_any(case, Side::Sell, event);
            let cooling = length(case.settings.exit.cooling.as_millis() as i64);
            steps.push(step(
                "result",
                format!("${made} against the cost of ${}; free again in {cooling}", filled.basis),
            ));
            steps
        }
        _ => of_any(case, Side::Sell, event),
    }
}

/// What is said alike of buys and sales.
fn of_any(case: &Case, side: Side, event: &Event) -> Vec<Step> {
    if let Some((decision, no)) = no(event) {
        let mut steps = vec![step(decision, no.text.to_owned())];
        if no.numbers != Numbers::NONE {
            let (limit, actual) = (amount(no.unit, no.numbers.limit), amount(no.unit, no.numbers.actual));
            steps.push(step("numbers", format!("allowed {limit}, was {actual}")));
        }
        if !no.knob.is_empty() {
            steps.push(step("setting", no.knob.to_owned()));
        }
        return steps;
    }
    match event {
        Event::Filled(filled) => {
            let delay = length(case.paper.fill_delay.as_millis() as i64);
            let price = paid(case, filled);
            let text =
                format!("{} shares for ${} at {price}, fee ${}, after {delay}", filled.shares, filled.cash, filled.fee);
            let slippage = format!(
                "{}% against the best price then, {}% against the leader's",
                against(side, price, touch(case, side)),
                against(side, price, case.price),
            );
            vec![step("fill", text), step("slippage", slippage)]
        }
        Event::Closed { end: end @ OrderEnd::Rejected(_), .. } => {
            vec![step(
                "rejected",
                format!("by the venue: {}", end.code().trim_start_matches("rejected_").replace('_', " ")),
            )]
        }
        Event::Closed { end: OrderEnd::Cancelled, .. } => {
            vec![step("rest", "was not on offer within the limit, and is cancelled".to_owned())]
        }
        _ => vec![],
    }
}

struct No {
    code: &'static str,
    text: &'static str,
    knob: &'static str,
    unit: Unit,
    numbers: Numbers,
}

fn no(event: &Event) -> Option<(&'static str, No)> {
    if let Event::Skipped { reason, numbers, .. } = event {
        let (code, text, knob) = (reason.code(), reason.text(), reason.knob());
        return Some(("skipped", No { code, text, knob, unit: reason.unit(), numbers: *numbers }));
    }
    if let Event::Refused { reason, numbers, .. } = event {
        let (code, text, knob) = (reason.code(), reason.text(), reason.knob());
        return Some(("refused", No { code, text, knob, unit: reason.unit(), numbers: *numbers }));
    }
    None
}

/// Returns a number of a no as people write it.
pub fn amount(unit: Unit, number: i64) -> String {
    match unit {
        Unit::None => String::new(),
        Unit::Usdc => format!("${}", Usdc(number)),
        Unit::Shares => format!("{} shares", decimal::written(number, 1_000_000)),
        Unit::Price => decimal::written(number, 1_000_000),
        Unit::Milliseconds => length(number),
        Unit::Ppm => format!("{}%", decimal::written(number, 10_000)),
        Unit::Count => number.to_string(),
    }
}

fn step(name: &'static str, text: String) -> Step {
    Step { name, text }
}

fn attempt(order: &Submitted) -> &'static str {
    if order.attempt == 1 { "order" } else { "again" }
}

fn kind(order: &Submitted) -> &'static str {
    match order.kind {
        OrderKind::Fak => "the rest cancelled (FAK)",
        OrderKind::Fok => "in full or not at all (FOK)",
        OrderKind::Gtc => "the rest stays in the book (GTC)",
    }
}

fn percent(ppm: u32) -> String {
    format!("{}%", decimal::written(i64::from(ppm), 10_000))
}

fn length(millis: i64) -> String {
    match millis {
        0 => "0 ms".to_owned(),
        _ if millis % 60_000 == 0 => format!("{} min", millis / 60_000),
        _ if millis % 1_000 == 0 => format!("{} s", millis / 1_000),
        _ => format!("{millis} ms"),
    }
}

/// Returns the average price of a fill.
fn paid(case: &Case, filled: &Filled) -> Price {
    average_price(filled.cash, filled.shares, case.price)
}

/// Returns the best price on the other side of a trade.
fn touch(case: &Case, side: Side) -> Price {
    match side {
        Side::Buy => case.ask,
        Side::Sell => case.bid.unwrap_or(case.ask),
    }
}

/// Returns by how many percent `price` is worse for us than `reference`, with two decimals.
fn against(side: Side, price: Price, reference: Price) -> String {
    let worse = i64::from(price.micros()) - i64::from(reference.micros());
    let worse = match side {
        Side::Buy => worse,
        Side::Sell => -worse,
    };
    decimal::written(worse * 10_000 / i64::from(reference.micros()), 100)
}
