//! SentencePiece's text normaliser: character rules, then white space.
//!
//! The order of things at each place of the text, as in SentencePiece's `Normalizer`: a user-defined piece stays as it is; else the longest
//! rule of the [`Charsmap`] replaces what it matches; else one character is copied (an invalid byte becomes U+FFFD). Around that, spaces:
//! leading, repeated and trailing ones go where the model wants it, a dummy one is put in front (or behind), and all become `▁`.

use super::charsmap::Charsmap;
use super::double_array::DoubleArray;
use super::proto::{NormalizerSpec, TrainerSpec};

/// `▁`, which stands for a space.
pub const SPACE: &str = "\u{2581}";

/// A model's normaliser.
#[derive(Debug, Clone)]
pub struct Normalizer {
    charsmap: Option<Charsmap>,
    /// User-defined pieces, which no rule touches.
    protected: Option<DoubleArray>,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    space: &'static [u8],
    whitespace_as_suffix: bool,
}

impl Normalizer {
    /// The normaliser of a model file; `user_defined` are the pieces that stay as they are. `Err` says what is wrong with the rules.
    pub fn new(spec: &NormalizerSpec, trainer: &TrainerSpec, user_defined: &[&str]) -> Result<Self, &'static str> {
        let charsmap = match spec.precompiled_charsmap.as_deref() {
            None | Some([]) => None,
            Some(bytes) => Some(Charsmap::parse(bytes)?),
        };
        let mut protected: Vec<(&[u8], u32)> = user_defined.iter().map(|piece| (piece.as_bytes(), 0)).collect();
        protected.sort_unstable();
        protected.dedup();
        Ok(Self {
            charsmap,
            protected: (!protected.is_empty()).then(|| DoubleArray::build(&protected)),
            add_dummy_prefix: spec.add_dummy_prefix.unwrap_or(true),
            remove_extra_whitespaces: spec.remove_extra_whitespaces.unwrap_or(true),
            space: if spec.escape_whitespaces.unwrap_or(true) { SPACE.as_bytes() } else { b" " },
            whitespace_as_suffix: trainer.treat_whitespace_as_suffix.unwrap_or(false),
        })
    }

    /// Whether decoding drops a leading `▁`, and whether it does so any number of times: see `SentencePiece::decode`.
    pub(super) fn dummy_prefix(&self) -> (bool, bool) {
        (self.add_dummy_prefix, self.remove_extra_whitespaces)
    }

    /// Normalises `text` into `out`, which is cleared first.
    pub fn normalize_into(&self, text: &[u8], out: &mut Vec<u8>) {
        out.clear();
        self.write(text, out);
    }

    /// Normalises `text` and says for every byte of the result at which byte of `text` it comes from.
    pub fn normalize_aligned(&self, text: &[u8]) -> (Vec<u8>, Vec<usize>) {
        let mut aligned = Aligned::default();
        self.write(text, &mut aligned);
        (aligned.bytes, aligned.sources)
    }

    fn write(&self, text: &[u8], out: &mut impl Output) {
        let mut rest = text;
        if self.remove_extra_whitespaces {
            while !rest.is_empty() {
                let (consumed, replaced) = self.prefix(rest);
                if replaced != b" " {
                    break;
                }
                rest = &rest[consumed..];
            }
        }
        if rest.is_empty() {
            return;
        }
        let at = |rest: &[u8]| text.len() - rest.len();
        out.reserve(rest.len() + rest.len() / 2);
        if !self.whitespace_as_suffix && self.add_dummy_prefix {
            out.push_all(self.space, at(rest));
        }
        let mut after_space = self.remove_extra_whitespaces;
        while !rest.is_empty() {
            if self.protected.is_none()
                && let Some(charsmap) = &self.charsmap
            {
                let run = charsmap.plain_run(rest);
                if run > 0 {
                    out.copy(&rest[..run], at(rest));
                    rest = &rest[run..];
                    after_space = false;
                    continue;
                }
            }
            let (consumed, mut replaced) = self.prefix(rest);
            let source = at(rest);
            rest = &rest[consumed..];
            while after_space && let Some(stripped) = replaced.strip_prefix(b" ") {
                replaced = stripped;
            }
            let Some(&last) = replaced.last() else { continue };
            if replaced.contains(&b' ') {
                for byte in replaced {
                    out.push_all(if *byte == b' ' { self.space } else { std::slice::from_ref(byte) }, source);
                }
            } else {
                out.push_all(replaced, source);
            }
            after_space = self.remove_extra_whitespaces && last == b' ';
        }
        if self.remove_extra_whitespaces {
            while out.bytes().ends_with(self.space) {
                out.truncate(out.bytes().len() - self.space.len());
            }
        }
        if self.whitespace_as_suffix && self.add_dummy_prefix {
            out.push_all(self.space, text.len());
        }
    }

    /// What the start of `text` (not empty) becomes, and how many bytes that takes.
    #[inline]
    fn prefix<'a>(&'a self, text: &'a [u8]) -> (usize, &'a [u8]) {
        if let Some((length, _)) = self.protected.as_ref().and_then(|trie| trie.longest_prefix(text)) {
            return (length, &text[..length]);
        }
        if let Some((length, replaced)) = self.charsmap.as_ref().and_then(|charsmap| charsmap.longest_match(text)) {
            return (length, replaced);
        }
        match valid_char_len(text) {
            Some(length) => (length, &text[..length]),
            None => (1, "\u{FFFD}".as_bytes()),
        }
    }
}

/// Where normalised text goes: bytes alone, or with the places that they come from.
trait Output {
    fn reserve(&mut self, bytes: usize);
    /// Appends bytes that all come from the place `source`.
    fn push_all(&mut self, bytes: &[u8], source: usize);
    /// Appends bytes that stand in the source from `source` on.
    fn copy(&mut self, bytes: &[u8], source: usize);
    fn bytes(&self) -> &[u8];
    fn truncate(&mut self, length: usize);
}

impl Output for Vec<u8> {
    fn reserve(&mut self, bytes: usize) {
        self.reserve(bytes);
    }

    #[inline]
    fn push_all(&mut self, bytes: &[u8], _: usize) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn copy(&mut self, bytes: &[u8], _: usize) {
        self.extend_from_slice(bytes);
    }

    fn bytes(&self) -> &[u8] {
        self
    }

    fn truncate(&mut self, length: usize) {
        self.truncate(length);
    }
}

#[derive(Default)]
struct Aligned {
    bytes: Vec<u8>,
    sources: Vec<usize>,
}

impl Output for Aligned {
    fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
        self.sources.reserve(bytes);
    }

    fn push_all(&mut self, bytes: &[u8], source: usize) {
        self.bytes.extend_from_slice(bytes);
        self.sources.resize(self.bytes.len(), source);
    }

    fn copy(&mut self, bytes: &[u8], source: usize) {
        self.bytes.extend_from_slice(bytes);
        self.sources.extend(source..source + bytes.len());
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
        self.sources.truncate(length);
    }
}

/// Length of the UTF-8 character at the start of `text`, `None` where the bytes are not one.
pub(super) fn valid_char_len(text: &[u8]) -> Option<usize> {
    let length = char_len(*text.first()?);
    if length == 1 && text[0] >= 0x80 {
        return None;
    }
    std::str::from_utf8(text.get(..length)?).ok().map(|_| length)
}

/// Length of a UTF-8 character by its first byte alone, as SentencePiece counts: 1 for a stray continuation byte.
#[inline]
pub(super) fn char_len(first: u8) -> usize {
    match first >> 4 {
        0xC | 0xD => 2,
        0xE => 3,
        0xF => 4,
        _ => 1,
    }
}
