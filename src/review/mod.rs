//! Checks on a finished translation: numbers, names, loops, length, script.
