//! Translation memory and run journal: an interrupted run goes on where it stopped.
