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
    Always,
    Never,
}

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

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
}

impl Progress {
    pub fn new(mode: ProgressMode, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let started = Instant::now();
        let how = match mode {
            ProgressMode::Never => How::Silent,
            ProgressMode::Auto if quiet => How::Silent,
            _ if terminal => How::Bar(bar()),
            _ => How::Lines(Mutex::new(Lines { done: 0, total: 0, last: started })),
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
                if lines.last.elapsed() >= LINE_EVERY {
                    lines.last = Instant::now();
                    let rate = lines.done as f64 / self.started.elapsed().as_secs_f64();
                    let left = lines.total.saturating_sub(lines.done) as f64 / rate;
                    super::say(&format!(
                        "{} of {} segments, {rate:.1} segments/s, {} left",
                        lines.done,
                        lines.total,
                        duration(left)
                    ));
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

    pub fn finish(&self) {
        if let How::Bar(bar) = &self.how {
            bar.finish_and_clear();
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
