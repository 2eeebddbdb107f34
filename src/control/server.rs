//! The socket in the data folder: only this user may open it, and is asked who he is all the same.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream, unix::WriteHalf},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
};

use super::{
    Console,
    words::{Answer, LINE_MAX, Line},
};
use crate::web::Picture;

/// Conversations at once; more wait for their turn.
const CONVERSATIONS_MAX: usize = 8;
/// Processes that serve pages at once; more are refused.
const WATCHERS_MAX: usize = 4;
/// How often they are shown the picture.
const PICTURE_EVERY: Duration = Duration::from_secs(1);
/// How long somebody may take to say something.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns the socket of a data folder.
pub fn path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// The listener ended.
pub struct Ended(String);

pub struct Control;

pub struct Listening(JoinHandle<()>);

impl Actor for Control {
    type Msg = Ended;
    type State = Listening;
    type Arguments = Console;

    async fn pre_start(&self, myself: ActorRef<Ended>, console: Console) -> Result<Listening, ActorProcessingErr> {
        let path = path(&console.plant.config.data.dir);
        let listener = listen(&path).map_err(|error| {
            format!(
                "the control socket {} cannot be opened: {error}\n  fix: choose a data folder with a shorter path that this \
                 user may write, with --data FOLDER",
                path.display()
            )
        })?;
        Ok(Listening(tokio::spawn(async move {
            let error = serve(listener, console).await;
            // Whoever is gone started it anew.
            let _ = myself.cast(Ended(error.to_string()));
        })))
    }

    async fn handle(&self, _: ActorRef<Ended>, Ended(why): Ended, _: &mut Listening) -> Result<(), ActorProcessingErr> {
        Err(why.into())
    }

    async fn post_stop(&self, _: ActorRef<Ended>, state: &mut Listening) -> Result<(), ActorProcessingErr> {
        state.0.abort();
        Ok(())
    }
}

/// The journal's lock says that no other engine uses this folder: a socket that is there is of one that is gone.
fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn serve(listener: UnixListener, console: Console) -> io::Error {
    let room = Arc::new(Semaphore::new(CONVERSATIONS_MAX));
    let watchers = Arc::new(Semaphore::new(WATCHERS_MAX));
    loop {
        let place = Arc::clone(&room).acquire_owned().await.expect("it is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let (console, watchers) = (console.clone(), Arc::clone(&watchers));
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &console, place, &watchers).await {
                        tracing::debug!(%error, "a conversation at the control socket broke off");
                    }
                });
            }
            Err(error) => return error,
        }
    }
}

/// One line in, one line out; but who watches gets one after the other.
async fn converse(
    mut stream: UnixStream,
    console: &Console,
    place: OwnedSemaphorePermit,
    watchers: &Semaphore,
) -> io::Result<()> {
    let peer = stream.peer_cred()?;
    // SAFETY: this call takes nothing and cannot fail.
    let us = unsafe { libc::geteuid() };
    let (reading, mut writing) = stream.split();
    let answer = match may_speak(peer.uid(), us) {
        false => {
            tracing::warn!(uid = peer.uid(), "another user spoke at the control socket");
            Answer::refused("this engine takes no word of another user", "run it as the user that runs the engine")
        }
        true => {
            let mut line = vec![];
            let mut reading = BufReader::new(reading).take(LINE_MAX as u64);
            tokio::time::timeout(PATIENCE, reading.read_until(b'\n', &mut line)).await??;
            match serde_json::from_slice(&line) {
                Ok(Line::Command(said)) => console.hear(said).await,
                Ok(Line::Watch) => {
                    // Who only looks keeps nobody from speaking.
                    drop(place);
                    match watchers.try_acquire() {
                        Ok(_seat) => return watched(writing, console).await,
                        Err(_) => Answer::refused(
                            format!("{WATCHERS_MAX} are watching already"),
                            "end one of the processes that serve pages of this engine",
                        ),
                    }
                }
                Err(error) => {
                    Answer::refused(format!("this is no command: {error}"), "use the same version's `remora`")
                }
            }
        }
    };
    let mut text = serde_json::to_vec(&answer).expect("an answer is JSON");
    text.push(b'\n');
    tokio::time::timeout(PATIENCE, writing.write_all(&text)).await?
}

/// The picture, a line a second, until the other end hangs up.
async fn watched(mut writing: WriteHalf<'_>, console: &Console) -> io::Result<()> {
    let mut ticks = tokio::time::interval(PICTURE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let state = Arc::clone(&console.picture);
        // Reading histograms waits for who records.
        let made = tokio::task::spawn_blocking(move || serde_json::to_vec(&Picture::of(&state)));
        let mut text = made.await.expect("a picture is made without a panic")?;
        text.push(b'\n');
        tokio::time::timeout(PATIENCE, writing.write_all(&text)).await??;
    }
}

/// Root may do everything anyway.
pub(super) fn may_speak(peer: u32, us: u32) -> bool {
    peer == us || peer == 0
}
