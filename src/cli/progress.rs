//! How far a run is: a bar on a terminal, a plain line now and then elsewhere.

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// When progress is shown on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub enum ProgressMode {
    /// A bar on a terminal, a line every ten seconds elsewhere
    #[default]
    Auto,
    /// A bar on a terminal; elsewhere a line every two seconds and one at the end; with --quiet too
    Always,
    /// Nothing
    Never,
}

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Between two plain lines where someone wants them.
const LINE_EVERY_ALWAYS: Duration = Duration::from_secs(2);

/// Segments done of those known so far.
pub struct Progress {
    how: How,
    started: Instant,
}

enum How {
    Bar(ProgressBar),
    Lines(Mutex<Lines>),
    Silent,
}

struct Lines {
    done: u64,
    total: u64,
    last: Instant,
    every: Duration,
    /// Whether the end of the run is a line too, however short it was.
    closing: bool,
}

impl Lines {
    fn say(&self, started: Instant) {
        let rate = self.done as f64 / started.elapsed().as_secs_f64();
        let left = self.total.saturating_sub(self.done);
        let rest = if left > 0 { format!(", {} left", duration(left as f64 / rate)) } else { String::new() };
        super::say(&format!("{} of {} segments, {rate:.1} segments/s{rest}", self.done, self.total));
    }
}

impl Progress {
    pub fn new(mode: ProgressMode, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let started = Instant::now();
        let how = match mode {
            ProgressMode::Never => How::Silent,
            ProgressMode::Auto if quiet => How::Silent,
            _ if terminal => How::Bar(bar()),
            _ => {
                let closing = mode == ProgressMode::Always;
                let every = if closing { LINE_EVERY_ALWAYS } else { LINE_EVERY };
                How::Lines(Mutex::new(Lines { done: 0, total: 0, last: started, every, closing }))
            }
        };
        Self { how, started }
    }

    /// More segments are to be translated.
    pub fn expect(&self, segments: u64) {
        match &self.how {
            How::Bar(bar) => {
                bar.inc_length(segments);
                bar.tick();
            }
            How::Lines(lines) => lines.lock().expect("no panic while counting").total += segments,
            How::Silent => {}
        }
    }

    /// One more segment is done.
    pub fn advance(&self) {
        match &self.how {
            How::Bar(bar) => bar.inc(1),
            How::Lines(lines) => {
                let mut lines = lines.lock().expect("no panic while counting");
                lines.done += 1;
                if lines.last.elapsed() >= lines.every {
                    lines.last = Instant::now();
                    lines.say(self.started);
                }
            }
            How::Silent => {}
        }
    }

    /// Runs `talk` with the bar out of the way.
    pub fn pause<T>(&self, talk: impl FnOnce() -> T) -> T {
        match &self.how {
            How::Bar(bar) => bar.suspend(talk),
            _ => talk(),
        }
    }

    /// The run has ended, with or without all its segments done.
    pub fn finish(&self) {
        match &self.how {
            How::Bar(bar) => bar.finish_and_clear(),
            How::Lines(lines) => {
                let lines = lines.lock().expect("no panic while counting");
                if lines.closing && lines.total > 0 {
                    lines.say(self.started);
                }
            }
            How::Silent => {}
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {wide_bar} {pos}/{len} segments  {per_sec}  {eta} left")
        .expect("a fixed template")
        .progress_chars("━╸─");
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(8)).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Seconds as a person says them: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown time".into();
    }
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_said_as_people_say_them() {
        let said: Vec<String> = [0.42, 12.4, 185.0, 7800.0, f64::INFINITY].map(duration).into();
        assert_eq!(said, ["0.4 s", "12 s", "3 min 5 s", "2 h 10 min", "unknown time"]);
    }
}
