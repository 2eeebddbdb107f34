//! One key in a page of memory of its own: not swapped, not in a core dump, not in a child, erased at its end.

use std::{fmt, ops::Deref, ptr::NonNull};

use zeroize::Zeroizing;

use crate::venue::polymarket::{BadKey, Key};

const PAGE: usize = 4_096;

/// A key that stays where it is. The one copy of it in this process, but for the moment of reading it.
pub struct Sealed {
    key: NonNull<Key>,
}

// SAFETY: the page is ours alone, and a `Key` is only read until the drop.
unsafe impl Send for Sealed {}
// SAFETY: as above: all that is shared is `&Key`, which has no inner changes.
unsafe impl Sync for Sealed {}

/// Why there is no page, or no key for it.
#[derive(Debug)]
pub enum SealError {
    Bad(BadKey),
    NoPage(std::io::Error),
}

impl Sealed {
    /// Puts the key of these bytes into a page. Where the system does not let it lock the page (a limit of 0 bytes) the key
    /// works all the same: [`is_locked`] tells.
    pub fn new(bytes: &Zeroizing<[u8; 32]>) -> Result<Sealed, SealError> {
        let page = page().map_err(SealError::NoPage)?;
        let made = write(page, bytes);
        wipe_stack();
        match made {
            Ok(()) => Ok(Sealed { key: page }),
            Err(wrong) => {
                unmap(page);
                Err(SealError::Bad(wrong))
            }
        }
    }
}

/// Returns whether the system lets this process keep a page out of the swap.
pub fn is_locked() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call fills in the two numbers.
    let told = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) };
    told == 0 && limit.rlim_cur >= PAGE as u64
}

#[inline(never)]
fn write(page: NonNull<Key>, bytes: &[u8; 32]) -> Result<(), BadKey> {
    let key = Key::from_slice(bytes)?;
    // SAFETY: the page is mapped, writable, larger and better aligned than a key, and nobody else has it yet.
    unsafe { page.write(key) };
    Ok(())
}

/// A move leaves what it moved on the stack: overwrites what the functions that have just returned used of it.
#[inline(never)]
pub fn wipe_stack() {
    let mut below = [0_u8; 32 * 1_024];
    zeroize::Zeroize::zeroize(&mut below[..]);
    std::hint::black_box(&mut below);
}

fn page() -> std::io::Result<NonNull<Key>> {
    const { assert!(size_of::<Key>() <= PAGE && align_of::<Key>() <= PAGE) };
    let (protection, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping of one page anywhere; nothing of ours lies there.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, protection, kind, -1, 0) };
    if page == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the page is ours. All three are advice that may be refused; the key works without.
    unsafe {
        libc::mlock(page, PAGE);
        libc::madvise(page, PAGE, libc::MADV_DONTDUMP);
        libc::madvise(page, PAGE, libc::MADV_DONTFORK);
    }
    Ok(NonNull::new(page.cast()).expect("a mapping is not at 0"))
}

fn unmap(page: NonNull<Key>) {
    // SAFETY: it is our mapping of this length, and nothing points into it any more.
    unsafe { libc::munmap(page.as_ptr().cast(), PAGE) };
}

impl Drop for Sealed {
    fn drop(&mut self) {
        // SAFETY: it was written by `new` and is dropped once; dropping a key erases it.
        unsafe { self.key.drop_in_place() };
        unmap(self.key);
    }
}

impl Deref for Sealed {
    type Target = Key;

    fn deref(&self) -> &Key {
        // SAFETY: it was written by `new` and lives as long as this.
        unsafe { self.key.as_ref() }
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
