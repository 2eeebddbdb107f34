//! One mail by the operator's own mail server: over TLS, unless that is this machine.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor,
    message::header::ContentType,
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use super::{queue::Outcome, reach::is_loopback, words::Message};
use crate::config::MailConfig;

const PATIENCE: Duration = Duration::from_secs(10);
/// With this port TLS begins with the first byte; with others by STARTTLS.
const TLS_PORT: u16 = 465;

/// Sends one mail. `password`: of the server's user; `also`: an authority to trust besides the usual ones, in PEM.
pub async fn send(mail: &MailConfig, password: Option<&str>, message: &Message<'_>, also: Option<&str>) -> Outcome {
    let (from, to) = (mail.from.parse(), mail.to.parse());
    let (Ok(from), Ok(to)) = (from, to) else {
        return Outcome::Never { why: "from or to is no mail address".to_owned() };
    };
    let written = Mail::builder()
        .from(lettre::message::Mailbox::new(Some("Remora".to_owned()), from))
        .to(lettre::message::Mailbox::new(None, to))
        .subject(message.subject())
        .header(ContentType::TEXT_PLAIN)
        .body(message.plain());
    let written = match written {
        Ok(written) => written,
        Err(error) => return Outcome::Never { why: format!("the mail cannot be written: {error}") },
    };
    let tls = match tls(mail, also).await {
        Ok(tls) => tls,
        Err(why) => return Outcome::Later { why, after: None },
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.host)
        .port(mail.port)
        .tls(tls)
        .timeout(Some(PATIENCE));
    if let Some(password) = password.filter(|_| !mail.user.is_empty()) {
        transport = transport.credentials(Credentials::new(mail.user.clone(), password.to_owned()));
    }
    let sent = tokio::time::timeout(PATIENCE, transport.build().send(written)).await;
    match sent {
        Err(_) => Outcome::Later { why: format!("no answer within {} s", PATIENCE.as_secs()), after: None },
        Ok(Ok(_)) => Outcome::Delivered,
        Ok(Err(error)) if error.is_permanent() => Outcome::Never { why: in_words(&error) },
        Ok(Err(error)) => Outcome::Later { why: in_words(&error), after: None },
    }
}

/// A server on this machine may speak plainly; all others must not, and must be who they say.
async fn tls(mail: &MailConfig, also: Option<&str>) -> Result<Tls, String> {
    let unresolved = |error: std::io::Error| format!("{} cannot be resolved: {error}", mail.host);
    let mut found = tokio::net::lookup_host((mail.host.as_str(), mail.port)).await.map_err(unresolved)?;
    let parameters = || {
        let mut parameters = TlsParameters::builder(mail.host.clone());
        if let Some(pem) = also {
            let authority = Certificate::from_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
            parameters = parameters.add_root_certificate(authority);
        }
        parameters.build().map_err(|error| error.to_string())
    };
    match mail.port {
        TLS_PORT => parameters().map(Tls::Wrapper),
        _ if found.all(|address| is_loopback(address.ip())) && also.is_none() => Ok(Tls::None),
        _ => parameters().map(Tls::Required),
    }
}

/// Returns what the server said, or the innermost cause.
fn in_words(error: &lettre::transport::smtp::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match error.status() {
        Some(code) => format!("the mail server answered {code}: {}", crate::web::tame(&cause.to_string(), 160)),
        None => crate::web::tame(&cause.to_string(), 160),
    }
}
