//! A mail, in a real conversation of SMTP on this machine.

use std::sync::Arc;

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use super::{
    super::{
        board::{Note, Phase},
        mail,
        queue::Outcome,
        rule::Rule,
        words::Message,
    },
    server::identity,
};
use crate::{config::MailConfig, domain::Nanos};

/// Says SMTP; `refuses` is the command that it answers with 550. Notes every line that it hears.
async fn smtp(tls: Option<Arc<rustls::ServerConfig>>, refuses: &'static str) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (heard, lines) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 here\r\n").await;
            match &tls {
                None => converse(stream, refuses, &heard).await,
                Some(tls) => encrypted(stream, tls, refuses, &heard).await,
            }
        }
    });
    (port, lines)
}

/// Offers nothing but STARTTLS before the rest.
async fn encrypted(
    mut stream: TcpStream,
    tls: &Arc<rustls::ServerConfig>,
    refuses: &str,
    heard: &mpsc::UnboundedSender<String>,
) {
    loop {
        let mut line = String::new();
        if BufReader::new(&mut stream).read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let _ = heard.send(format!("plain {}", line.trim_end()));
        if line.starts_with("STARTTLS") {
            break;
        }
        let _ = stream.write_all(b"250-here\r\n250 STARTTLS\r\n").await;
    }
    let _ = stream.write_all(b"220 go\r\n").await;
    if let Ok(stream) = TlsAcceptor::from(Arc::clone(tls)).accept(stream).await {
        converse(stream, refuses, heard).await;
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, refuses: &str, heard: &mpsc::UnboundedSender<String>) {
    let (reading, mut writing) = tokio::io::split(stream);
    let mut lines = BufReader::new(reading).lines();
    let mut is_data = false;
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = heard.send(line.clone());
        let word = line.split([' ', ':']).next().unwrap_or_default().to_owned();
        let answer = match word.as_str() {
            "." => {
                is_data = false;
                "250 taken\r\n"
            }
            _ if is_data => continue,
            word if word == refuses => "550 not you\r\n",
            "EHLO" => "250-here\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 hello\r\n",
            "DATA" => {
                is_data = true;
                "354 go on\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 fine\r\n",
        };
        if writing.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn config(host: &str, port: u16, user: &str) -> MailConfig {
    let (from, to) = ("remora@example.org".to_owned(), "me@example.org".to_owned());
    MailConfig { host: host.to_owned(), port, user: user.to_owned(), from, to }
}

async fn send(config: &MailConfig, password: Option<&str>, also: Option<&str>) -> Outcome {
    let text = "Trump wins?\r\nBcc: everybody@example.org\r\n.\r\nQUIT".to_owned();
    let note = Note {
        id: 1,
        rule: Rule::Breaker,
        subject: "portfolio 1".to_owned(),
        phase: Phase::Raised,
        text,
        at: Nanos::from_secs(1_800_000_000),
        more: 0,
    };
    mail::send(config, password, &Message { notes: &[note], dropped: 0, link: None }, also).await
}

fn all(lines: &mut mpsc::UnboundedReceiver<String>) -> Vec<String> {
    std::iter::from_fn(|| lines.try_recv().ok()).collect()
}

#[tokio::test]
async fn a_mail_is_told_as_the_protocol_wants_it() {
    let (port, mut lines) = smtp(None, "none").await;
    assert_eq!(send(&config("127.0.0.1", port, ""), None, None).await, Outcome::Delivered);
    let heard = all(&mut lines);
    let has = |line: &str| heard.iter().any(|heard| heard == line);
    assert!(has("MAIL FROM:<remora@example.org>") && has("RCPT TO:<me@example.org>"), "{heard:?}");
    assert!(has("Subject: Remora: Breaker tripped") && has("To: me@example.org"), "{heard:?}");
    // What a stranger wrote is in the body, and adds no reader.
    let end_of_head = heard.iter().position(String::is_empty).expect("an empty line");
    assert!(heard.iter().position(|line| line.starts_with("Bcc:")).is_none_or(|line| line > end_of_head), "{heard:?}");
    assert_eq!(heard.iter().filter(|line| line.starts_with("RCPT")).count(), 1);
}

#[tokio::test]
async fn a_password_leaves_only_over_tls() {
    let identity = identity();
    let (port, mut lines) = smtp(Some(identity.config.clone()), "none").await;
    let config = config("localhost", port, "me");
    assert_eq!(send(&config, Some("hidden"), Some(&identity.authority)).await, Outcome::Delivered);
    let heard = all(&mut lines);
    let plain = heard.iter().filter(|line| line.starts_with("plain ")).count();
    assert_eq!(plain, 2, "only EHLO and STARTTLS are said in the clear: {heard:?}");
    assert!(heard.iter().any(|line| line == "AUTH PLAIN AG1lAGhpZGRlbg=="), "{heard:?}");
    // A server that cannot encrypt is told nothing.
    let (port, mut lines) = smtp(None, "none").await;
    let config = MailConfig { port, ..config };
    assert!(matches!(
        send(&config, Some("hidden"), Some(&identity.authority)).await,
        Outcome::Later { .. } | Outcome::Never { .. }
    ));
    assert!(!all(&mut lines).iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")));
}

#[tokio::test]
async fn a_no_of_the_mail_server_is_told() {
    let (port, _lines) = smtp(None, "RCPT").await;
    let Outcome::Never { why } = send(&config("127.0.0.1", port, ""), None, None).await else { panic!("it was taken") };
    assert!(why.contains("550") && why.contains("not you"), "{why}");
    let nobody = send(&config("127.0.0.1", 9, ""), None, None).await;
    assert!(matches!(nobody, Outcome::Later { .. }), "{nobody:?}");
}
