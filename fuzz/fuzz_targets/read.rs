//! Any bytes, their format told by their content. A corpus to begin with: `tests/fixtures/document`.
#![no_main]

use jisr::document::{ReadOptions, Source, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let options = ReadOptions { max_bytes: 16 << 20, ..ReadOptions::default() };
    let _ = read(&Source::bytes("input", bytes), &options);
});
