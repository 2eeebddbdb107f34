//! Keeps the memory of a process that holds a key to itself.

use std::io;

/// Leaves no core file behind, and lets no other process of this user read our memory (ptrace, gcore). For a live run,
/// before the key is read.
pub fn close() -> io::Result<()> {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call reads two numbers.
    if unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: this call takes five numbers and touches no memory of ours.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Returns whether a core dump of this process could be made.
pub fn is_dumpable() -> bool {
    // SAFETY: this call takes five numbers and touches no memory of ours.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 }
}
