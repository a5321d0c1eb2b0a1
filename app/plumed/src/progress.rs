//! How far a long command has come, for a person at a terminal; elsewhere nothing is written.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Pause between two pictures of a spinner.
const TICK: Duration = Duration::from_millis(120);

/// A bar over `total` of `what` (plural).
pub fn bar(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    bar.set_style(
        ProgressStyle::with_template(&format!("{{bar:40}} {{pos}}/{{len}} {what}, {{per_sec}}, {{eta}} left"))
            .expect("the template above is valid"),
    );
    bar
}

/// A spinner for a step whose length is not known.
pub fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what);
    spinner.set_style(ProgressStyle::with_template("{spinner} {msg}, {elapsed}").expect("the template above is valid"));
    spinner.enable_steady_tick(TICK);
    spinner
}
