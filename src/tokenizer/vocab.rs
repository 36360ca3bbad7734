//! A vocabulary: token text to id and back.
//!
//! All texts lie in one string, found through one open-addressing table, so that loading 256,000 tokens allocates a handful of times.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

const NONE: u32 = u32::MAX;

/// Token texts and their ids.
#[derive(Debug, Clone, Default)]
pub struct Vocab {
    text: String,
    /// Where each token lies in `text`, and its id, in the order of insertion.
    entries: Vec<Entry>,
    /// By hash of the text: other bits of the hash, and the entry's number.
    table: Vec<(u32, u32)>,
    /// Entry numbers, by id.
    by_id: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    end: u32,
    id: u32,
}

impl Entry {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Ids above this are taken for damage: no vocabulary is that large.
const MAX_ID: u32 = 1 << 24;

impl Vocab {
    /// Reads a JSON object `{"token": id, …}`. Of a repeated token the last id counts, of a repeated id the last token, as in Python.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// Adds a token, or gives a known one another id.
    pub fn insert(&mut self, token: &str, id: u32) {
        if (self.entries.len() + 1) * 2 > self.table.len() {
            self.rehash();
        }
        let slot = self.slot(token);
        let number = match self.table[slot] {
            (_, NONE) => {
                let start = self.text.len() as u32;
                self.text.push_str(token);
                let number = self.entries.len() as u32;
                self.table[slot] = (hash(token.as_bytes()) as u32, number);
                self.entries.push(Entry { start, end: self.text.len() as u32, id });
                number
            }
            (_, number) => {
                self.entries[number as usize].id = id;
                number
            }
        };
        if self.by_id.len() <= id as usize {
            self.by_id.resize(id as usize + 1, NONE);
        }
        self.by_id[id as usize] = number;
    }

    /// The id of a token.
    pub fn id(&self, token: &str) -> Option<u32> {
        if self.table.is_empty() {
            return None;
        }
        self.entries.get(self.table[self.slot(token)].1 as usize).map(|entry| entry.id)
    }

    /// The token of an id.
    pub fn token(&self, id: u32) -> Option<&str> {
        let number = *self.by_id.get(id as usize)?;
        self.entries.get(number as usize).map(|entry| &self.text[entry.range()])
    }

    /// The id after the highest one.
    pub fn next_id(&self) -> u32 {
        self.by_id.len() as u32
    }

    /// Number of different tokens.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All tokens and their ids, in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.entries.iter().map(|entry| (&self.text[entry.range()], entry.id))
    }

    /// The slot that holds `token`, or the empty one where it belongs.
    fn slot(&self, token: &str) -> usize {
        let mask = self.table.len() - 1;
        let hash = hash(token.as_bytes());
        // The high bits depend on all bytes.
        let mut slot = (hash >> (64 - self.table.len().trailing_zeros())) as usize;
        loop {
            let (bits, number) = self.table[slot];
            let other = number != NONE && (bits != hash as u32 || self.text[self.entries[number as usize].range()] != *token);
            if !other {
                return slot;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn rehash(&mut self) {
        let size = (self.entries.len() * 4).next_power_of_two().max(64);
        self.table = vec![(0, NONE); size];
        for number in 0..self.entries.len() {
            let token = &self.text[self.entries[number].range()];
            let (slot, bits) = (self.slot(token), hash(token.as_bytes()) as u32);
            self.table[slot] = (bits, number as u32);
        }
    }
}

impl<'de> Deserialize<'de> for Vocab {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vocab;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("an object from tokens to ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vocab, A::Error> {
                let mut vocab = Vocab::default();
                while let Some((token, id)) = map.next_entry::<Token, u32>()? {
                    if id > MAX_ID {
                        return Err(serde::de::Error::custom(format!("token {:?} has the id {id}", token.0)));
                    }
                    vocab.insert(&token.0, id);
                }
                Ok(vocab)
            }
        }
        /// Borrowed where the text holds no escapes.
        #[derive(Deserialize)]
        struct Token<'a>(#[serde(borrow)] Cow<'a, str>);
        deserializer.deserialize_map(Entries)
    }
}

/// Multiply and rotate over eight bytes at a time.
fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn behaves_like_a_map(pairs in proptest::collection::vec(("[a-f]{0,3}", 0u32..500), 0..400)) {
            let mut vocab = Vocab::default();
            let mut map = HashMap::new();
            for (token, id) in &pairs {
                vocab.insert(token, *id);
                map.insert(token.clone(), *id);
            }
            prop_assert_eq!(vocab.len(), map.len());
            for (token, id) in &map {
                prop_assert_eq!(vocab.id(token), Some(*id));
            }
            prop_assert_eq!(vocab.id("zzz"), None);
        }
    }

    #[test]
    fn reads_json_as_python_does() {
        let vocab = Vocab::from_json(r#"{"a": 0, "▁b": 1, "\u2581c": 1, "a": 2}"#.as_bytes()).expect("valid");
        assert_eq!((vocab.id("a"), vocab.id("▁c"), vocab.token(1), vocab.len()), (Some(2), Some(1), Some("▁c"), 3));
        assert!(Vocab::from_json(br#"{"a": -1}"#).is_err());
        assert!(Vocab::from_json(br#"["a"]"#).is_err());
        assert!(Vocab::from_json(br#"{"a": 1"#).is_err());
    }
}
