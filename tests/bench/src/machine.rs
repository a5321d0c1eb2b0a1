//! The machine that figures are from, and clocks.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use nix::time::{ClockId, clock_gettime};
use plume_crypto::{Job, PrivateKey};
use serde::{Deserialize, Serialize};

/// What figures depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Name of the processor.
    pub processor: String,
    /// Whether it has instructions for SHA-256, which most of a state update is.
    pub sha_extensions: bool,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Kernel's release.
    pub kernel: String,
    /// Whether this program, and so what runs in its process, is built optimised. Figures without it mean nothing.
    pub optimised: bool,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let field = |name: &str| {
            let value = cpuinfo.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
            value.unwrap_or_default().trim().to_owned()
        };
        let memory = read("/proc/meminfo");
        let memory =
            memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
        Self {
            processor: field("model name"),
            sha_extensions: field("flags").split(' ').any(|flag| flag == "sha_ni"),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_mib: memory.map_or(0, |kib: u64| kib / 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            optimised: !cfg!(debug_assertions),
        }
    }
}

/// Processor time, us, that one thread of an idle machine takes to verify a secp256k1 signature now. The speed of a virtual
/// processor depends on its neighbours; figures of different hours are told apart by it.
///
/// # Errors
/// No such clock.
pub fn signature_us() -> Result<f64> {
    const TIMES: u32 = 2000;
    let key = PrivateKey::secp256k1(&[7; 32])?;
    let message = Bytes::from_static(b"how fast is this machine now?");
    let signature = Bytes::copy_from_slice(&key.sign(&message));
    let job = Job { key: key.public_key(), message, signature };
    let before = process_cpu()?;
    ensure!((0..TIMES).all(|_| black_box(&job).verify()), "a signature of ours is invalid");
    Ok((process_cpu()? - before).as_secs_f64() * 1e6 / f64::from(TIMES))
}

/// Processor time of all threads of this process, ended ones included.
///
/// # Errors
/// No such clock.
pub fn process_cpu() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// Processor seconds of the whole machine since it started.
#[derive(Debug, Clone, Copy)]
pub struct MachineTime {
    /// Used by its processes and its kernel.
    pub used: f64,
    /// Wanted, while the host ran something else: a virtual machine is slower by them.
    pub stolen: f64,
}

impl MachineTime {
    /// Until now.
    pub fn now() -> Self {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
        let ticks: Vec<u64> = fields.flat_map(str::parse).collect();
        let of = |indices: &[usize]| indices.iter().filter_map(|index| ticks.get(*index)).sum::<u64>() as f64 / 100.0;
        // user, nice, system, irq, softirq (not idle and waiting for disks); steal. Guest time is in the first one already.
        Self { used: of(&[0, 1, 2, 5, 6]), stolen: of(&[7]) }
    }

    /// What was added since.
    pub fn since(self, before: Self) -> Self {
        Self { used: self.used - before.used, stolen: self.stolen - before.stolen }
    }
}
