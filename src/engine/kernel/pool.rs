//! Memory for key/value pages, handed out and shared by counting.

use memmap2::MmapMut;

/// Bytes that are asked of the system at once: in few large pieces it can use large memory pages, and a step over a hundred megabytes of
/// keys and values misses the address cache less often.
const SLAB: usize = 4 << 20;

/// Pages of one size. A page that several hypotheses share is counted, not copied; a page that nobody holds is handed out again.
#[derive(Debug, Default)]
pub struct Pool {
    page_words: usize,
    /// Pages in a slab.
    per_slab: usize,
    slabs: Vec<MmapMut>,
    /// Of each page; its length is the number of pages.
    holders: Vec<u32>,
    free: Vec<u32>,
}

impl Pool {
    /// A pool of pages of `page_words` words; it grows when a page is asked for and none is free.
    pub fn new(page_words: usize) -> Pool {
        let per_slab = (SLAB / (4 * page_words.max(1))).max(1);
        Pool { page_words, per_slab, slabs: Vec::new(), holders: Vec::new(), free: Vec::new() }
    }

    pub fn page_words(&self) -> usize {
        self.page_words
    }

    /// A page with one holder; what it contains is left from before.
    ///
    /// # Panics
    /// Where the system has no memory left.
    pub fn take(&mut self) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            if self.holders.len() == self.slabs.len() * self.per_slab {
                self.slabs.push(slab(4 * self.page_words * self.per_slab));
            }
            self.holders.push(0);
            (self.holders.len() - 1) as u32
        });
        self.holders[id as usize] = 1;
        id
    }

    /// One more holder.
    pub fn share(&mut self, id: u32) {
        self.holders[id as usize] += 1;
    }

    /// One holder less; the last one gives the page back.
    pub fn release(&mut self, id: u32) {
        let holders = &mut self.holders[id as usize];
        *holders -= 1;
        if *holders == 0 {
            self.free.push(id);
        }
    }

    /// Takes all pages back, whoever holds them.
    pub fn release_all(&mut self) {
        self.holders.fill(0);
        self.free = (0..self.holders.len() as u32).rev().collect();
    }

    /// A page that only the caller holds and that has the content of `id`, of which the caller's share is given up.
    pub fn make_own(&mut self, id: u32) -> u32 {
        if self.holders[id as usize] == 1 {
            return id;
        }
        let own = self.take();
        let from = self.page(id).as_ptr();
        let to = self.page_mut(own).as_mut_ptr();
        // SAFETY: both are pages of this pool; a page that was free is not the shared one, so they don't overlap.
        unsafe { std::ptr::copy_nonoverlapping(from, to, self.page_words) }
        self.release(id);
        own
    }

    /// Byte range of a page in its slab.
    fn place(&self, id: u32) -> (usize, std::ops::Range<usize>) {
        assert!((id as usize) < self.holders.len());
        let start = id as usize % self.per_slab * self.page_words * 4;
        (id as usize / self.per_slab, start..start + self.page_words * 4)
    }

    pub fn page(&self, id: u32) -> &[u32] {
        let (slab, range) = self.place(id);
        // SAFETY: any bits are a `u32`; a slab starts at a memory page, so whole words lie in the middle part.
        let (before, words, _) = unsafe { self.slabs[slab][range].align_to() };
        debug_assert!(before.is_empty());
        words
    }

    pub fn page_mut(&mut self, id: u32) -> &mut [u32] {
        let (slab, range) = self.place(id);
        // SAFETY: as above; any `u32` is four bytes.
        let (before, words, _) = unsafe { self.slabs[slab][range].align_to_mut() };
        debug_assert!(before.is_empty());
        words
    }

    /// Pages that somebody holds.
    pub fn in_use(&self) -> usize {
        self.holders.len() - self.free.len()
    }
}

fn slab(bytes: usize) -> MmapMut {
    let memory = MmapMut::map_anon(bytes).expect("memory for keys and values");
    #[cfg(target_os = "linux")]
    if bytes >= SLAB / 2 {
        // Without large pages it is only slower.
        let _ = memory.advise(memmap2::Advice::HugePage);
    }
    memory
}
