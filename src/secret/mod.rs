//! KEYS AT REST AND IN MEMORY: read once from where the settings say, kept in one page that is neither swapped nor dumped,
//! and never in a text. What is wrong is said with its place and its fix, never with the secret.
//!
//! [`place`] reads the bytes (a credential of systemd, a file, a [`keystore`] with its password), [`wallet`] makes a
//! [`Wallet`] of them: the key in its [`Sealed`] page, whose address is known, and the account that holds the funds.
//! [`process`] keeps the whole process out of core dumps and debuggers.

pub mod keystore;
pub mod place;
pub mod process;
pub mod sealed;
pub mod wallet;

pub use place::SecretError;
pub use sealed::Sealed;
pub use wallet::Wallet;

#[cfg(test)]
mod tests;
