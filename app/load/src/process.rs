//! What processes use, from Linux's `/proc`.

use std::fs;
use std::io;

use serde::Serialize;

/// Ticks of `/proc/PID/stat` in a second: Linux gives user space 100 on every architecture that we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one process has used so far, and holds now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Usage {
    /// Name of its program.
    pub name: String,
    /// Its number.
    pub pid: u32,
    /// Processor time of all its threads, ended ones included, seconds.
    pub cpu_seconds: f64,
    /// Memory now, bytes.
    pub resident_bytes: u64,
    /// The most memory so far, bytes.
    pub peak_bytes: u64,
    /// Open file handles.
    pub handles: u64,
    /// Bytes that went to storage because of it.
    pub written_bytes: u64,
}

impl Usage {
    /// Of a running process.
    ///
    /// # Errors
    /// None of this number, or one that belongs to somebody else.
    pub fn of(pid: u32) -> io::Result<Self> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
        let (stat, status) = (read("stat")?, read("status")?);
        // The name stands in brackets and may contain anything.
        let after = stat.rsplit_once(") ").ok_or_else(malformed)?.1;
        let ticks = |at: usize| after.split(' ').nth(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        let io = read("io").unwrap_or_default();
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes:")?.trim().parse().ok());
        Ok(Self {
            name: read("comm")?.trim().to_owned(),
            pid,
            // Fields 14 and 15 of the line; the third is the first one here.
            cpu_seconds: (ticks(11) + ticks(12)) as f64 / TICKS_PER_SECOND,
            resident_bytes: kib("VmRSS"),
            peak_bytes: kib("VmHWM"),
            handles: fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64,
            written_bytes: written.unwrap_or(0),
        })
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a line of /proc/PID/stat")
}

/// The processes below `root`, itself first.
pub fn processes(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(pid) = found.get(at).copied() {
        at += 1;
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let children: Vec<u32> =
            children.flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<u32>>()).collect();
        found.extend(children);
    }
    found
}

/// What a group of processes uses, taken twice.
#[derive(Debug, Clone)]
pub struct Counters(Vec<Usage>);

impl Counters {
    /// Of all processes below `roots`, which are included. One that has ended counts nothing.
    pub fn take(roots: &[u32]) -> Self {
        Self(roots.iter().flat_map(|root| processes(*root)).filter_map(|pid| Usage::of(pid).ok()).collect())
    }

    /// Of this process.
    pub fn own() -> Self {
        Self(Usage::of(std::process::id()).into_iter().collect())
    }

    /// What was used since `before`; memory and handles as they are now.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let used = |now: &Usage| {
            let old = before.0.iter().find(|old| old.pid == now.pid);
            Usage {
                cpu_seconds: now.cpu_seconds - old.map_or(0.0, |old| old.cpu_seconds),
                written_bytes: now.written_bytes - old.map_or(0, |old| old.written_bytes),
                ..now.clone()
            }
        };
        Self(self.0.iter().map(used).collect())
    }

    /// Each process.
    pub fn all(&self) -> &[Usage] {
        &self.0
    }

    /// Processor time of all, seconds.
    pub fn cpu_seconds(&self) -> f64 {
        self.0.iter().map(|usage| usage.cpu_seconds).sum()
    }

    /// Processor time by program, seconds.
    pub fn cpu_by_program(&self) -> std::collections::BTreeMap<String, f64> {
        let mut sums = std::collections::BTreeMap::new();
        for usage in &self.0 {
            *sums.entry(usage.name.clone()).or_default() += usage.cpu_seconds;
        }
        sums
    }

    /// Memory of all, bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.0.iter().map(|usage| usage.resident_bytes).sum()
    }

    /// The most memory that each had, bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.0.iter().map(|usage| usage.peak_bytes).sum()
    }

    /// Open file handles of all.
    pub fn handles(&self) -> u64 {
        self.0.iter().map(|usage| usage.handles).sum()
    }

    /// Bytes that went to storage.
    pub fn written_bytes(&self) -> u64 {
        self.0.iter().map(|usage| usage.written_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_and_its_children_are_found_and_their_time_counted() {
        // The shell burns time itself, and has a child that waits for the end of its input (a shell gives its children
        // in the background an empty one).
        let mut shell = Command::new("sh")
            .args(["-c", "exec 3<&0; cat <&3 & i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; wait"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let before =
            Counters(vec![Usage { cpu_seconds: 0.0, written_bytes: 0, ..Usage::of(shell.id()).expect("it runs") }]);
        let mut line = String::new();
        let output = shell.stdout.take().expect("piped");
        io::BufRead::read_line(&mut io::BufReader::new(output), &mut line).expect("it says so");
        let used = Counters::take(&[shell.id()]).since(&before);
        assert!(used.all().len() == 2 && used.all()[0].pid == shell.id(), "{used:?}");
        assert!(used.cpu_seconds() > 0.0 && used.resident_bytes() > 0 && used.handles() > 2, "{used:?}");
        assert!(used.peak_bytes() >= used.resident_bytes());
        drop(shell.stdin.take());
        shell.kill().expect("our child");
        shell.wait().expect("our child");
        assert!(Usage::of(u32::MAX - 1).is_err());
    }
}
