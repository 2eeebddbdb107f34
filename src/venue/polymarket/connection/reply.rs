//! The venue's answer as bytes: status line, headers, and a body by length, in chunks, or until the end. Pure.

/// The longest head and body that are read, in bytes. An answer to an order is a few hundred.
pub const HEAD_MAX: usize = 32 << 10;
pub const BODY_MAX: usize = 256 << 10;
/// The most headers that are read.
const HEADERS_MAX: usize = 64;

/// An answer that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the bytes so far are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// There is more to come.
    Partial,
    /// A whole answer, and whether the connection may carry another request.
    Whole { reply: Reply, is_reusable: bool },
}

/// Why bytes are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadReply {
    TooLong,
    /// The connection ended before the answer did.
    Cut,
    NotHttp,
    /// Of two lengths, or in an encoding that we do not speak.
    Framing,
}

impl std::fmt::Display for BadReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadReply::TooLong => write!(f, "the answer is longer than {HEAD_MAX} and {BODY_MAX} bytes"),
            BadReply::Cut => f.write_str("the connection ended before the answer did"),
            BadReply::NotHttp => f.write_str("the answer is not HTTP/1.1"),
            BadReply::Framing => f.write_str("the answer does not say where it ends"),
        }
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

/// Reads what came so far; `is_over`: nothing more comes.
pub fn parse(bytes: &[u8], is_over: bool) -> Result<Parsed, BadReply> {
    let partial = |rest: &[u8], most: usize| match (is_over, rest.len() > most) {
        (_, true) => Err(BadReply::TooLong),
        (true, false) => Err(BadReply::Cut),
        (false, false) => Ok(Parsed::Partial),
    };
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return partial(bytes, HEAD_MAX) };
    if HEAD_MAX < end {
        return Err(BadReply::TooLong);
    }
    let (status, headers) = head(&bytes[..end])?;
    let rest = &bytes[end + 4..];
    if (100..200).contains(&status) {
        // Only a word on the way; 101 would be another protocol, which nobody asked for.
        return if status == 101 { Err(BadReply::NotHttp) } else { parse(rest, is_over) };
    }
    let mut reply = Reply { status, headers, body: Vec::new() };
    let closes = reply.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let (body, used) = match framing(&reply)? {
        Framing::Length(length) if BODY_MAX < length => return Err(BadReply::TooLong),
        Framing::Length(length) if rest.len() < length => return partial(rest, BODY_MAX),
        Framing::Length(length) => (rest[..length].to_vec(), length),
        Framing::Chunked => match chunks(rest)? {
            Some(whole) => whole,
            None => return partial(rest, 2 * BODY_MAX),
        },
        Framing::UntilClosed if BODY_MAX < rest.len() => return Err(BadReply::TooLong),
        Framing::UntilClosed if !is_over => return Ok(Parsed::Partial),
        Framing::UntilClosed => (rest.to_vec(), rest.len()),
    };
    reply.body = body;
    // Bytes that nobody asked for are another's answer: such a connection is not trusted again.
    Ok(Parsed::Whole { reply, is_reusable: !closes && !is_over && used == rest.len() })
}

fn head(bytes: &[u8]) -> Result<(u16, Vec<(String, String)>), BadReply> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadReply::NotHttp)?;
    let mut lines = text.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let rest = status_line.strip_prefix("HTTP/1.1 ").or(status_line.strip_prefix("HTTP/1.0 "));
    let status = rest.and_then(|rest| rest.get(..3)).and_then(|digits| digits.parse().ok());
    let status = status.filter(|status| (100..600).contains(status)).ok_or(BadReply::NotHttp)?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(BadReply::NotHttp)?;
        if headers.len() == HEADERS_MAX {
            return Err(BadReply::TooLong);
        }
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok((status, headers))
}

fn framing(reply: &Reply) -> Result<Framing, BadReply> {
    let mut lengths = reply.headers.iter().filter(|(name, _)| name == "content-length").map(|(_, value)| value);
    let (length, other) = (lengths.next(), lengths.next());
    match (reply.header("transfer-encoding"), length) {
        _ if matches!(reply.status, 204 | 304) => Ok(Framing::Length(0)),
        (Some(encoding), None) if encoding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        (Some(_), _) => Err(BadReply::Framing),
        (None, Some(length)) if other.is_none_or(|other| other == length) => {
            length.parse().map(Framing::Length).map_err(|_| BadReply::Framing)
        }
        (None, Some(_)) => Err(BadReply::Framing),
        (None, None) => Ok(Framing::UntilClosed),
    }
}

/// Returns the body and how many bytes it took; `None` while there is more to come.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, BadReply> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = memchr::memmem::find(&bytes[at..], b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(&bytes[at..at + line]).map_err(|_| BadReply::Framing)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| BadReply::Framing)?;
        if BODY_MAX < size || BODY_MAX < body.len() + size {
            return Err(BadReply::TooLong);
        }
        at += line + 2;
        if size == 0 {
            return trailers_end(&bytes[at..]).map(|end| end.map(|end| (body, at + end)));
        }
        if bytes.len() < at + size + 2 {
            return Ok(None);
        }
        if &bytes[at + size..at + size + 2] != b"\r\n" {
            return Err(BadReply::Framing);
        }
        body.extend_from_slice(&bytes[at..at + size]);
        at += size + 2;
    }
}

/// Returns where the lines behind the last chunk end.
fn trailers_end(bytes: &[u8]) -> Result<Option<usize>, BadReply> {
    if bytes.starts_with(b"\r\n") {
        return Ok(Some(2));
    }
    if HEAD_MAX < bytes.len() {
        return Err(BadReply::TooLong);
    }
    Ok(memchr::memmem::find(bytes, b"\r\n\r\n").map(|end| end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, is_over: bool, expected: Result<Option<(u16, &str, bool)>, BadReply>) {
        let parsed = parse(bytes.as_bytes(), is_over).map(|parsed| match parsed {
            Parsed::Partial => None,
            Parsed::Whole { reply, is_reusable } => {
                Some((reply.status, String::from_utf8(reply.body).expect("text"), is_reusable))
            }
        });
        let expected = expected.map(|some| some.map(|(status, body, reusable)| (status, body.to_owned(), reusable)));
        assert_eq!(parsed, expected, "{bytes:?}");
    }

    #[test]
    fn an_answer_ends_where_it_says() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, Ok(Some((200, "ok", true))));
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\noknow", false, Ok(Some((200, "ok", false))));
        check("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false, Ok(Some((200, "", false))));
        check("HTTP/1.1 204 No Content\r\n\r\n", false, Ok(Some((204, "", true))));
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 425 x\r\ncontent-length:0\r\n\r\n",
            false,
            Ok(Some((425, "", true))),
        );
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        check(&format!("{chunked}3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n"), false, Ok(Some((200, "abcd", true))));
        check(&format!("{chunked}0\r\nTrailer: 1\r\n\r\n"), false, Ok(Some((200, "", true))));
        check("HTTP/1.1 502 Bad\r\n\r\n<html>", true, Ok(Some((502, "<html>", false))));
    }

    #[test]
    fn a_part_of_an_answer_is_no_answer() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for part in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Le",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd",
            &format!("{chunked}3\r\nab"),
            &format!("{chunked}3\r\nabc\r\n0\r\n"),
        ] {
            check(part, false, Ok(None));
            check(part, true, Err(BadReply::Cut));
        }
        check("HTTP/1.1 502 Bad\r\n\r\n<html>", false, Ok(None));
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        for (bytes, error) in [
            ("SSH-2.0\r\n\r\n", BadReply::NotHttp),
            ("HTTP/1.1 abc\r\n\r\n", BadReply::NotHttp),
            ("HTTP/1.1 101 x\r\n\r\n", BadReply::NotHttp),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", BadReply::NotHttp),
            ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", BadReply::Framing),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", BadReply::Framing),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", BadReply::Framing),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", BadReply::Framing),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", BadReply::Framing),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", BadReply::Framing),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n", BadReply::TooLong),
            ("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", BadReply::TooLong),
        ] {
            check(bytes, false, Err(error));
        }
        // Binds: the lengths of a head and of a body, and how many headers there may be.
        check(&"x".repeat(HEAD_MAX + 1), false, Err(BadReply::TooLong));
        check(&format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(BODY_MAX + 1)), false, Err(BadReply::TooLong));
        let many = "a: b\r\n".repeat(HEADERS_MAX + 1);
        check(&format!("HTTP/1.1 200 OK\r\n{many}\r\n"), false, Err(BadReply::TooLong));
    }
}
