//! What Arabic text needs before a model sees it: blocks, sentences, long-segment splitting, cleaning, numbers.
