//! A file system of a few megabytes under a node's data: every write of the node meets its end, the databases' too.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::node::until;

/// Environment variable: tests that must mount a file system are left out where that is not allowed.
const NO_MOUNTS: &str = "PLUME_TEST_NO_MOUNTS";

/// Mounts a file system, says so by a file in it, and keeps it until its input ends.
const KEEPER: &str = r#"mount -t tmpfs -o size="$1",mode=700 tmpfs "$0" && : >"$0/mounted" && exec cat"#;

/// A file system in memory, in a mount namespace of its own.
///
/// A process of this test keeps the namespace; everybody reaches the files through `/proc/<pid>/root`. It ends with the
/// test, whatever happens, and nothing is left mounted.
#[derive(Debug)]
pub struct SmallDisk {
    keeper: Child,
    root: PathBuf,
}

impl SmallDisk {
    /// A disk of `bytes` with the node's data on it. `None`, with a line on standard error, where `PLUME_TEST_NO_MOUNTS`
    /// says that mounts are not allowed. The node must not run.
    ///
    /// # Panics
    /// When nothing can be mounted: a run that is left out in silence would prove nothing.
    pub fn under(home: &Path, bytes: u64) -> Option<Self> {
        if std::env::var_os(NO_MOUNTS).is_some() {
            eprintln!("left out: {NO_MOUNTS} is set, no small disk is mounted");
            return None;
        }
        let folder = home.join("small-disk");
        std::fs::create_dir(&folder).expect("writable home");
        // The first needs a system administrator's rights, the second user namespaces for everybody.
        let ways = [&["--mount"][..], &["--mount", "--user", "--map-root-user"]];
        let mounted = ways.into_iter().find_map(|flags| Self::mount(&folder, bytes, flags));
        let disk = mounted.unwrap_or_else(|| {
            panic!(
                "no file system can be mounted, neither as root (CAP_SYS_ADMIN) nor in a user namespace (`unshare -Urm`): \
                 allow one of the two, or set {NO_MOUNTS}=1 to leave this test out"
            )
        });
        let data = home.join("data");
        let copied = Command::new("cp").arg("-aT").arg(&data).arg(&disk.root).status().expect("cp runs");
        assert!(copied.success(), "cp -aT {} {}", data.display(), disk.root.display());
        std::fs::rename(&data, home.join("data.before")).expect("writable home");
        std::os::unix::fs::symlink(&disk.root, &data).expect("writable home");
        Some(disk)
    }

    fn mount(folder: &Path, bytes: u64, flags: &[&str]) -> Option<Self> {
        let mut keeper = Command::new("unshare")
            .args(flags)
            .args(["--", "sh", "-c", KEEPER])
            .arg(folder)
            .arg(bytes.to_string())
            // Closed by the end of this process, however it ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare of util-linux runs");
        let inside = folder.strip_prefix("/").expect("an absolute path");
        let root = PathBuf::from(format!("/proc/{}/root", keeper.id())).join(inside);
        let mounted = until("a mount, or its refusal", || {
            if root.join("mounted").exists() {
                return Some(true);
            }
            keeper.try_wait().expect("our child").map(|_| false)
        });
        let disk = Self { keeper, root };
        mounted.then_some(disk)
    }

    /// Leaves no room for a single byte.
    ///
    /// # Panics
    /// When the disk cannot be written for another reason.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("creatable");
        let error = loop {
            if let Err(error) = ballast.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    }

    /// Gives the room back.
    ///
    /// # Panics
    /// When it was not filled.
    pub fn free(&self) {
        std::fs::remove_file(self.ballast()).expect("filled before");
    }

    fn ballast(&self) -> PathBuf {
        self.root.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
