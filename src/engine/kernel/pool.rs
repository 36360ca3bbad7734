//! Memory for key/value pages, handed out and shared by counting.

/// Pages of one size. A page that several hypotheses share is counted, not copied; a page that nobody holds is handed out again.
#[derive(Debug)]
pub struct Pool {
    page_words: usize,
    pages: Vec<Box<[u32]>>,
    holders: Vec<u32>,
    free: Vec<u32>,
}

impl Pool {
    /// A pool of pages of `page_words` words; it grows when a page is asked for and none is free.
    pub fn new(page_words: usize) -> Pool {
        Pool { page_words, pages: Vec::new(), holders: Vec::new(), free: Vec::new() }
    }

    pub fn page_words(&self) -> usize {
        self.page_words
    }

    /// A page with one holder; what it contains is left from before.
    pub fn take(&mut self) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.pages.push(vec![0; self.page_words].into_boxed_slice());
            self.holders.push(0);
            (self.pages.len() - 1) as u32
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

    /// A page that only the caller holds and that has the content of `id`, of which the caller's share is given up.
    pub fn make_own(&mut self, id: u32) -> u32 {
        if self.holders[id as usize] == 1 {
            return id;
        }
        let own = self.take();
        let (from, to) = (id as usize, own as usize);
        let [from, to] = self.pages.get_disjoint_mut([from, to]).expect("a free page is not the shared one");
        to.copy_from_slice(from);
        self.release(id);
        own
    }

    pub fn page(&self, id: u32) -> &[u32] {
        &self.pages[id as usize]
    }

    pub fn page_mut(&mut self, id: u32) -> &mut [u32] {
        &mut self.pages[id as usize]
    }

    /// Pages that somebody holds.
    pub fn in_use(&self) -> usize {
        self.pages.len() - self.free.len()
    }
}
