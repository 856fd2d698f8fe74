//! The directory of one run, and the removal of those whose keeper is gone.
//!
//! Each keeper holds a lock on a file in its directory, and the kernel lets go of it when the keeper ends, however
//! that happens: a directory that can be locked is nobody's. (A process id would prove nothing, ids are used
//! again.) Directories are made and swept under a lock of the base, so nobody sweeps one that is being made.

use std::{
    env,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;

use super::{account::Account, processes};

/// In the base: held while directories are made or swept. In a run's directory: held as long as its keeper lives.
const LOCK: &str = "lock";
/// In a run's directory: the path of what had to be put elsewhere.
const ELSEWHERE: &str = "elsewhere";
/// How the name of each run's directory starts, here or elsewhere.
const RUN: &str = "run-";
/// How the name of a directory outside of the base starts.
const STRAY: &str = "postly-sandbox-";
/// What an abandoned server may take to end on a signal.
const ABANDONED_LIMIT: Duration = Duration::from_secs(5);

/// A directory that is ours alone, until it is removed.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    /// Not read: it is there to be held.
    lock: File,
}

impl RunDirectory {
    /// Removes what dead keepers left in the base, then makes a directory there.
    pub fn create(base: &Path) -> Result<Self> {
        let (base, _held) = lock_base(base)?;
        sweep(&base);
        let id = process::id();
        let path = (0..u32::MAX)
            .map(|n| base.join(if n == 0 { format!("{RUN}{id}") } else { format!("{RUN}{id}-{n}") }))
            .find(|path| !path.exists())
            .context("no name is left for a directory")?;
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        // The account of Postgres passes through it, without looking around.
        fs::set_permissions(&path, Permissions::from_mode(0o711))?;
        let lock = File::create_new(path.join(LOCK))?;
        lock.lock().with_context(|| format!("cannot lock a file in {}", path.display()))?;
        Ok(Self { path, lock })
    }

    /// Absolute and free of symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a private room in the directory.
    pub fn room(&self, name: &str) -> Result<PathBuf> {
        private_directory(self.path.join(name))
    }

    /// Makes a room for another account. Where that account cannot come here (a checkout under `/root`, a file
    /// system that knows no owners), the room lies among the temporary files and goes with the directory too.
    pub fn room_for(&self, name: &str, account: Account) -> Result<PathBuf> {
        if account.reaches(&self.path) {
            let room = self.room(name)?;
            if account.owns(&room).is_ok() && account.reaches(&room) {
                return Ok(room);
            }
        }
        let places = [env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
        let place = places.iter().find(|place| account.reaches(place));
        let place = place.context("the account of Postgres reaches no directory for temporary files")?;
        let room = place.canonicalize()?.join(format!("{STRAY}{}", hex::encode(rand::random::<[u8; 8]>())));
        let written = room.to_str().context("the path of the temporary files is not valid UTF-8")?;
        // Written first: a room that nobody knows about would stay for ever.
        fs::write(self.path.join(ELSEWHERE), written)?;
        let room = private_directory(room)?;
        account.owns(&room)?;
        Ok(room)
    }

    /// Removes the directory with all rooms, and the base when nothing else is in it.
    pub fn remove(self) -> Result<()> {
        let base = self.path.parent().context("a run's directory has a parent")?;
        let (base, _held) = lock_base(base)?;
        clear(&self.path)?;
        drop(self.lock);
        let left = fs::read_dir(&base)?.flatten().any(|entry| entry.file_name() != LOCK);
        if !left {
            // Whoever waits for this lock sees that the file has gone and starts over.
            fs::remove_file(base.join(LOCK))?;
            // Somebody new may be in it already, and then it stays.
            let _ = fs::remove_dir(&base);
        }
        Ok(())
    }
}

/// Makes the base, when it is not there, and takes its lock.
fn lock_base(base: &Path) -> Result<(PathBuf, File)> {
    let context = || format!("cannot use {} for the data of private servers", base.display());
    loop {
        fs::create_dir_all(base).with_context(context)?;
        let opened = base.canonicalize().and_then(|base| {
            let path = base.join(LOCK);
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            Ok((base, path, file))
        });
        let (base, path, file) = match opened {
            Ok(opened) => opened,
            // The last run took the base away in between.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(context),
        };
        file.lock().with_context(context)?;
        // Only the file that the others see is worth its lock.
        if fs::metadata(&path).is_ok_and(|seen| file.metadata().is_ok_and(|ours| seen.ino() == ours.ino())) {
            return Ok((base, file));
        }
    }
}

/// Removes the directories of dead keepers. What cannot be removed, say another user's, does not matter here.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let is_run = entry.file_name().to_str().is_some_and(|name| name.starts_with(RUN));
        if is_run && is_abandoned(&entry.path()) {
            let _ = clear(&entry.path());
        }
    }
}

fn is_abandoned(run: &Path) -> bool {
    match OpenOptions::new().write(true).open(run.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        // Its keeper died before it could lock anything.
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

/// Ends the servers that still work in a run's directory, then removes it and what it has elsewhere.
fn clear(run: &Path) -> Result<()> {
    let elsewhere = fs::read_to_string(run.join(ELSEWHERE)).ok().map(PathBuf::from);
    if let Some(elsewhere) = elsewhere.filter(|path| is_stray(path)) {
        end_abandoned(&elsewhere, Signal::SIGQUIT)?;
        remove(&elsewhere)?;
    }
    end_abandoned(&run.join("redis"), Signal::SIGKILL)?;
    end_abandoned(run, Signal::SIGQUIT)?;
    remove(run)
}

fn is_stray(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(STRAY))
}

/// Ends the servers that work in a directory, if need be with SIGKILL. SIGQUIT makes Postgres give its shared
/// memory back to the kernel.
fn end_abandoned(directory: &Path, first: Signal) -> Result<()> {
    let started = Instant::now();
    let mut last = None;
    loop {
        let living = processes::living_in(directory);
        if living.is_empty() {
            return Ok(());
        }
        let signal = match started.elapsed() {
            waited if waited < ABANDONED_LIMIT => first,
            waited if waited < 2 * ABANDONED_LIMIT => Signal::SIGKILL,
            _ => bail!("the processes {living:?} do not leave {}", directory.display()),
        };
        if last != Some(signal) {
            for pid in living {
                processes::signal(pid, signal);
                processes::signal(pid, Signal::SIGCONT);
            }
            last = Some(signal);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

fn private_directory(path: PathBuf) -> Result<PathBuf> {
    let made = DirBuilder::new().mode(0o700).create(&path);
    made.with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}
