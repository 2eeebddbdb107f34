//! The task behind a socket: one connection after the other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::{Command, Lost, MESSAGE_MAX, Options, SocketEvent, SocketStatus, Speech};
use crate::domain::Nanos;

/// The first pause before connecting again; it doubles up to the second.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// What we say is short; if the venue does not take it for so long, the connection is dead.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct Session<Clock> {
    pub options: Options,
    pub speech: Speech,
    pub clock: Clock,
    pub commands: mpsc::Receiver<Command>,
    pub events: mpsc::Sender<SocketEvent>,
    pub status: Arc<Mutex<SocketStatus>>,
}

impl<Clock: Fn() -> Nanos + Send> Session<Clock> {
    pub async fn run(mut self) {
        let mut failures = 0;
        loop {
            if self.wait_for_work().await == Work::Over {
                return;
            }
            let frames_before = self.update(|status| status.frames);
            let lost = match connect(&self.options).await {
                Ok(socket) => self.carry(socket).await,
                Err(lost) => lost,
            };
            let frames = self.update(|status| {
                status.lost = Some(lost.clone());
                status.frames
            });
            failures = if frames > frames_before { 0 } else { failures + 1 };
            tracing::info!(url = self.options.shown, %lost, failures, "socket lost");
            match lost {
                Lost::Stopped => return,
                Lost::Aged | Lost::Asked | Lost::Idle => {}
                Lost::Silent { .. }
                | Lost::Overrun { .. }
                | Lost::TooLong { .. }
                | Lost::Closed { .. }
                | Lost::Failed { .. } => {
                    if self.pause(failures).await == Work::Over {
                        return;
                    }
                }
            }
        }
    }

    /// Waits until there is something to listen for.
    async fn wait_for_work(&mut self) -> Work {
        while self.speech.is_idle() {
            match self.commands.recv().await {
                Some(command) => drop(self.speech.hear(command)),
                None => return Work::Over,
            }
        }
        Work::Waits
    }

    /// Waits before the next attempt, listening to commands meanwhile.
    async fn pause(&mut self, failures: u32) -> Work {
        let pause = pause_after(failures, (self.clock)());
        let end = sleep(pause);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return Work::Waits,
                command = self.commands.recv() => match command {
                    // The next connection's greeting says it.
                    Some(command) => drop(self.speech.hear(command)),
                    None => return Work::Over,
                },
            }
        }
    }

    /// Carries a connection until it ends, and says so.
    async fn carry(&mut self, mut socket: Socket) -> Lost {
        self.update(|status| {
            status.is_connected = true;
            status.connects += 1;
        });
        if self.events.send(SocketEvent::Connected).await.is_err() {
            return Lost::Stopped;
        }
        let lost = match say(&mut socket, self.speech.greeting()).await {
            Ok(()) => self.listen(&mut socket).await,
            Err(lost) => lost,
        };
        // Closing politely is a courtesy to a venue that may be gone.
        timeout(Duration::from_millis(200), socket.close(None)).await.ok();
        self.update(|status| {
            status.is_connected = false;
            status.lost = Some(lost.clone());
        });
        // Waits for room: a reader who fell behind must learn of the gap.
        match self.events.send(SocketEvent::Disconnected(lost.clone())).await {
            Ok(()) => lost,
            Err(_) => Lost::Stopped,
        }
    }

    async fn listen(&mut self, socket: &mut Socket) -> Lost {
        let began = Instant::now();
        let (mut data_at, mut ping_at) = (began, began + self.options.ping_every);
        loop {
            let said = tokio::select! {
                message = socket.next() => match self.take(message) {
                    Taken::Data => { data_at = Instant::now(); Ok(()) }
                    Taken::Other => Ok(()),
                    Taken::End(lost) => Err(lost),
                },
                command = self.commands.recv() => match command {
                    None => Err(Lost::Stopped),
                    Some(Command::Reconnect) => Err(Lost::Asked),
                    Some(command) => {
                        let frames = self.speech.hear(command);
                        if self.speech.is_idle() { Err(Lost::Idle) } else { say(socket, frames).await }
                    }
                },
                () = sleep_until(ping_at) => {
                    ping_at = Instant::now() + self.options.ping_every;
                    say(socket, self.speech.ping().map(str::to_owned).into_iter().collect()).await
                }
                () = sleep_until(data_at + self.options.silence_max) => {
                    Err(Lost::Silent { silence_max: self.options.silence_max })
                }
                () = sleep_until(began + self.options.age_max) => Err(Lost::Aged),
            };
            if let Err(lost) = said {
                return lost;
            }
        }
    }

    fn take(&mut self, message: Option<Result<Message, Error>>) -> Taken {
        let bytes = match message {
            Some(Ok(Message::Text(text))) => Bytes::from(text),
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Taken::Other,
            Some(Ok(Message::Close(frame))) => {
                let reason = frame.map_or("no reason given".to_owned(), |frame| frame.to_string());
                return Taken::End(Lost::Closed { reason });
            }
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { size, .. }))) => {
                return Taken::End(Lost::TooLong { size });
            }
            Some(Err(error)) => return Taken::End(Lost::Failed { error: error.to_string() }),
            None => return Taken::End(Lost::Closed { reason: "the stream ended".to_owned() }),
        };
        if bytes.as_ref() == b"PONG" && !self.speech.is_quiet_by_nature() {
            return Taken::Other;
        }
        let received = (self.clock)();
        let is_data = matches!(bytes.first(), Some(b'{' | b'[')) || bytes.as_ref() == b"PONG";
        self.update(|status| {
            status.frames += 1;
            status.data_at = if is_data { received } else { status.data_at };
        });
        match self.events.try_send(SocketEvent::Frame { bytes, received }) {
            Ok(()) if is_data => Taken::Data,
            Ok(()) => Taken::Other,
            Err(mpsc::error::TrySendError::Full(_)) => {
                Taken::End(Lost::Overrun { events_max: self.options.events_max })
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Taken::End(Lost::Stopped),
        }
    }

    fn update<T>(&self, change: impl FnOnce(&mut SocketStatus) -> T) -> T {
        change(&mut self.status.lock().expect("nobody panicked with the status in hand"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Waits,
    Over,
}

enum Taken {
    Data,
    Other,
    End(Lost),
}

async fn connect(options: &Options) -> Result<Socket, Lost> {
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX)).max_frame_size(Some(MESSAGE_MAX));
    let (url, shown, limit) = (options.url.as_str(), options.shown.as_str(), options.connect_timeout);
    let mut tls = crate::feed::client_tls();
    tls.alpn_protocols.clear();
    let connector = Some(Connector::Rustls(Arc::new(tls)));
    match timeout(limit, connect_async_tls_with_config(url, Some(config), true, connector)).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(Lost::Failed { error: format!("cannot connect to {shown}: {error}") }),
        Err(_) => Err(Lost::Failed { error: format!("cannot connect to {shown}: no answer in {limit:?}") }),
    }
}

async fn say(socket: &mut Socket, frames: Vec<String>) -> Result<(), Lost> {
    for frame in frames {
        match timeout(SEND_TIMEOUT, socket.send(Message::text(frame))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Lost::Failed { error: error.to_string() }),
            Err(_) => return Err(Lost::Failed { error: format!("the venue took nothing for {SEND_TIMEOUT:?}") }),
        }
    }
    Ok(())
}

/// Doubles with each failure in a row. The last digits of the clock spread those who were cut off together.
fn pause_after(failures: u32, now: Nanos) -> Duration {
    let pause = PAUSE_MIN.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(PAUSE_MAX);
    let spread = pause.as_nanos() as u64 / 4;
    pause - Duration::from_nanos((now.0 / 1_000).wrapping_mul(0x9e37_79b9_7f4a_7c15) % spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_seconds_less_a_spread() {
        for (failures, millis) in [(0, 250), (1, 250), (2, 500), (3, 1_000), (5, 4_000), (6, 5_000), (60, 5_000)] {
            for now in 0..100 {
                let pause = pause_after(failures, Nanos(now * 1_234_567)).as_millis();
                assert!((millis * 3 / 4..=millis).contains(&pause), "{failures}: {pause}");
            }
        }
    }
}
