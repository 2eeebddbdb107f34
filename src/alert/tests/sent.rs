//! Messages that leave over real sockets: what services get, and what is made of their answers.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    super::{
        board::{Note, Phase},
        queue::Outcome,
        reach::Reach,
        rule::Rule,
        send::Services,
        words::Message,
    },
    server::{Answer, Server, identity},
};
use crate::{
    config::{ChannelConfig, ChannelKind, KeyPlace},
    domain::Nanos,
};

const HOSTILE: &str = "<b>@everyone</b> <!channel> *x* _y_ `z` [claim](evil) & </script>";

fn note(text: &str) -> Note {
    let (id, at) = (7, Nanos::from_secs(1_800_000_000));
    Note {
        id,
        rule: Rule::OrderUnknown,
        subject: "order 7".to_owned(),
        phase: Phase::Raised,
        text: text.to_owned(),
        at,
        more: 2,
    }
}

/// Keeps a secret where the settings may name it.
fn kept(folder: &tempfile::TempDir, secret: &str) -> Option<KeyPlace> {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.path().join("secret");
    std::fs::write(&path, format!("{secret}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("ours alone");
    Some(KeyPlace::File(path))
}

/// Sends a note to a channel whose secret is `secret`.
async fn send(services: &Services, kind: ChannelKind, secret: &str, text: &str) -> Outcome {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = kept(&folder, secret);
    let channel = ChannelConfig { name: "phone".to_owned(), kind, secret, on: Rule::ALL.to_vec(), quiet: None };
    let notes = [note(text)];
    services.send(&channel, &Message { notes: &notes, dropped: 3, link: Some("https://remora.example.org/") }).await
}

fn local(server: &Server) -> Services {
    let mut services = Services::new(true);
    services.telegram = format!("http://{}", server.address);
    services.slack = vec!["127.0.0.1".to_owned()];
    services.discord = vec!["127.0.0.1".to_owned()];
    services
}

async fn got(server: &mut Server) -> (String, Value) {
    let request = server.requests.recv().await.expect("a request");
    let (head, body) = request.split_once("\r\n\r\n").expect("a body");
    (head.to_owned(), serde_json::from_str(body).expect("JSON"))
}

#[tokio::test]
async fn each_service_gets_its_form_and_nothing_in_it_means_anything() {
    let mut server = Server::start(Server::answering("200 OK", "ok"), None).await;
    let services = local(&server);
    let hook = format!("http://{}/services/T0/B0/secretsecret", server.address);

    let chat = || ChannelKind::Telegram { chat: "-100".to_owned() };
    assert_eq!(send(&services, chat(), "12:abc-DEF", HOSTILE).await, Outcome::Delivered);
    let (head, body) = got(&mut server).await;
    assert!(head.starts_with("POST /bot12:abc-DEF/sendMessage "), "{head}");
    assert_eq!((body["chat_id"].as_str(), body["parse_mode"].as_str()), (Some("-100"), Some("HTML")));
    let text = body["text"].as_str().expect("a text");
    assert!(text.starts_with("<b>CRITICAL: Order unknown</b>\n&lt;b&gt;@everyone&lt;/b&gt;"), "{text}");
    assert!(text.contains("2 times more since it was told. (08:00:00 UTC)"), "{text}");
    assert!(text.ends_with("3 more are on the page.\n\nhttps://remora.example.org/alerts"), "{text}");
    assert!(!text.contains("<!") && !text.contains("</script>"), "{text}");

    assert_eq!(send(&services, ChannelKind::Slack, &hook, HOSTILE).await, Outcome::Delivered);
    let (head, body) = got(&mut server).await;
    assert!(head.starts_with("POST /services/T0/B0/secretsecret "), "{head}");
    let text = body["text"].as_str().expect("a text");
    assert!(text.contains("&lt;!channel&gt;") && body["mrkdwn"] == false, "{body}");

    assert_eq!(send(&services, ChannelKind::Discord, &hook, HOSTILE).await, Outcome::Delivered);
    let (_, body) = got(&mut server).await;
    let text = body["content"].as_str().expect("a text");
    assert!(text.contains("\\@everyone") && text.contains("\\[claim\\]\\(evil\\)"), "{text}");
    assert_eq!(body["allowed_mentions"]["parse"], serde_json::json!([]));

    assert_eq!(send(&services, ChannelKind::Webhook, &hook, HOSTILE).await, Outcome::Delivered);
    let (_, body) = got(&mut server).await;
    let alert = &body["alerts"][0];
    assert_eq!((alert["rule"].as_str(), alert["phase"].as_str()), (Some("order_unknown"), Some("raised")));
    assert_eq!((alert["severity"].as_str(), alert["text"].as_str()), (Some("critical"), Some(HOSTILE)));
    assert_eq!(alert["at"], "2027-01-15T08:00:00Z");
}

#[tokio::test]
async fn messages_fit_whatever_is_in_them() {
    let notes: Vec<Note> = (0..20).map(|_| note(&"*".repeat(5_000))).collect();
    let message = Message { notes: &notes, dropped: 0, link: None };
    let discord = message.discord();
    assert!(discord["content"].as_str().expect("a text").chars().count() <= 2_000);
    let telegram = message.telegram("1");
    let text = telegram["text"].as_str().expect("a text");
    assert!(text.chars().count() <= 4_096 && text.ends_with("19 more are on the page."), "{}", text.len());
}

#[tokio::test]
async fn a_secret_for_another_host_is_no_secret_of_the_service() {
    let services = Services::new(false);
    for secret in ["https://evil.example/services/x", "https://hooks.slack.com.evil.example/x", "nonsense"] {
        let Outcome::Never { why } = send(&services, ChannelKind::Slack, secret, "x").await else {
            panic!("{secret} was tried")
        };
        assert_eq!(why, "the secret is no address of slack");
    }
    let chat = ChannelKind::Telegram { chat: "1".to_owned() };
    let outcome = send(&services, chat, "12:abc/../../x", "x").await;
    assert_eq!(outcome, Outcome::Never { why: "the secret is no bot's token".to_owned() });
}

/// Posts to a server that answers so, and returns what is made of it.
async fn posted(answer: Answer) -> Outcome {
    let server = Server::start(answer, None).await;
    let secret = format!("http://{}/hook/verysecretpart?key=alsoverysecret", server.address);
    let outcome = send(&Services::new(true), ChannelKind::Webhook, &secret, "x").await;
    let said = format!("{outcome:?}");
    assert!(!said.contains("verysecretpart") && !said.contains("alsoverysecret"), "{said}");
    outcome
}

#[tokio::test]
async fn answers_say_whether_to_try_again() {
    let later =
        |why: &str, after: Option<u64>| Outcome::Later { why: why.to_owned(), after: after.map(Nanos::from_secs) };
    let never = |why: &str| Outcome::Never { why: why.to_owned() };
    assert_eq!(posted(Server::answering("204 No Content", "")).await, Outcome::Delivered);
    assert_eq!(
        posted(Server::answering("500 Oh", "it\u{202e} broke\n")).await,
        later("it answered 500: it broke", None)
    );
    assert_eq!(posted(Server::answering("429 Slow\r\nretry-after: 17", "")).await, later("it answered 429", Some(17)));
    assert_eq!(posted(Server::answering("404 No", "no such hook")).await, never("it answered 404: no such hook"));
    let echo = posted(Server::answering("400 Bad", "no hook called verysecretpart")).await;
    assert_eq!(echo, never("it answered 400"), "an answer that repeats the secret is not shown");
    assert!(matches!(posted(Answer::Says("nonsense\r\n\r\n".to_owned())).await, Outcome::Later { .. }));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let mut elsewhere = Server::start(Server::answering("200 OK", ""), None).await;
    let head = format!("302 Found\r\nlocation: http://{}/", elsewhere.address);
    let Outcome::Never { why } = posted(Server::answering(&head, "")).await else { panic!("it was followed") };
    assert_eq!(why, "it answered 302: it points elsewhere, which is not followed");
    assert!(elsewhere.requests.try_recv().is_err());
}

#[tokio::test]
async fn servers_that_hang_or_flood_cost_five_seconds_and_64_kib() {
    let began = Instant::now();
    let (hung, flooded) = tokio::join!(posted(Answer::Hangs), posted(Answer::Floods));
    assert_eq!(hung, Outcome::Later { why: "no answer within 5 s".to_owned(), after: None });
    let Outcome::Later { why, .. } = flooded else { panic!("{flooded:?}") };
    assert!(why.starts_with("it answered 500: xxx") && why.len() < 300, "{why}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_is_not_who_he_says_gets_nothing() {
    let identity = identity();
    let mut server = Server::start(Server::answering("200 OK", ""), Some(identity.config.clone())).await;
    let secret = format!("https://localhost:{}/hook", server.address.port());
    let stranger = Services::new(true);
    assert!(matches!(send(&stranger, ChannelKind::Webhook, &secret, "x").await, Outcome::Later { .. }));
    assert!(server.requests.try_recv().is_err(), "no byte of it is told to a stranger");

    let mut roots = rustls::RootCertStore::empty();
    let authority = rustls::pki_types::pem::PemObject::from_pem_slice(identity.authority.as_bytes()).expect("PEM");
    roots.add(authority).expect("an authority");
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let known = Services { reach: Reach { allow_loopback: true, tls }, ..Services::new(true) };
    assert_eq!(send(&known, ChannelKind::Webhook, &secret, "x").await, Outcome::Delivered);
    assert!(server.requests.recv().await.is_some());
}

#[tokio::test]
async fn a_secret_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let secret = kept(&folder, "https://example.org/");
    std::fs::set_permissions(folder.path().join("secret"), std::fs::Permissions::from_mode(0o644)).expect("open");
    let channel = ChannelConfig { name: "x".to_owned(), kind: ChannelKind::Webhook, secret, on: vec![], quiet: None };
    let notes = [note("x")];
    let message = Message { notes: &notes, dropped: 0, link: None };
    let Outcome::Later { why, .. } = Services::new(false).send(&channel, &message).await else { panic!("it was used") };
    assert!(why.contains("others may read the secret") && why.contains("chmod"), "{why}");
}
