//! TLS for everything that connects: rustls with ring.

/// Makes ring the process's TLS provider. Must have run before anything connects; running it again does nothing.
pub fn install_tls() {
    // It fails only if a provider is installed already, which is what we want.
    rustls::crypto::ring::default_provider().install_default().unwrap_or_default();
}
