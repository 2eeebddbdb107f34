//! Who may do what: one table.

use std::net::{IpAddr, SocketAddr};

use super::token::Scope;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    pub peer: SocketAddr,
    /// He sits at this machine, and no proxy speaks for him.
    pub is_here: bool,
    pub is: Known,
    /// Whether the pages have a password.
    pub lock: Lock,
    /// What proves that a form or a script of our pages asks in his name.
    pub csrf: String,
}

/// What somebody showed of himself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    Nobody,
    /// Logged in; the name is for the audit.
    Session {
        name: String,
    },
    Token {
        name: String,
        scope: Scope,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// There is no password: whoever sits at this machine may look, and close.
    NoPassword,
    Password,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What everybody may have: whether it lives, the login, style and scripts.
    Public,
    /// What a scraper on this machine may have without a token.
    Metrics,
    Read,
    /// To do less than before.
    Close,
    /// To do more than before, or to change something.
    Open,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    LoginFirst,
    /// It needs a login, and there is no password yet.
    PasswordFirst,
    /// The token is for reading.
    OtherScope,
}

impl Visitor {
    pub fn may(&self, wish: Wish) -> Result<(), Denied> {
        let is_here = self.is_here;
        match (&self.is, self.lock, wish) {
            (_, _, Wish::Public) => Ok(()),
            (Known::Session { .. } | Known::Token { scope: Scope::Control, .. }, _, _) => Ok(()),
            (Known::Token { scope: Scope::Read, .. }, _, Wish::Metrics | Wish::Read) => Ok(()),
            (Known::Token { scope: Scope::Read, .. }, _, Wish::Close | Wish::Open) => Err(Denied::OtherScope),
            (Known::Nobody, _, Wish::Metrics) if is_here => Ok(()),
            (Known::Nobody, Lock::NoPassword, Wish::Read | Wish::Close) if is_here => Ok(()),
            (Known::Nobody, Lock::NoPassword, Wish::Open) if is_here => Err(Denied::PasswordFirst),
            (Known::Nobody, _, Wish::Metrics | Wish::Read | Wish::Close | Wish::Open) => Err(Denied::LoginFirst),
        }
    }

    /// Returns what the audit calls him.
    pub fn name(&self) -> String {
        let from = self.peer.ip().to_canonical();
        match &self.is {
            Known::Nobody => format!("web {from}"),
            Known::Session { name } => format!("web {name} {from}"),
            Known::Token { name, .. } => format!("token {name}"),
        }
    }
}

/// Says whether somebody asks from this machine, by the connection itself: what a header says, anybody can write.
pub fn is_here(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::{Denied::*, Wish::*, *};

    #[test]
    fn each_may_what_the_table_says() {
        let nobody = || Known::Nobody;
        let session = || Known::Session { name: "3f2a90".to_owned() };
        let token = |scope| Known::Token { name: "t".to_owned(), scope };
        let (here, mapped, away) = ("127.0.0.1:9", "[::ffff:127.0.0.1]:9", "192.0.2.7:9");
        let all = [Public, Metrics, Read, Close, Open];
        let check = |is: Known, lock: Lock, peer: &str, expected: [Result<(), Denied>; 5]| {
            let peer: SocketAddr = peer.parse().expect("an address");
            let visitor = Visitor { peer, is_here: is_here(peer.ip()), is, lock, csrf: String::new() };
            assert_eq!(all.map(|wish| visitor.may(wish)), expected, "{visitor:?}");
        };
        let (yes, login) = (Ok(()), Err(LoginFirst));
        check(nobody(), Lock::NoPassword, here, [yes, yes, yes, yes, Err(PasswordFirst)]);
        check(nobody(), Lock::NoPassword, mapped, [yes, yes, yes, yes, Err(PasswordFirst)]);
        check(nobody(), Lock::NoPassword, away, [yes, login, login, login, login]);
        check(nobody(), Lock::Password, here, [yes, yes, login, login, login]);
        check(nobody(), Lock::Password, away, [yes, login, login, login, login]);
        check(session(), Lock::Password, away, [yes; 5]);
        check(token(Scope::Control), Lock::NoPassword, away, [yes; 5]);
        check(token(Scope::Read), Lock::Password, away, [yes, yes, yes, Err(OtherScope), Err(OtherScope)]);
        check(token(Scope::Read), Lock::NoPassword, here, [yes, yes, yes, Err(OtherScope), Err(OtherScope)]);
    }

    #[test]
    fn the_audit_tells_who_it_was() {
        let name = |is| {
            let (peer, lock) = ("[::1]:5".parse().expect("an address"), Lock::Password);
            Visitor { peer, is_here: true, is, lock, csrf: String::new() }.name()
        };
        assert_eq!(name(Known::Nobody), "web ::1");
        assert_eq!(name(Known::Session { name: "3f2a90".to_owned() }), "web 3f2a90 ::1");
        assert_eq!(name(Known::Token { name: "grafana".to_owned(), scope: Scope::Control }), "token grafana");
    }
}
