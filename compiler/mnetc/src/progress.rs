//! Progress of what lasts: on standard error, and only where somebody watches, on a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Fewer than this are done before a bar would be read.
const FEW: usize = 8;

/// A bar for `len` things, called `what`. Nothing is drawn for few of them, for programs (`quiet`), or into a file.
///
/// Call `inc(1)` for each, from any thread, and `finish_and_clear` before anything else is printed.
pub(crate) fn bar(len: usize, what: &'static str, quiet: bool) -> ProgressBar {
    if quiet || len < FEW {
        return ProgressBar::hidden();
    }
    // Without a terminal the target draws nothing.
    let bar = ProgressBar::with_draw_target(Some(len as u64), ProgressDrawTarget::stderr());
    let template = "{bar:32} {pos}/{len} {msg}, {eta} left";
    bar.with_style(ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar()))
        .with_message(what)
}

/// A sign of life while something of `bytes` is worked on; nothing where that takes no time, or where the output goes to
/// another program.
pub(crate) fn spinner(bytes: u64, what: impl Into<String>) -> ProgressBar {
    const MUCH: u64 = 8 << 20;
    if bytes < MUCH || !std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        .with_style(ProgressStyle::default_spinner())
        .with_message(what.into());
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
