//! The head of a request, and the MAC that says who sends it (PROTOCOL.md 2.3). The MAC is over the second, then the body:
//! for this second and the next it is begun ahead, with what is the same for every body.

use base64::{Engine, prelude::BASE64_URL_SAFE};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::domain::Nanos;

use super::{Account, Terms, Written, text::Digits};

const METHOD: &str = "POST";
const PATH: &str = "/order";
/// Base64 of 32 bytes.
const MAC_CHARS: usize = 44;
/// Seconds since 1970, until the year 2286.
const SECONDS_CHARS: usize = 10;

/// How every request for an order begins, and the MACs that are begun.
pub struct Head {
    text: Box<[u8]>,
    seconds_at: usize,
    mac_at: usize,
    keyed: Hmac<Sha256>,
    /// By second modulo their number. Two: a request of this second must not wait for the next one's.
    begun: [Option<(u64, Hmac<Sha256>)>; 2],
    /// What the MAC covers between the second and what varies.
    covered: Box<[u8]>,
}

impl Head {
    /// `lead`: how the body of each order begins.
    pub fn new(account: &Account, lead: &[u8]) -> Head {
        let text = format!(
            "{METHOD} {PATH} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: application/json\r\n\
             user-agent: remora/{}\r\nPOLY_ADDRESS: {}\r\nPOLY_API_KEY: {}\r\nPOLY_PASSPHRASE: {}\r\nPOLY_TIMESTAMP: ",
            account.host,
            env!("CARGO_PKG_VERSION"),
            account.key.address(),
            account.api.id,
            account.api.passphrase(),
        );
        let seconds_at = text.len();
        let text = format!("{text}{:SECONDS_CHARS$}\r\nPOLY_SIGNATURE: ", "");
        let mac_at = text.len();
        let text = format!("{text}{:MAC_CHARS$}\r\ncontent-length: ", "");
        Head {
            text: text.into_bytes().into(),
            seconds_at,
            mac_at,
            keyed: account.api.secret.keyed(),
            begun: [None, None],
            covered: [METHOD.as_bytes(), PATH.as_bytes(), lead].concat().into(),
        }
    }

    /// Begins the MAC of a second, unless that is done.
    pub fn begin(&mut self, second: u64) {
        let slot = &mut self.begun[second as usize % 2];
        if slot.as_ref().is_some_and(|(begun, _)| *begun == second) {
            return;
        }
        let mut mac = self.keyed.clone();
        mac.update(Digits::of(second).bytes());
        mac.update(&self.covered);
        *slot = Some((second, mac));
    }

    /// Writes the whole request of a signed order. Returns where the body begins and where it ends.
    pub fn request(
        &mut self,
        now: Nanos,
        lead: &[u8],
        written: &Written,
        terms: Terms,
        into: &mut [u8],
    ) -> (usize, usize) {
        let second = now.as_secs();
        self.begin(second);
        let (_, begun) = self.begun[second as usize % 2].as_ref().expect("it was begun just now");
        let parts = [written.text.bytes(), terms.json().as_bytes()];
        let mut mac = begun.clone();
        parts.iter().for_each(|part| mac.update(part));
        let mac = mac.finalize().into_bytes();

        let body_len = lead.len() + parts.iter().map(|part| part.len()).sum::<usize>();
        let length = Digits::of(body_len as u64);
        let mut at = 0;
        let mut push = |bytes: &[u8]| {
            into[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
            at
        };
        push(&self.text);
        push(length.bytes());
        let body_at = push(b"\r\n\r\n");
        push(lead);
        push(parts[0]);
        let end = push(parts[1]);
        into[self.seconds_at..][..SECONDS_CHARS].copy_from_slice(Digits::of(second).bytes());
        let written = BASE64_URL_SAFE.encode_slice(mac, &mut into[self.mac_at..][..MAC_CHARS]);
        assert_eq!(written, Ok(MAC_CHARS), "32 bytes are {MAC_CHARS} characters");
        (body_at, end)
    }
}
