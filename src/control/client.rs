//! The other end: what `remora off` and its like say to the engine of a data folder.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, Lines};

use super::{
    server::path,
    words::{Answer, Command, Envelope, Line},
};

/// The engine answers within two seconds, or says that it cannot.
const PATIENCE: Duration = Duration::from_secs(5);
/// A channel of alerts may take longer.
const ALERT_PATIENCE: Duration = Duration::from_secs(20);

/// Says one command as whoever runs this process, and returns the answer. Fails where no engine listens.
pub fn say(data: &Path, command: &Command) -> io::Result<Answer> {
    // SAFETY: this call takes nothing and cannot fail.
    let uid = unsafe { libc::geteuid() };
    let envelope = Envelope::fresh(format!("cli uid {uid} pid {}", std::process::id()), command.clone());
    let mut stream = UnixStream::connect(path(data))?;
    stream.set_read_timeout(Some(patience(command)))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&line(&Line::Command(envelope))?)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// The same for those who must not block, in an envelope of theirs.
pub async fn tell(data: &Path, envelope: Envelope) -> io::Result<Answer> {
    let patience = patience(&envelope.command);
    let said = async {
        let mut lines = ask(data, &Line::Command(envelope)).await?;
        let answer = lines.next_line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(serde_json::from_str(&answer)?)
    };
    tokio::time::timeout(patience, said).await?
}

fn patience(command: &Command) -> Duration {
    if matches!(command, Command::TestAlert { .. }) { ALERT_PATIENCE } else { PATIENCE }
}

/// Says a line and returns what comes back, line by line.
pub async fn ask(data: &Path, said: &Line) -> io::Result<Lines<tokio::io::BufReader<tokio::net::UnixStream>>> {
    let mut stream = tokio::net::UnixStream::connect(path(data)).await?;
    stream.write_all(&line(said)?).await?;
    Ok(tokio::io::BufReader::new(stream).lines())
}

fn line(said: &Line) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(said)?;
    text.push(b'\n');
    Ok(text)
}

/// Returns the process that holds the journal of a data folder.
pub fn pid_of(data: &Path) -> Option<i32> {
    let path = data.join("journal").join("lock");
    let pid = std::fs::read_to_string(&path).ok()?.trim().parse().ok().filter(|pid| *pid > 1)?;
    // The number stays in the file when its process is gone, and another may have it then: only who holds the lock counts.
    let file = std::fs::File::open(&path).ok()?;
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => Some(pid),
        Ok(()) | Err(std::fs::TryLockError::Error(_)) => None,
    }
}

/// Sends SIGUSR1: the engine shuts its gate in the handler of it.
pub fn signal(pid: i32) -> io::Result<()> {
    // SAFETY: this call takes two numbers.
    match unsafe { libc::kill(pid, libc::SIGUSR1) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
