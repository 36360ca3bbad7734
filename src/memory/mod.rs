//! Run journal: an interrupted run goes on where it stopped.
//!
//! A run that writes files keeps a [`Journal`] beside them: one line per translated segment, appended as it is finished, deleted when the run is
//! complete. The key of a line is the segment's cleaned source text, so a resumed run reads, splits and exports everything again (which is
//! cheap and gives exactly the files of an undisturbed run) and only skips what a model had already translated. A journal belongs to a
//! [`Fingerprint`] of model and settings; one with another fingerprint is never used.

mod journal;

pub use journal::{Entry, Fingerprint, Journal, JournalError};
