//! A wall around the readers: what a library does with a damaged file, panic or deep recursion, becomes an error about that file.

use super::Format;
use super::error::{ReadErrorKind, Result};
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

/// Stack of the reading thread in bytes. Memory is taken only as far as it is used.
const STACK: usize = 64 << 20;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `read` on a thread of its own with a deep stack; a panic there is caught and not printed.
pub(crate) fn guarded<T: Send>(format: Format, read: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    quiet_panics();
    let work = move || {
        GUARDED.set(true);
        panic::catch_unwind(AssertUnwindSafe(read))
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("read".to_owned()).stack_size(STACK).spawn_scoped(scope, work)?;
        match thread.join() {
            Ok(Ok(outcome)) => outcome,
            _ => Err(ReadErrorKind::malformed(format.title(), "its structure makes no sense")),
        }
    })
}

/// Panics of guarded threads are reported as errors; only the others are printed, as before.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                print(info);
            }
        }));
    });
}
