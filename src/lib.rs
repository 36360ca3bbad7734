//! jisr (جسر, "bridge") translates batches of Arabic reports into English and writes aligned bilingual output.
//!
//! The code follows the way the data flows, one direction, no back and forth:
//!
//! ```text
//! file ─► Document ─► Segment* ─► batches ─► Hypothesis* ─► Bitext ─► file(s)
//!      document/    text/       engine/    model/ + engine/   review/, align/   bitext/
//! ```
//!
//! [`pipeline`] is that flow in one readable file. Start there, then open the folder you need:
//! [`document`] reads, [`text`] splits, [`tokenizer`] makes ids, [`hub`] finds model files, [`model`] says what a checkpoint is,
//! [`engine`] runs it, [`review`] and [`align`] look at what came out, [`bitext`] writes it, [`memory`] lets a run be resumed.
//! [`languages`] is the one list of languages, for tokenisers and writers alike.

pub mod align;
pub mod bitext;
pub mod document;
pub mod engine;
pub mod hub;
pub mod languages;
pub mod memory;
pub mod model;
pub mod pipeline;
pub mod review;
pub mod text;
pub mod tokenizer;
