//! Collects panics of all threads, those included that somebody catches: none is acceptable.

use std::sync::Once;

use parking_lot::Mutex;

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Lets every panic of this process be collected instead of printed, from now on: what was collected before is
/// forgotten.
pub fn collect() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let trace = std::backtrace::Backtrace::force_capture().to_string();
            let ours: Vec<_> = trace.lines().filter(|line| line.contains("plume_")).take(12).collect();
            SEEN.lock().push(format!("{info}\n{}", ours.join("\n")));
        }));
    });
    take();
}

/// The panics since the last call.
pub fn take() -> Vec<String> {
    std::mem::take(&mut *SEEN.lock())
}
