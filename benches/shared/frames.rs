//! Frames as the venue's sockets tell them, made from a seed.

use std::fmt::Write;

pub const UP: &str = "71321045679252212594626385532706912750332728571942532289631379312455583992563";
pub const DOWN: &str = "52114319501245915516055106046884209969926127482827954674443846427813813222426";
pub const CONDITION: &str = "0x747dc809fb79e1b05be09c42d6179459a58de2ef3e40f02484a4e1260f741f75";

/// xorshift64*: enough for sizes that differ in length.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }

    /// Sizes as in recordings: about half whole, the rest with one or two decimals.
    pub fn size(&mut self) -> String {
        let whole = match self.below(4) {
            0 => self.below(100) + 1,
            1 | 2 => self.below(1_000) + 1,
            _ => self.below(20_000) + 1,
        };
        match self.below(10) {
            0..5 => whole.to_string(),
            5 | 6 => format!("{whole}.{}", self.below(9) + 1),
            _ => format!("{whole}.{}{}", self.below(10), self.below(9) + 1),
        }
    }

    pub fn hash(&mut self) -> String {
        (0..40).map(|_| char::from_digit(self.below(16) as u32, 16).expect("a digit")).collect()
    }
}

/// The best bids of a market's two tokens, in thousandths. What is bid for one is asked for the other: 1 - 0.501 = 0.499.
const BEST_BIDS: [(&str, u32); 2] = [(UP, 500), (DOWN, 499)];

fn thousandths(price: u32) -> String {
    let price = format!("{:.3}", f64::from(price) / 1_000.0);
    price.trim_end_matches('0').to_owned()
}

/// A book of 100 + 100 levels on the 0.001 grid, in the key order of the socket.
pub fn snapshot(chance: &mut Chance, token: &str) -> String {
    let mut levels = |prices: &mut dyn Iterator<Item = u32>| {
        let level = |price| format!(r#"{{"price":"{}","size":"{}"}}"#, thousandths(price), chance.size());
        prices.map(level).collect::<Vec<_>>().join(",")
    };
    let (_, best) = BEST_BIDS[usize::from(token == DOWN)];
    let (bids, asks) = (levels(&mut (best - 99..=best)), levels(&mut (best + 1..=best + 100).rev()));
    format!(
        r#"{{"market":"{CONDITION}","asset_id":"{token}","bids":[{bids}],"asks":[{asks}],"hash":"{}","timestamp":"1776082810581","event_type":"book"}}"#,
        chance.hash()
    )
}

/// Changes of levels behind the best ones of such books, in pairs: what is bid for one token is asked for the other.
pub fn price_change(chance: &mut Chance, entries: usize) -> String {
    let mut json = format!(r#"{{"market":"{CONDITION}","price_changes":["#);
    let (mut bid, mut size) = (0, String::new());
    for n in 0..entries {
        let (token, best) = BEST_BIDS[n % 2];
        if n % 2 == 0 {
            (bid, size) = (best - 1 - chance.below(90) as u32, chance.size());
        }
        let (side, price) = if n % 2 == 0 { ("BUY", bid) } else { ("SELL", 1_000 - bid) };
        let (comma, hash) = (if n == 0 { "" } else { "," }, chance.hash());
        let [price, bid, ask] = [price, best, best + 1].map(thousandths);
        write!(
            json,
            r#"{comma}{{"asset_id":"{token}","price":"{price}","size":"{size}","side":"{side}","hash":"{hash}","best_bid":"{bid}","best_ask":"{ask}"}}"#,
        )
        .expect("a string");
    }
    json + r#"],"timestamp":"1776082810728","event_type":"price_change"}"#
}

pub fn leader_frame(wallet: &str) -> String {
    format!(
        r#"{{"connection_id":"gXseIO-NQWeIKEhJwA==","payload":{{"asset":"{UP}","bio":"","conditionId":"{CONDITION}","eventSlug":"highest-temperature-in-wellington-on-august-19-2026","icon":"https://polymarket-upload.s3.us-east-2.amazonaws.com/weather.png","name":"Somebody","outcome":"No","outcomeIndex":1,"price":0.26,"profileImage":"","proxyWallet":"{wallet}","pseudonym":"Rowdy-Tenement","side":"BUY","size":2.7027,"slug":"highest-temperature-in-wellington-on-august-19-2026-10c","timestamp":1787102287,"title":"Will the highest temperature in Wellington be 10C on August 19?","transactionHash":"0xb6acf6859bc84216f4b3e2567fb392a2eae19d275340ad96ea17218ccfec27b7"}},"timestamp":1787102287053,"topic":"activity","type":"trades"}}"#
    )
}
