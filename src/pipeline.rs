//! The flow of a run: documents in, bitexts out.
