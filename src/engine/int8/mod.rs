//! The int8 backend.
