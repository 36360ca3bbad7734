//! A double-array trie over bytes, in the layout of Darts-clone, which SentencePiece stores in its model files.
//!
//! Every state is one 32-bit unit. From the unit at `i` with offset `o`, byte `b` leads to the unit at `i ^ o ^ b` where that unit carries
//! the label `b`; a unit flagged as having a leaf keeps the value of the key that ends there in the unit at `i ^ o`. The layout comes from
//! S. Yata's Darts-clone (<https://github.com/s-yata/darts-clone>).

const LEAF_FLAG: u32 = 1 << 8;
const WIDE_OFFSET: u32 = 1 << 9;
const VALUE_FLAG: u32 = 1 << 31;
const BLOCK: usize = 256;

/// A trie from byte strings to values below 2³¹.
#[derive(Debug, Clone)]
pub struct DoubleArray {
    units: Vec<u32>,
}

/// A state of the trie while a key is followed.
#[derive(Debug, Clone, Copy)]
pub struct State {
    /// `i ^ offset` of the unit reached: where its children and its value are looked up.
    base: u32,
    leaf: bool,
}

fn label(unit: u32) -> u32 {
    unit & (VALUE_FLAG | 0xFF)
}

fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & WIDE_OFFSET) >> 6)
}

impl DoubleArray {
    /// A trie from the units of a Darts-clone file, little-endian. `None` where the units point outside the array.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(4 * BLOCK) {
            return None;
        }
        let units: Vec<u32> =
            bytes.chunks_exact(4).map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]])).collect();
        let inside = units
            .iter()
            .enumerate()
            .all(|(index, &unit)| label(unit) > 0xFF || ((index as u32 ^ offset(unit)) | 0xFF) < units.len() as u32);
        inside.then_some(Self { units })
    }

    /// The state before the first byte.
    #[inline]
    pub fn root(&self) -> State {
        State { base: offset(self.units[0]), leaf: false }
    }

    /// The state after one more byte, `None` where no key goes on with it.
    #[inline]
    pub fn step(&self, state: State, byte: u8) -> Option<State> {
        let index = state.base ^ u32::from(byte);
        let unit = *self.units.get(index as usize)?;
        if label(unit) != u32::from(byte) {
            return None;
        }
        Some(State { base: index ^ offset(unit), leaf: unit & LEAF_FLAG != 0 })
    }

    /// The value of the key that ends in this state.
    #[inline]
    pub fn value(&self, state: State) -> Option<u32> {
        if !state.leaf {
            return None;
        }
        self.units.get(state.base as usize).map(|unit| unit & !VALUE_FLAG)
    }

    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<u32> {
        let mut state = self.root();
        for &byte in key {
            state = self.step(state, byte)?;
        }
        self.value(state)
    }

    /// The longest key that `text` starts with: its length in bytes and its value.
    pub fn longest_prefix(&self, text: &[u8]) -> Option<(usize, u32)> {
        let mut state = self.root();
        let mut longest = None;
        for (index, &byte) in text.iter().enumerate() {
            let Some(next) = self.step(state, byte) else { break };
            state = next;
            if let Some(value) = self.value(state) {
                longest = Some((index + 1, value));
            }
        }
        longest
    }

    /// Builds a trie. `keys` must be sorted by bytes, without repetitions, empty keys or zero bytes; values must be below 2³¹.
    pub fn build(keys: &[(&[u8], u32)]) -> Self {
        debug_assert!(keys.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut builder = Builder::default();
        builder.grow();
        builder.take(0);
        builder.units[0] = 0;
        if keys.is_empty() {
            // An offset that leads to free units only.
            builder.units[0] = 1 << 10;
        } else {
            builder.arrange(keys, 0, 0);
        }
        Self { units: builder.units }
    }
}

/// Places states into free units. The free units of the last blocks form a ring that is searched for a base whose children are all free.
#[derive(Default)]
struct Builder {
    units: Vec<u32>,
    used: Vec<bool>,
    base_used: Vec<bool>,
    /// Neighbours of a free unit in the ring.
    next: Vec<u32>,
    previous: Vec<u32>,
    /// A free unit in the ring, if there is one.
    head: Option<u32>,
}

/// Blocks that are searched; older ones stay as full as they are, which keeps building linear in the number of states.
const OPEN_BLOCKS: usize = 16;

impl Builder {
    /// Adds a block and closes the oldest open one.
    fn grow(&mut self) {
        let start = self.units.len();
        let end = start + BLOCK;
        if let Some(closed) = start.checked_sub(OPEN_BLOCKS * BLOCK) {
            for unit in closed..closed + BLOCK {
                if !self.used[unit] {
                    self.unlink(unit);
                }
            }
        }
        // A free unit carries a label above 0xFF, which no byte equals.
        self.units.resize(end, VALUE_FLAG);
        self.used.resize(end, false);
        self.base_used.resize(end, false);
        self.next.extend((start..end).map(|unit| unit as u32 + 1));
        self.previous.extend((start..end).map(|unit| (unit as u32).wrapping_sub(1)));
        let (first, last) = (start as u32, end as u32 - 1);
        let (before, after) = match self.head {
            Some(head) => (self.previous[head as usize], head),
            None => (last, first),
        };
        self.head.get_or_insert(first);
        self.link(before, first);
        self.link(last, after);
    }

    fn link(&mut self, left: u32, right: u32) {
        self.next[left as usize] = right;
        self.previous[right as usize] = left;
    }

    fn unlink(&mut self, unit: usize) {
        let (previous, next) = (self.previous[unit], self.next[unit]);
        if next == unit as u32 {
            self.head = None;
            return;
        }
        self.link(previous, next);
        if self.head == Some(unit as u32) {
            self.head = Some(next);
        }
    }

    fn take(&mut self, unit: usize) {
        self.used[unit] = true;
        // Units of closed blocks are in no ring, but no base that is found leads there.
        self.unlink(unit);
    }

    /// Finds where the children `labels` (ascending) of the unit at `parent` go.
    fn find_base(&mut self, parent: usize, labels: &[u8]) -> usize {
        if let Some(head) = self.head {
            let mut unit = head;
            loop {
                let base = unit as usize ^ usize::from(labels[0]);
                if self.fits(parent, base, labels) {
                    return base;
                }
                unit = self.next[unit as usize];
                if unit == head {
                    break;
                }
            }
        }
        self.grow();
        let start = self.units.len() - BLOCK;
        (start..start + BLOCK).find(|base| self.fits(parent, *base, labels)).expect("an empty block fits any children")
    }

    fn fits(&self, parent: usize, base: usize, labels: &[u8]) -> bool {
        let offset = parent ^ base;
        // Up to 21 bits as they are, up to 29 bits where the low 8 are zero; never zero, which would make a unit its own child.
        let encodable = offset != 0 && (offset < 1 << 21 || (offset < 1 << 29 && offset & 0xFF == 0));
        encodable && !self.base_used[base] && labels.iter().all(|&label| !self.used[base ^ usize::from(label)])
    }

    /// Places the children of the state at `unit`, which all of `keys` reach with their first `depth` bytes.
    fn arrange(&mut self, keys: &[(&[u8], u32)], depth: usize, unit: usize) {
        let value = (keys[0].0.len() == depth).then_some(keys[0].1);
        let rest = if value.is_some() { &keys[1..] } else { keys };
        let mut labels: Vec<u8> = Vec::new();
        if value.is_some() {
            labels.push(0);
        }
        for (key, _) in rest {
            let byte = key[depth];
            if labels.last() != Some(&byte) {
                labels.push(byte);
            }
        }
        let base = self.find_base(unit, &labels);
        self.base_used[base] = true;
        for &label in &labels {
            self.take(base ^ usize::from(label));
        }
        let offset = (unit ^ base) as u32;
        self.units[unit] |= if offset < 1 << 21 { offset << 10 } else { (offset << 2) | WIDE_OFFSET };
        if let Some(value) = value {
            self.units[unit] |= LEAF_FLAG;
            self.units[base] = VALUE_FLAG | value;
        }
        let mut start = 0;
        while start < rest.len() {
            let byte = rest[start].0[depth];
            let end = start + rest[start..].partition_point(|(key, _)| key[depth] == byte);
            let child = base ^ usize::from(byte);
            self.units[child] = u32::from(byte);
            self.arrange(&rest[start..end], depth + 1, child);
            start = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn finds_exactly_its_keys(
            map in proptest::collection::btree_map(proptest::collection::vec(1u8..=255, 1..6), 0u32..1 << 30, 0..300),
            probes in proptest::collection::vec(proptest::collection::vec(0u8..=255, 0..7), 0..50),
        ) {
            let keys: Vec<(&[u8], u32)> = map.iter().map(|(key, &value)| (key.as_slice(), value)).collect();
            let trie = DoubleArray::build(&keys);
            for (key, value) in &map {
                prop_assert_eq!(trie.get(key), Some(*value));
            }
            for probe in &probes {
                prop_assert_eq!(trie.get(probe), map.get(probe).copied());
                let longest = (1..=probe.len()).rev().find_map(|n| map.get(&probe[..n]).map(|&value| (n, value)));
                prop_assert_eq!(trie.longest_prefix(probe), longest);
            }
        }
    }

    #[test]
    fn survives_a_file_layout_round_trip() {
        let map: BTreeMap<&[u8], u32> = [(&b"ab"[..], 1), (b"abc", 2), (b"b", 3)].into();
        let keys: Vec<(&[u8], u32)> = map.into_iter().collect();
        let bytes: Vec<u8> = DoubleArray::build(&keys).units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let trie = DoubleArray::from_bytes(&bytes).expect("a valid array");
        assert_eq!(trie.longest_prefix(b"abd"), Some((2, 1)));
        assert_eq!(trie.get(b"c"), None);
        assert!(DoubleArray::from_bytes(&bytes[..100]).is_none());
    }
}
