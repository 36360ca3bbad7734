//! The normalisation rules of a SentencePiece model, compiled: a trie from source strings to offsets in a blob of replacements.
//!
//! Layout of `precompiled_charsmap`: the trie's size in bytes (u32, little-endian), the trie ([`DoubleArray`]), then the replacements, each
//! ended by a zero byte. The rule that applies at a place is the longest one that matches there; text that no rule matches stays as it is.

use super::double_array::DoubleArray;

/// SentencePiece collects at most this many rules that match at one place, shortest first.
const MAX_MATCHES: usize = 32;

/// Compiled normalisation rules.
#[derive(Debug, Clone)]
pub struct Charsmap {
    trie: DoubleArray,
    replacements: Box<[u8]>,
    /// ASCII bytes that stay as they are when another ASCII byte or the end of the text follows.
    plain: [bool; 128],
}

impl Charsmap {
    /// Reads `precompiled_charsmap`; `Err` says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (size, rest) = bytes.split_first_chunk::<4>().ok_or("the normalisation rules are cut off")?;
        let size = u32::from_le_bytes(*size) as usize;
        if size >= rest.len() {
            return Err("the normalisation rules are cut off");
        }
        let (trie, replacements) = rest.split_at(size);
        if replacements.last() != Some(&0) {
            return Err("the normalisation rules do not end with a zero byte");
        }
        let trie = DoubleArray::from_bytes(trie).ok_or("the trie of the normalisation rules is invalid")?;
        let plain = std::array::from_fn(|byte| {
            trie.step(trie.root(), byte as u8)
                .is_none_or(|state| trie.value(state).is_none() && (0..128).all(|next| trie.step(state, next).is_none()))
        });
        Ok(Self { trie, replacements: replacements.into(), plain })
    }

    /// The rule for the start of `text`: how many bytes it consumes, and the replacement.
    #[inline]
    pub fn longest_match(&self, text: &[u8]) -> Option<(usize, &[u8])> {
        let mut state = self.trie.root();
        let mut longest = None;
        let mut matches = 0;
        for (index, &byte) in text.iter().enumerate() {
            let Some(next) = self.trie.step(state, byte) else { break };
            state = next;
            if let Some(value) = self.trie.value(state) {
                longest = Some((index + 1, value as usize));
                matches += 1;
                if matches == MAX_MATCHES {
                    break;
                }
            }
        }
        let (length, start) = longest?;
        Some((length, self.replacement(start)?))
    }

    /// The *shortest* rule that matches the start of `text`, whatever follows: what the `tokenizers` crate calls `transform`.
    pub fn shortest_match(&self, text: &[u8]) -> Option<&[u8]> {
        let mut state = self.trie.root();
        for &byte in text {
            if byte == 0 {
                return None;
            }
            state = self.trie.step(state, byte)?;
            if let Some(value) = self.trie.value(state) {
                return self.replacement(value as usize);
            }
        }
        None
    }

    /// Length of the longest run of ASCII at the start of `text` in which no rule can match; spaces end it.
    #[inline]
    pub fn plain_run(&self, text: &[u8]) -> usize {
        let mut length = 0;
        while let Some(&byte) = text.get(length) {
            let plain = byte < 128 && byte != b' ' && self.plain[usize::from(byte)];
            if !plain || text.get(length + 1).is_some_and(|next| *next >= 128) {
                break;
            }
            length += 1;
        }
        length
    }

    fn replacement(&self, start: usize) -> Option<&[u8]> {
        let rest = self.replacements.get(start..)?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        Some(&rest[..end])
    }
}
