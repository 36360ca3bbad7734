//! Our normaliser and model under the traits of the `tokenizers` crate, so that a pipeline of that crate (pre-tokenizer, post-processor,
//! truncation, offsets) can run a SentencePiece model exactly:
//!
//! ```
//! use jisr::tokenizer::sentencepiece::SentencePiece;
//! use tokenizers::{DecoderWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerBuilder};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let model = SentencePiece::parse(&std::fs::read("tests/fixtures/tokenizer/marian/source.spm")?)?;
//! let tokenizer = TokenizerBuilder::new()
//!     .with_normalizer(Some(model.normalizer().clone()))
//!     .with_model(model)
//!     .with_pre_tokenizer(None::<PreTokenizerWrapper>)
//!     .with_post_processor(None::<PostProcessorWrapper>)
//!     .with_decoder(None::<DecoderWrapper>)
//!     .build()?;
//! assert_eq!(tokenizer.encode("ﺟﺴﺮ", false)?.get_offsets()[0].0, 0);
//! # Ok(())
//! # }
//! ```

use super::normalizer::Normalizer;
use super::sentencepiece::{Encoded, Scratch, SentencePiece};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tokenizers::models::unigram::UnigramTrainer;
use tokenizers::{Model, NormalizedString, Token};

impl tokenizers::Normalizer for Normalizer {
    fn normalize(&self, normalized: &mut NormalizedString) -> tokenizers::Result<()> {
        let text = normalized.get().to_owned();
        let (bytes, sources) = self.normalize_aligned(text.as_bytes());
        let result = String::from_utf8(bytes)?;
        // For every character of the result, which character of the text it comes from.
        let mut char_of = vec![0; text.len() + 1];
        let mut count = 0usize;
        for (start, char) in text.char_indices() {
            char_of[start..start + char.len_utf8()].fill(count);
            count += 1;
        }
        char_of[text.len()] = count;
        let mut changes: Vec<(char, isize)> = Vec::with_capacity(result.len());
        let mut first = count;
        let mut last = 0;
        for (start, char) in result.char_indices() {
            let source = char_of[sources[start]];
            match changes.last_mut() {
                None => {
                    first = source;
                    // A character without a source counts as inserted.
                    changes.push((char, isize::from(source == count)));
                }
                Some((_, change)) if source > last && source < count => {
                    *change -= (source - last) as isize - 1;
                    changes.push((char, 0));
                }
                Some(_) => changes.push((char, 1)),
            }
            last = source.min(count.saturating_sub(1));
        }
        if let Some((_, change)) = changes.last_mut() {
            *change -= count as isize - 1 - last as isize;
            normalized.transform(changes, first);
        } else {
            normalized.clear();
        }
        Ok(())
    }
}

/// Takes text that is normalised already; offsets are those of the normalised text.
impl Model for SentencePiece {
    type Trainer = UnigramTrainer;

    fn tokenize(&self, sequence: &str) -> tokenizers::Result<Vec<Token>> {
        let mut tokens = Vec::new();
        self.encode_normalized(sequence.as_bytes(), &mut Scratch::default(), |range, encoded| {
            let (id, text) = match encoded {
                Encoded::Piece(id) => (id, self.piece(id).unwrap_or_default()),
                Encoded::Unknown(text) => (self.unknown_id().unwrap_or_default(), text),
            };
            tokens.push(Token::new(id, text.to_owned(), (range.start, range.end)));
        });
        Ok(tokens)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.id(token)
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.piece(id).map(str::to_owned)
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        (0..self.len() as u32).filter_map(|id| Some((self.piece(id)?.to_owned(), id))).collect()
    }

    fn get_vocab_size(&self) -> usize {
        self.len()
    }

    fn save(&self, _: &Path, _: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        Err("a SentencePiece model is read only: copy its file".into())
    }

    fn get_trainer(&self) -> UnigramTrainer {
        UnigramTrainer::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use tokenizers::{DecoderWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerBuilder, TokenizerImpl};

    type Pipeline = TokenizerImpl<SentencePiece, Normalizer, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizer").join(name)).expect("a fixture")
    }

    #[test]
    fn a_pipeline_of_the_tokenizers_crate_gives_the_same_ids_and_sound_offsets() {
        let lines: Vec<String> = serde_json::from_slice(&fixture("lines.json")).expect("lines");
        for name in ["marian/source.spm", "marian/target.spm", "marian-separate/source.spm", "marian-separate/target.spm"] {
            let model = SentencePiece::parse(&fixture(name)).expect("a model");
            let pipeline: Pipeline = TokenizerBuilder::new()
                .with_normalizer(Some(model.normalizer().clone()))
                .with_model(model.clone())
                .build()
                .expect("a pipeline");
            let mut scratch = Scratch::default();
            for line in &lines {
                let encoding = pipeline.encode(line.as_str(), false).expect("encodes");
                let mut ids = Vec::new();
                model.encode_ids(line, &mut scratch, &mut ids);
                assert_eq!(encoding.get_ids(), ids, "{name}: {line:?}");
                for &(start, end) in encoding.get_offsets() {
                    assert!(start <= end && line.is_char_boundary(start) && line.is_char_boundary(end), "{name}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn offsets_point_at_the_source_of_each_piece() {
        let model = SentencePiece::parse(&fixture("marian/source.spm")).expect("a model");
        let text = "  \u{FE9F}\u{FEB4}\u{FEAE}  \u{200b}الجيش ";
        let (normalized, sources) = model.normalizer().normalize_aligned(text.as_bytes());
        assert_eq!(String::from_utf8(normalized.clone()).expect("text"), "▁جسر▁الجيش");
        let at = |piece: &str| sources[String::from_utf8_lossy(&normalized).find(piece).expect("there")];
        assert_eq!((at("ج"), at("س"), at("ر"), at("ا")), (2, 5, 8, text.find('ا').expect("there")));
    }
}
