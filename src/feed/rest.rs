//! Metadata of tokens.
