//! TLS for the simulated venue: a test CA of its own and a certificate for this machine.
//!
//! The CA is new at each start and its key is never written, so nothing but this venue can use it.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Who does not shake hands within this is gone.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that wait to be served.
const BACKLOG: usize = 256;
/// Names and addresses that the certificate is good for.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// What a client trusts and what the server shows.
#[derive(Clone)]
pub struct Identity {
    /// The CA's certificate, in PEM.
    pub authority_pem: String,
    config: Arc<rustls::ServerConfig>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("authority_pem", &self.authority_pem).finish_non_exhaustive()
    }
}

impl Identity {
    /// Makes a CA and a certificate under it for `localhost` and `127.0.0.1`.
    pub fn generate() -> io::Result<Identity> {
        make().map_err(|error| io::Error::other(format!("no test certificate: {error}")))
    }

    /// Writes the CA's certificate to `ca.pem` in a folder, which is made if it is not there. Returns its path.
    pub fn write_authority(&self, folder: &Path) -> io::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join("ca.pem");
        std::fs::write(&path, &self.authority_pem)?;
        path.canonicalize()
    }
}

fn make() -> Result<Identity, Box<dyn std::error::Error>> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Remora's simulated venue: test CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut leaf = CertificateParams::new(NAMES.map(str::to_owned))?;
    leaf.distinguished_name.push(DnType::CommonName, "Remora's simulated venue");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf_key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&leaf_key, &issuer)?;

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate.der().to_vec())], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { authority_pem, config: Arc::new(config) })
}

/// Accepts TLS connections; a slow handshake holds up nobody else.
#[derive(Debug)]
pub struct TlsListener {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    pub fn new(listener: TcpListener, identity: &Identity) -> io::Result<TlsListener> {
        let address = listener.local_addr()?;
        let (shaken, ready) = mpsc::channel(BACKLOG);
        tokio::spawn(shake_hands(listener, TlsAcceptor::from(Arc::clone(&identity.config)), shaken));
        Ok(TlsListener { address, ready })
    }
}

/// Ends when the listener is dropped at the other end of the queue.
async fn shake_hands(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shaken: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    loop {
        let accepted = tokio::select! {
            () = shaken.closed() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, peer)) = accepted else {
            // Out of file descriptors, most likely.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (acceptor, shaken) = (acceptor.clone(), shaken.clone());
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await {
                // Nobody serves any more.
                shaken.send((stream, peer)).await.unwrap_or_default();
            }
        });
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
