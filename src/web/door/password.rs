//! The password of the pages: an argon2id hash in a file.

use std::path::{Path, PathBuf};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

/// A shorter one is guessed.
pub const CHARS_MIN: usize = 10;
/// A longer one is no password.
pub const BYTES_MAX: usize = 1_024;

pub fn path(data: &Path) -> PathBuf {
    data.join("web-password")
}

/// Returns what is kept of a password.
pub fn hash(password: &str) -> Result<String, String> {
    if password.chars().count() < CHARS_MIN || BYTES_MAX < password.len() {
        return Err(format!("a password has at least {CHARS_MIN} characters; some words with spaces are good"));
    }
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

/// Says whether it is the password. Takes its time, on purpose.
pub fn is_right(password: &str, hash: &str) -> bool {
    let parsed = PasswordHash::new(hash);
    password.len() <= BYTES_MAX
        && parsed.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Reads the file's content.
pub fn parse(text: &str) -> Result<String, String> {
    let text = text.trim();
    match PasswordHash::new(text) {
        Ok(hash) if hash.algorithm.as_str() == "argon2id" => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err("it holds no argon2id hash. fix: remora web password".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_is_right_and_only_its_hash_is_kept() {
        let kept = hash("correct horse battery").expect("long enough");
        assert!(kept.starts_with("$argon2id$v=19$") && !kept.contains("horse"), "{kept}");
        assert!(is_right("correct horse battery", &kept));
        for wrong in ["", "correct horse batterY", "correct horse battery "] {
            assert!(!is_right(wrong, &kept), "{wrong}");
        }
        assert_ne!(kept, hash("correct horse battery").expect("long enough"), "each with a salt of its own");
        assert_eq!(parse(&format!("{kept}\n")), Ok(kept));
        assert!(parse("").is_err() && parse("correct horse battery").is_err());
        assert!(hash("too short").is_err() && hash(&"x".repeat(BYTES_MAX + 1)).is_err());
    }
}
