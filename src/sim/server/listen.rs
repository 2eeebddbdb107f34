//! Where the venue is reached: one origin a service, as the real one has, in plain or over TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};

use axum::Router;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::tls::{Identity, TlsListener};

/// The base URLs of a running venue. Clients of others put paths behind them, so those of REST services are origins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Urls {
    pub clob: String,
    pub ws_market: String,
    pub ws_user: String,
    pub rtds: String,
    pub gamma: String,
    pub data: String,
    pub rpc_http: String,
    pub rpc_ws: String,
    pub relayer: String,
    pub control: String,
    pub geoblock: String,
}

/// What listens, each on its own port.
#[derive(Debug)]
pub struct Ports {
    pub clob: TcpListener,
    pub gamma: TcpListener,
    pub data: TcpListener,
    pub relayer: TcpListener,
}

impl Ports {
    /// Binds the CLOB to `address` and the others to the three ports after it; with port 0, each to any free one. The error
    /// names the address that could not be had. Only addresses of this machine are allowed: nobody here asks who you are.
    pub async fn bind(address: SocketAddr) -> io::Result<Ports> {
        if !address.ip().is_loopback() {
            let what = format!("{address} is not an address of this machine alone: use 127.0.0.1");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let nth = |nth: u16| match address.port() {
            0 => Some(0),
            port => port.checked_add(nth),
        };
        let bind = async |offset: u16| match nth(offset) {
            Some(port) => bind_one(address.ip(), port).await,
            None => Err(io::Error::new(io::ErrorKind::InvalidInput, "the four ports do not fit below 65536")),
        };
        Ok(Ports { clob: bind(0).await?, gamma: bind(1).await?, data: bind(2).await?, relayer: bind(3).await? })
    }

    pub fn urls(&self, tls: Option<&Identity>) -> io::Result<Urls> {
        let (http, ws) = if tls.is_some() { ("https", "wss") } else { ("http", "ws") };
        let (clob, gamma, data, relayer) =
            (self.clob.local_addr()?, self.gamma.local_addr()?, self.data.local_addr()?, self.relayer.local_addr()?);
        Ok(Urls {
            clob: format!("{http}://{clob}"),
            ws_market: format!("{ws}://{clob}/ws/market"),
            ws_user: format!("{ws}://{clob}/ws/user"),
            rtds: format!("{ws}://{clob}/rtds"),
            gamma: format!("{http}://{gamma}"),
            data: format!("{http}://{data}"),
            rpc_http: format!("{http}://{clob}/rpc"),
            rpc_ws: format!("{ws}://{clob}/rpc"),
            relayer: format!("{http}://{relayer}"),
            control: format!("{http}://{clob}/control"),
            geoblock: format!("{http}://{clob}/api/geoblock"),
        })
    }
}

async fn bind_one(ip: IpAddr, port: u16) -> io::Result<TcpListener> {
    let address = SocketAddr::new(ip, port);
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
            _ => error.to_string(),
        };
        io::Error::new(error.kind(), format!("{address}: {why}"))
    })
}

/// Serves a router until `stopped`; answers that are under way then are still sent.
pub fn serve(
    listener: TcpListener,
    tls: Option<&Identity>,
    router: Router,
    stopped: &CancellationToken,
) -> io::Result<JoinHandle<()>> {
    let until = stopped.clone().cancelled_owned();
    Ok(match tls {
        None => tokio::spawn(ended(axum::serve(listener, router).with_graceful_shutdown(until).into_future())),
        Some(identity) => {
            let listener = TlsListener::new(listener, identity)?;
            tokio::spawn(ended(axum::serve(listener, router).with_graceful_shutdown(until).into_future()))
        }
    })
}

async fn ended(serving: impl Future<Output = io::Result<()>>) {
    if let Err(error) = serving.await {
        tracing::error!(%error, "the simulated venue stopped serving");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_cannot_be_had_is_named() {
        let free = Ports::bind("127.0.0.1:0".parse().expect("an address")).await.expect("ports");
        let taken = free.gamma.local_addr().expect("an address");
        for (address, expected) in [
            (taken.to_string(), format!("{taken}: another program listens there")),
            ("0.0.0.0:0".to_owned(), "use 127.0.0.1".to_owned()),
            ("127.0.0.1:65535".to_owned(), "do not fit".to_owned()),
        ] {
            let error = Ports::bind(address.parse().expect("an address")).await.expect_err(&address).to_string();
            assert!(error.contains(&expected), "{address}: {error}");
        }
    }
}
