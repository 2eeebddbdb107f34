//! A small secret file in the data folder: for this user only, written whole, and read again when it changed.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// What a file's content may be larger than this is not ours.
const BYTES_MAX: u64 = 256 * 1_024;

/// A file, and what it said when it was read last.
pub struct Kept<T> {
    path: PathBuf,
    parse: fn(&str) -> Result<T, String>,
    seen: Mutex<Option<(Stamp, Arc<T>)>>,
}

/// A file with another one of these is another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified: (i64, i64),
    bytes: u64,
}

impl<T> Kept<T> {
    pub fn new(path: PathBuf, parse: fn(&str) -> Result<T, String>) -> Kept<T> {
        Kept { path, parse, seen: Mutex::default() }
    }

    /// Returns what the file says; `None` where there is none. A file that cannot be read, that others may read, or that makes
    /// no sense is a fault, with its fix: never the same as none.
    pub fn now(&self) -> Result<Option<Arc<T>>, String> {
        let about = match fs::metadata(&self.path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.fault(&error.to_string())),
        };
        if about.mode() & 0o077 != 0 {
            return Err(self.fault("others may read it. fix: chmod 600, and make its secrets anew"));
        }
        let modified = (about.mtime(), about.mtime_nsec());
        let stamp = Stamp { inode: about.ino(), modified, bytes: about.size() };
        let mut seen = self.seen.lock().expect("not poisoned");
        if let Some((before, parsed)) = &*seen
            && *before == stamp
        {
            return Ok(Some(Arc::clone(parsed)));
        }
        if BYTES_MAX < stamp.bytes {
            return Err(self.fault("it is far too long"));
        }
        let text = fs::read_to_string(&self.path).map_err(|error| self.fault(&error.to_string()))?;
        let parsed = Arc::new((self.parse)(&text).map_err(|wrong| self.fault(&wrong))?);
        *seen = Some((stamp, Arc::clone(&parsed)));
        Ok(Some(parsed))
    }

    fn fault(&self, wrong: &str) -> String {
        format!("{}: {wrong}", self.path.display())
    }
}

/// Writes a file that only this user may read, in the place of the one that was there: no reader ever sees a half of it.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_when_it_changed_and_never_shared() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let parse = |text: &str| text.trim().parse::<u32>().map_err(|error| error.to_string());
        let kept = Kept::new(path.clone(), parse);
        assert_eq!(kept.now(), Ok(None));
        write(&path, "1").expect("written");
        assert_eq!(kept.now(), Ok(Some(Arc::new(1))));
        write(&path, "2").expect("written over");
        assert_eq!(kept.now(), Ok(Some(Arc::new(2))));
        write(&path, "x").expect("written over");
        assert!(kept.now().is_err_and(|wrong| wrong.contains("secret: invalid digit")));
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("permissions");
        assert!(kept.now().is_err_and(|wrong| wrong.contains("others may read it")));
        fs::remove_file(&path).expect("it was there");
        assert_eq!(kept.now(), Ok(None));
    }
}
