//! What is copied, how large, at what price.
