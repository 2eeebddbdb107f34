//! Wire to wire: a leader's frame written -> the bytes of the POST read by the venue, beside the official client on tokio.

/// Returns how many times ours is faster, or why nobody knows. THE place where that measurement goes in: nothing else has to
/// change, the JSON and the table take what is said here.
pub fn ratio() -> Result<f64, &'static str> {
    Err("not measured: there is no bench of the whole way over TLS yet (issue 8, item 5: wire_to_wire)")
}
