//! The trackers of a run: one for each path and each different configuration, shared by all books that read it.

use std::collections::VecDeque;

use crate::book::Book;
use crate::market::{MarketSource, MarketState};
use crate::policy::Policy;
use crate::signals::{Reading, SignalConfig, Tracker};

/// Columns of earlier sessions, for books that read them late.
#[derive(Debug, Default)]
struct Past {
    /// Sessions that are kept, the present one aside.
    sessions: usize,
    /// Session by session, step by step: the columns of `MarketState::signals`.
    kept: VecDeque<Vec<Vec<Vec<f64>>>>,
}

impl Past {
    /// Keeps the columns of a step.
    fn push(&mut self, state: &MarketState) {
        if self.sessions == 0 {
            return;
        }
        if state.is_open || self.kept.is_empty() {
            if self.kept.len() > self.sessions {
                self.kept.pop_front();
            }
            self.kept.push_back(Vec::new());
        }
        if let Some(today) = self.kept.back_mut() {
            today.push(state.signals.clone());
        }
    }

    /// The columns of the same step so many sessions before the present one, which has been kept; none: not known.
    fn columns(&self, delay: usize, is_close: bool) -> Vec<Vec<f64>> {
        let now = self.kept.back().map_or(0, Vec::len);
        let session = self.kept.len().checked_sub(delay + 1).and_then(|index| self.kept.get(index));
        let step = session.and_then(|steps| if is_close { steps.last() } else { steps.get(now.saturating_sub(1)) });
        step.cloned().unwrap_or_default()
    }
}

/// Readings of all paths of a block. Books whose policy reads no signals cost nothing.
#[derive(Debug)]
pub struct Trackers {
    /// Trackers of each path, configuration by configuration.
    trackers: Vec<Vec<Tracker>>,
    /// Configuration of each book.
    of_book: Vec<Option<usize>>,
    /// Sessions by which each configuration reads the columns late.
    delays: Vec<usize>,
    past: Past,
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
        let delays: Vec<usize> = configs.iter().map(|config| config.exogenous_delay).collect();
        let past = Past { sessions: delays.iter().copied().max().unwrap_or(0), kept: VecDeque::new() };
        Self { trackers, of_book, delays, past, unread: Reading::default() }
    }

    /// Whether any book reads signals.
    pub fn are_read(&self) -> bool {
        !self.trackers.is_empty()
    }

    /// Reads one step of all paths.
    pub fn push(&mut self, state: &mut MarketState) {
        self.past.push(state);
        for (trackers, &delay) in self.trackers.iter_mut().zip(&self.delays) {
            let own =
                (delay > 0).then(|| std::mem::replace(&mut state.signals, self.past.columns(delay, state.is_close)));
            for (path, tracker) in trackers.iter_mut().enumerate() {
                tracker.push(state, path);
            }
            if let Some(own) = own {
                state.signals = own;
            }
        }
    }

    /// What a book knows of a path.
    pub fn reading(&self, book: usize, path: usize) -> &Reading {
        self.of_book[book].map_or(&self.unread, |config| self.trackers[config][path].reading())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back_a_delay_of_sessions_later_step_by_step() {
        let mut past = Past { sessions: 2, kept: VecDeque::new() };
        let mut seen = Vec::new();
        for step in 0..12 {
            let state = MarketState {
                is_open: step % 3 == 0,
                is_close: step % 3 == 2,
                signals: vec![vec![f64::from(step)]],
                ..MarketState::default()
            };
            past.push(&state);
            seen.push(past.columns(2, state.is_close).first().map(|column| column[0] as i32));
        }
        let late: Vec<Option<i32>> = (0..12).map(|step| (step >= 6).then_some(step - 6)).collect();
        assert_eq!(seen, late);
        assert!(past.kept.len() <= 3);
    }
}
