//! The trackers of a run: one for each path and each different configuration, shared by all books that read it.

use crate::book::Book;
use crate::market::{MarketSource, MarketState};
use crate::policy::Policy;
use crate::signals::{Reading, SignalConfig, Tracker};

/// Readings of all paths of a block. Books whose policy reads no signals cost nothing.
#[derive(Debug)]
pub struct Trackers {
    /// Trackers of each path, configuration by configuration.
    trackers: Vec<Vec<Tracker>>,
    /// Configuration of each book.
    of_book: Vec<Option<usize>>,
    unread: Reading,
}

impl Trackers {
    /// Asks the policy what each book reads.
    pub fn new<P: Policy, S: MarketSource>(policy: &P, books: &[Book], source: &S) -> Self {
        let mut configs: Vec<&SignalConfig> = Vec::new();
        let of_book = books
            .iter()
            .map(|book| {
                policy.signals(book).map(|wanted| {
                    configs.iter().position(|config| *config == wanted).unwrap_or_else(|| {
                        configs.push(wanted);
                        configs.len() - 1
                    })
                })
            })
            .collect();
        let columns = source.user_columns();
        let trackers = configs.iter().map(|config| vec![Tracker::new(config, columns); source.n_paths()]).collect();
        Self { trackers, of_book, unread: Reading::default() }
    }

    /// Reads one step of all paths.
    pub fn push(&mut self, state: &MarketState) {
        for trackers in &mut self.trackers {
            for (path, tracker) in trackers.iter_mut().enumerate() {
                tracker.push(state, path);
            }
        }
    }

    /// What a book knows of a path.
    pub fn reading(&self, book: usize, path: usize) -> &Reading {
        self.of_book[book].map_or(&self.unread, |config| self.trackers[config][path].reading())
    }
}
