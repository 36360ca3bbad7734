//! Remembers how words were cut: texts repeat words, and merging is far slower than looking up.

const SLOTS: usize = 1 << 14;
/// Longer words are rare and not worth keeping.
const MAX_WORD: usize = 64;
/// Bytes and ids kept before everything is forgotten.
const MAX_BYTES: usize = 1 << 20;

/// A direct-mapped cache from words to what they were cut into.
#[derive(Debug, Default)]
pub struct WordCache<T> {
    slots: Vec<Slot>,
    words: Vec<u8>,
    values: Vec<T>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    word: u32,
    value: u32,
    word_len: u16,
    value_len: u16,
}

impl<T: Copy> WordCache<T> {
    /// What `word` was cut into, if it is remembered.
    #[inline]
    pub fn get(&self, word: &[u8]) -> Option<&[T]> {
        let slot = self.slots.get(slot_of(word))?;
        let known = &self.words[slot.word as usize..][..usize::from(slot.word_len)];
        (known == word && !word.is_empty()).then(|| &self.values[slot.value as usize..][..usize::from(slot.value_len)])
    }

    /// Remembers what `word` was cut into, instead of another word that shares its slot.
    pub fn insert(&mut self, word: &[u8], value: &[T]) {
        if word.len() > MAX_WORD {
            return;
        }
        if self.words.len() + word.len() > MAX_BYTES || self.values.len() + value.len() > MAX_BYTES {
            self.slots.clear();
            self.words.clear();
            self.values.clear();
        }
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::default());
        }
        self.slots[slot_of(word)] = Slot {
            word: self.words.len() as u32,
            value: self.values.len() as u32,
            word_len: word.len() as u16,
            value_len: value.len() as u16,
        };
        self.words.extend_from_slice(word);
        self.values.extend_from_slice(value);
    }
}

/// Multiply and rotate over eight bytes at a time; the high bits are the well-mixed ones.
#[inline]
fn slot_of(word: &[u8]) -> usize {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = word.len() as u64;
    for chunk in word.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(bytes)).wrapping_mul(FACTOR);
    }
    (hash >> 50) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_returns_another_words_value() {
        let mut cache = WordCache::default();
        for round in 0..3u32 {
            for n in 0..200_000u32 {
                let word = (n % 50_000).to_string();
                let expected = [n % 50_000, round];
                if let Some(value) = cache.get(word.as_bytes()) {
                    assert_eq!(value[0], n % 50_000);
                }
                cache.insert(word.as_bytes(), &expected);
                assert_eq!(cache.get(word.as_bytes()), Some(&expected[..]));
            }
        }
        assert!(cache.words.len() <= MAX_BYTES);
    }

    #[test]
    fn does_not_keep_long_words() {
        let mut cache = WordCache::default();
        let word = [b'a'; MAX_WORD + 1];
        cache.insert(&word, &[1]);
        assert_eq!(cache.get(&word), None);
    }
}
