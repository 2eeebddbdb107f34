//! TLS for everything that connects: rustls with ring, and certificate roots that are compiled in.

/// Makes ring the process's TLS provider. Must have run before anything connects; running it again does nothing.
pub fn install_tls() {
    // It fails only if a provider is installed already, which is what we want.
    rustls::crypto::ring::default_provider().install_default().unwrap_or_default();
}

/// Returns the TLS settings of a client: the same roots on every machine, HTTP/2 where the server has it.
pub fn client_tls() -> rustls::ClientConfig {
    install_tls();
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
