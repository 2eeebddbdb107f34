//! One connection to the venue: made, written to, read from, and how much of a request left.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::reply::{self, Parsed, Reply};
use super::{Failure, Target};
use crate::{clock, fault};

/// TCP and TLS together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// From the first byte of a request to the last of its answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_millis(2_500);

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// A connection that is up. One request at a time.
pub struct Line {
    wire: Box<dyn Wire>,
    /// Bytes that the system took, handshake included.
    written: Arc<AtomicU64>,
    buffer: Vec<u8>,
    pub requests: u32,
    /// On the clock that only measures.
    pub used_at: u64,
}

impl Line {
    pub async fn connect(target: &Target) -> Result<Line, String> {
        match timeout(CONNECT_TIMEOUT, open(target)).await {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(error)) => Err(format!("cannot connect to {}: {error}", target.host)),
            Err(_) => Err(format!("cannot connect to {}: no answer in {CONNECT_TIMEOUT:?}", target.host)),
        }
    }

    /// Returns whether nothing came since the last answer: neither an end nor bytes that nobody asked for.
    pub fn is_quiet(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut buffer = ReadBuf::new(&mut byte);
        let polled = Pin::new(&mut *self.wire).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
        polled.is_pending()
    }

    /// Closes our half: nothing can be written any more.
    #[cfg(test)]
    pub async fn shut_down(&mut self) {
        self.wire.shutdown().await.expect("a connection");
    }

    /// Writes a request as it is and reads the answer. Says whether the connection may be used again.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<(Reply, bool), Failure> {
        let before = self.written.load(Ordering::Relaxed);
        self.requests += 1;
        let result = match timeout(ANSWER_TIMEOUT, self.write_and_read(request)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer in {ANSWER_TIMEOUT:?}")),
        };
        self.used_at = clock::mono();
        result.map_err(|why| match self.written.load(Ordering::Relaxed) == before {
            true => Failure::NotWritten { why },
            false => Failure::Written { why },
        })
    }

    async fn write_and_read(&mut self, request: &[u8]) -> Result<(Reply, bool), String> {
        fault::point("before_first_byte");
        if fault::is_next("after_first_byte") {
            // Half a request is at the venue when the process dies.
            let _ = self.wire.write_all(&request[..request.len() / 2]).await;
            let _ = self.wire.flush().await;
        }
        fault::point("after_first_byte");
        self.wire.write_all(request).await.map_err(|error| format!("cannot write: {error}"))?;
        self.wire.flush().await.map_err(|error| format!("cannot write: {error}"))?;
        fault::point("after_last_byte");
        self.buffer.clear();
        loop {
            // A venue that ends without saying so over TLS has ended all the same.
            let is_over = match self.wire.read_buf(&mut self.buffer).await {
                Ok(read) => read == 0,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => true,
                Err(error) => return Err(format!("cannot read the answer: {error}")),
            };
            match reply::parse(&self.buffer, is_over) {
                Ok(Parsed::Partial) => {}
                Ok(Parsed::Whole { reply, is_reusable }) => {
                    fault::point("after_reply");
                    return Ok((reply, is_reusable));
                }
                Err(bad) => return Err(bad.to_string()),
            }
        }
    }
}

async fn open(target: &Target) -> io::Result<Line> {
    fault::point("before_connect");
    let socket = TcpStream::connect((target.name.as_str(), target.port)).await?;
    socket.set_nodelay(true)?;
    let written = Arc::new(AtomicU64::new(0));
    let counted = Counted { socket, written: Arc::clone(&written) };
    let wire: Box<dyn Wire> = match &target.tls {
        None => Box::new(counted),
        Some(config) => {
            let name = ServerName::try_from(target.name.clone()).map_err(io::Error::other)?;
            Box::new(TlsConnector::from(Arc::clone(config)).connect(name, counted).await?)
        }
    };
    Ok(Line { wire, written, buffer: Vec::with_capacity(8 << 10), requests: 0, used_at: clock::mono() })
}

/// A socket that knows how much left.
struct Counted {
    socket: TcpStream,
    written: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            self.written.fetch_add(count as u64, Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
