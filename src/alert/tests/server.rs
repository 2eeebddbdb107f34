//! A small server for one connection after the other, with TLS where it is asked for: it notes what came, and answers as told.

use std::{net::SocketAddr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

/// A certificate for localhost, and the authority that signed it, in PEM.
pub struct Identity {
    pub authority: String,
    pub config: Arc<rustls::ServerConfig>,
}

pub fn identity() -> Identity {
    crate::feed::install_tls();
    let key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).expect("signed");
    let issuer = Issuer::new(authority, key);
    let own_key = KeyPair::generate().expect("a key");
    let own = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
    let own = own.signed_by(&own_key, &issuer).expect("signed");
    let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own_key.serialize_der()));
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![own.der().clone()], secret).expect("a certificate");
    Identity { authority: certificate.pem(), config: Arc::new(config) }
}

/// What the server does with each request.
#[derive(Clone)]
pub enum Answer {
    Says(String),
    /// Takes the request and says nothing.
    Hangs,
    /// A body that does not end.
    Floods,
}

pub struct Server {
    pub address: SocketAddr,
    /// Heads and bodies as they came.
    pub requests: mpsc::UnboundedReceiver<String>,
}

impl Server {
    pub async fn start(answer: Answer, tls: Option<Arc<rustls::ServerConfig>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (heard, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, heard, tls) = (answer.clone(), heard.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, answer, &heard).await,
                        Some(tls) => {
                            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                                serve(stream, answer, &heard).await;
                            }
                        }
                    }
                });
            }
        });
        Server { address, requests }
    }

    pub fn answering(status: &str, body: &str) -> Answer {
        Answer::Says(format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: Answer, heard: &mpsc::UnboundedSender<String>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let is_whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length =
                head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            body.len() >= length.unwrap_or(0_usize)
        });
        if is_whole || read == 0 {
            let _ = heard.send(text.into_owned());
            break;
        }
    }
    match answer {
        Answer::Says(text) => drop(stream.write_all(text.as_bytes()).await),
        Answer::Hangs => tokio::time::sleep(std::time::Duration::from_secs(60)).await,
        Answer::Floods => {
            let _ = stream.write_all(b"HTTP/1.1 500 Flood\r\n\r\n").await;
            while stream.write_all(&[b'x'; 4_096]).await.is_ok() {}
        }
    }
    let _ = stream.shutdown().await;
}
