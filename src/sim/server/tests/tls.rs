//! HTTPS and WSS under the venue's own CA, and nothing in plain.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_tungstenite::Connector;

use super::*;
use crate::sim::server::tls::Identity;

#[tokio::test]
async fn who_trusts_the_ca_is_served_and_nobody_else() {
    let identity = Identity::generate().expect("a certificate");
    let options = Options { tls: Some(identity.clone()), ..Options::default() };
    crate::feed::install_tls();
    let venue = Server::start(options).await.expect("a free port");
    let authority = reqwest::Certificate::from_pem(identity.authority_pem.as_bytes()).expect("a certificate");
    let trusting = reqwest::Client::builder().tls_certs_only([authority]).build().expect("a client");
    for url in [
        format!("{}/version", venue.urls.clob),
        format!("{}/tags", venue.urls.gamma),
        format!("{}/v2/status", venue.urls.data),
    ] {
        assert!(url.starts_with("https://"), "{url}");
        let answer = trusting.get(&url).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_11), "{url}");
        // The certificate is good for the name, too.
        let named = url.replace("127.0.0.1", "localhost");
        assert_eq!(trusting.get(named).send().await.expect("an answer").status(), 200, "{url}");
        let stranger = reqwest::Client::builder().tls_certs_only([]).build().expect("a client");
        assert!(stranger.get(&url).send().await.is_err_and(|error| error.is_connect()), "{url}");
        let plain = reqwest::get(url.replace("https:", "http:")).await;
        assert!(plain.is_err(), "{url}");
    }

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(identity.authority_pem.as_bytes()).expect("PEM")).expect("a root");
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = Connector::Rustls(Arc::new(config));
    assert!(venue.urls.ws_market.starts_with("wss://"));
    let connected =
        tokio_tungstenite::connect_async_tls_with_config(&venue.urls.ws_market, None, false, Some(connector)).await;
    let (mut socket, _) = connected.expect("a socket");
    socket.send(Frame::text("PING")).await.expect("a listener");
    let answer = socket.next().await.expect("a frame").expect("a frame");
    assert_eq!(answer, Frame::text("PONG"));
    // Who never shakes hands holds up nobody.
    let _silent =
        tokio::net::TcpStream::connect(venue.urls.clob.trim_start_matches("https://")).await.expect("a socket");
    assert_eq!(trusting.get(format!("{}/version", venue.urls.clob)).send().await.expect("an answer").status(), 200);
    venue.stop().await;
}
