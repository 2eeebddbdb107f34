//! TLS for everything that connects: rustls with ring, and certificate roots that are compiled in.

use std::sync::OnceLock;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What is trusted besides, in the whole process: a simulated venue's own authority.
static ALSO: OnceLock<CertificateDer<'static>> = OnceLock::new();

/// Trusts one more authority from now on, given in PEM. Fails if it is none, or another one is trusted already.
pub fn trust_also(pem: &str) -> Result<(), String> {
    let told = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| format!("no certificate: {error}"))?;
    rustls::RootCertStore::empty().add(told.clone()).map_err(|error| format!("no authority: {error}"))?;
    match ALSO.get_or_init(|| told.clone()) == &told {
        true => Ok(()),
        false => Err("another authority is trusted already: a process trusts one besides the usual ones".to_owned()),
    }
}

/// Makes ring the process's TLS provider. Must have run before anything connects; running it again does nothing.
pub fn install_tls() {
    // It fails only if a provider is installed already, which is what we want.
    rustls::crypto::ring::default_provider().install_default().unwrap_or_default();
}

/// Returns the TLS settings of a client: the same roots on every machine, HTTP/2 where the server has it.
pub fn client_tls() -> rustls::ClientConfig {
    install_tls();
    let mut roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    roots.add_parsable_certificates(ALSO.get().cloned());
    let mut config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
