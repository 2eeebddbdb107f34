//! What the Rust peers share: the orders and frames that all programs read, and what a program says of itself.

use serde_json::Value;

/// The file that the first argument names.
pub struct Work(Value);

impl Work {
    pub fn read() -> Work {
        let path = std::env::args().nth(1).expect("an argument: the file of orders and frames");
        Work(serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON"))
    }

    pub fn text(&self, key: &str) -> &str {
        self.0[key].as_str().expect("a text")
    }

    /// Returns prices and numbers of shares.
    pub fn orders<T: std::str::FromStr<Err: std::fmt::Debug>>(&self) -> Vec<(T, T)> {
        let number = |order: &Value, key: &str| order[key].as_str().expect("a text").parse().expect("a number");
        let orders = self.0["orders"].as_array().expect("orders");
        orders.iter().map(|order| (number(order, "price"), number(order, "shares"))).collect()
    }

    pub fn frames(&self, name: &str) -> Vec<String> {
        let frames = self.0["frames"][name].as_array().expect("frames");
        frames.iter().map(|frame| frame.as_str().expect("a text").to_owned()).collect()
    }
}

/// Returns the version of a package in the text of a lock file.
pub fn version<'a>(lock: &'a str, package: &str) -> &'a str {
    let entry = lock.split_once(&format!("name = \"{package}\"\nversion = \"")).expect("it is locked").1;
    entry.split('"').next().expect("a version")
}
