//! Word alignment from cross-attention.
