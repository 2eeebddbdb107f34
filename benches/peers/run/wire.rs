//! Wire to wire: a leader's frame written -> the bytes of the POST read by the venue, beside the official client on tokio.

/// Returns how many times ours is faster, or why nobody knows. THE place where that comparison goes in: nothing else has to
/// change, the JSON and the table take what is said here.
pub fn ratio() -> Result<f64, &'static str> {
    Err(
        "not compared: ours is measured by `cargo bench --bench wire`, the official client's way over that wire is not yet",
    )
}
