//! Text to ids and back, exact to the reference implementations.

/// A model's tokeniser: source text to ids, target ids to text.
pub trait Tokenizer: Send + Sync {
    /// Source ids of `text`, everything the encoder wants included (`</s>`, a language code).
    fn encode_source(&self, text: &str) -> Vec<u32>;
    /// Ids of `text` as target, `</s>` included (forced decoding, alignment, tests).
    fn encode_target(&self, text: &str) -> Vec<u32>;
    /// Text of generated ids; special tokens are skipped.
    fn decode_target(&self, ids: &[u32]) -> String;
    /// Text of source ids; special tokens are skipped.
    fn decode_source(&self, ids: &[u32]) -> String;
    /// The piece of a source id as the vocabulary spells it, `▁` included.
    fn source_piece(&self, id: u32) -> &str;
    /// The piece of a target id as the vocabulary spells it, `▁` included.
    fn target_piece(&self, id: u32) -> &str;
}
