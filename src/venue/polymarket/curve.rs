//! The one signature on the trading path, made by libsecp256k1 itself.
//!
//! The library multiplies in constant time; blinding its context with random numbers is a second wall, against whoever
//! measures many signatures under one blinding. Its Rust wrapper blinds anew after every signature, in the same call: that
//! doubles its time, and the seed that it leaves on the stack is the key and the digest, combined. So we call the library
//! below the wrapper, and blind when nobody waits ([`blind`]): from the system's randomness, and never with the key.

use std::cell::Cell;

use alloy::primitives::B256;
use secp256k1::{
    SecretKey,
    ffi::{self, CPtr, recovery},
};

use super::key::SIGNATURE_BYTES;

/// What the calling thread's context has signed under its blinding.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blinding {
    /// It has none yet.
    None,
    Unused,
    Used,
}

thread_local! {
    static BLINDING: Cell<Blinding> = const { Cell::new(Blinding::None) };
}

/// Blinds the calling thread's context anew, unless nothing was signed since the last time. Takes about as long as a
/// signature: to be called when nothing waits.
pub fn blind() {
    if BLINDING.get() == Blinding::Unused {
        return;
    }
    let mut seed = [0; 32];
    // Without randomness the old blinding stays, and the multiplication is in constant time all the same.
    if getrandom::fill(&mut seed).is_ok() {
        secp256k1::rerandomize_global_context(&seed);
    }
    BLINDING.set(Blinding::Unused);
}

/// Returns `r`, `s` and `v` (27 or 28) over a digest: always the same for the same digest (RFC 6979), and `s` is low.
pub fn sign(secret: &SecretKey, digest: B256) -> [u8; SIGNATURE_BYTES] {
    if BLINDING.get() == Blinding::None {
        blind();
    }
    BLINDING.set(Blinding::Used);
    let (mut signature, mut compact, mut id) = (recovery::RecoverableSignature::new(), [0; 64], 0);
    let signed = secp256k1::with_raw_global_context(
        // SAFETY: the context is this thread's and can sign; digest and secret are 32 bytes that live through the call, the
        // signature is ours to write; the nonce function asks for no data.
        |context| unsafe {
            recovery::secp256k1_ecdsa_sign_recoverable(
                context.as_ptr(),
                &mut signature,
                digest.as_ptr(),
                secret.as_c_ptr(),
                ffi::secp256k1_nonce_function_rfc6979,
                std::ptr::null(),
            )
        },
        None,
    );
    assert_eq!(signed, 1, "every digest can be signed with a secret key");
    // SAFETY: the static context is for what needs no tables; the 64 bytes and the number are ours to write, and the
    // signature was made above.
    let written = unsafe {
        recovery::secp256k1_ecdsa_recoverable_signature_serialize_compact(
            ffi::secp256k1_context_static,
            compact.as_mut_ptr(),
            &mut id,
            &signature,
        )
    };
    assert!(written == 1 && (0..=1).contains(&id), "a signature whose r is beyond the group's order: {id}");
    let mut bytes = [0; SIGNATURE_BYTES];
    bytes[..64].copy_from_slice(&compact);
    bytes[64] = 27 + id as u8;
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use alloy::primitives::keccak256;
    use secp256k1::{Message, ecdsa::RecoverableSignature};

    use super::*;
    use crate::venue::polymarket::key::{Key, address, recover};

    const KEYS: u64 = 7;

    /// So many digests, for a few keys in turn.
    fn cases(count: u64) -> impl Iterator<Item = (SecretKey, B256)> {
        (0..count).map(|n| {
            let secret = keccak256([b"key".as_slice(), &(n % KEYS).to_be_bytes()].concat());
            (SecretKey::from_secret_bytes(secret.0).expect("a key"), keccak256(n.to_be_bytes()))
        })
    }

    /// RELIABILITY.md T6. Ten million of them: `cargo bench --bench orders -- --signatures 10000000`.
    #[test]
    fn ten_thousand_signatures_verify_are_low_and_share_no_nonce() {
        let owner = |(secret, _): (SecretKey, B256)| address(&secp256k1::PublicKey::from_secret_key(&secret));
        let owners: Vec<_> = cases(KEYS).map(owner).collect();
        let mut nonces = HashSet::new();
        for (nth, (secret, digest)) in cases(10_000).enumerate() {
            let signature = sign(&secret, digest);
            // Refuses a high s, and names the signer: it verifies.
            assert_eq!(recover(digest, &signature), Ok(owners[nth % KEYS as usize]), "{digest}");
            if nth.is_multiple_of(100) {
                blind();
            }
            assert_eq!(sign(&secret, digest), signature, "{digest}");
            assert!(nonces.insert(signature[..32].to_owned()), "a nonce again: {digest}");
        }
    }

    #[test]
    fn it_signs_as_the_wrapper_does_before_and_after_blinding() {
        for (secret, digest) in cases(50) {
            let theirs = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest.0), &secret);
            let (id, compact) = theirs.serialize_compact();
            let ours = sign(&secret, digest);
            assert_eq!((&ours[..64], ours[64]), (compact.as_slice(), 27 + u8::from(id)));
            blind();
        }
    }

    #[test]
    fn a_thread_is_blinded_before_its_first_signature_and_after_use_only() {
        std::thread::spawn(|| {
            assert!(BLINDING.get() == Blinding::None);
            let key = Key::from_bytes([1; 32]).expect("a key");
            key.sign(B256::repeat_byte(7));
            assert!(BLINDING.get() == Blinding::Used);
            blind();
            assert!(BLINDING.get() == Blinding::Unused);
        })
        .join()
        .expect("no panic");
    }
}
