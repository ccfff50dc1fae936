//! Control variates of books: what was held, times what the market then brought beyond its mean.
//!
//! On every step the books' P&L under small moves of the state, marked by the model itself, is known; the innovations of
//! the next step have mean zero given everything known. Their product has mean zero whatever the sensitivities are, and
//! moves with the P&L as far as they are good: the gain of a hedge.

use super::account::BookAccount;
use super::legs::{LegTable, Slot};
use crate::market::MarketState;
use crate::market::state::INNOVATIONS;
use crate::marks::{Marks, Quote};
use crate::math;

/// Control variates of one book.
pub const NAMES: [&str; 7] = ["delta", "gamma", "fast_vega", "slow_vega", "jumps", "drawdown", "deep_drawdown"];
/// Log points of the moves for delta and gamma.
const MOVE: f64 = 0.01;
/// Move of a variance: this share of it and a floor.
const VARIANCE_MOVE: (f64, f64) = (0.1, 0.001);
/// Scenarios that are marked: price up, price down, fast variance, slow variance, an average jump.
const SCENARIOS: usize = 5;

/// An average jump of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AverageJump {
    /// Log price.
    pub price: f64,
    /// Fast variance.
    pub v1: f64,
    /// Intensity under the pricing measure.
    pub intensity: f64,
}

/// What is followed of one book on one path.
#[derive(Debug, Clone, Copy, Default)]
struct Followed {
    /// P&L per unit of every innovation, USD.
    sensitivity: [f64; INNOVATIONS],
    /// Fall from the highest equity so far over the deepest such fall.
    depth: f64,
    peak: f64,
    deepest: f64,
    sums: [f64; NAMES.len()],
}

/// Control variates of all books on a block of paths.
pub struct BookControls<M: Marks> {
    marks: M,
    jump: AverageJump,
    moved: MarketState,
    quotes: [Vec<Quote>; SCENARIOS],
    slots: Vec<[f64; INNOVATIONS]>,
    followed: Vec<Vec<Followed>>,
}

impl<M: Marks> BookControls<M> {
    /// Before the first step. `marks` must be of their own: they see moved states.
    pub fn new(marks: M, jump: AverageJump, n_paths: usize, capitals: &[f64]) -> Self {
        let books = capitals.iter().map(|&capital| Followed { peak: capital, ..Followed::default() }).collect();
        Self {
            marks,
            jump,
            moved: MarketState::default(),
            quotes: Default::default(),
            slots: Vec::new(),
            followed: vec![books; n_paths],
        }
    }

    /// Adds what the step brought to what was held before it.
    pub(super) fn accrue(&mut self, state: &MarketState) {
        for (path, books) in self.followed.iter_mut().enumerate() {
            let innovations: [f64; INNOVATIONS] = std::array::from_fn(|k| state.innovations[k][path]);
            for book in books {
                let mut total = 0.0;
                for ((sum, sensitivity), innovation) in book.sums.iter_mut().zip(book.sensitivity).zip(innovations) {
                    let gain = sensitivity * innovation;
                    *sum += gain;
                    total += gain;
                }
                // What a loss adds to the deepest fall is the surer the closer equity is to it.
                let squared = book.depth * book.depth;
                book.sums[5] += squared * total;
                book.sums[6] += squared * squared * squared * squared * total;
            }
        }
    }

    /// Marks what is held under moved states.
    pub(super) fn measure(&mut self, state: &MarketState, legs: &LegTable, accounts: &[Vec<BookAccount>]) {
        self.moved.clone_from(state);
        // The futures move with the state: none is quoted.
        self.moved.vx_expiry.clear();
        self.moved.vx_price.clear();
        let variance_move = |v: f64| VARIANCE_MOVE.0 * v + VARIANCE_MOVE.1;
        for scenario in 0..SCENARIOS {
            for path in 0..state.n_paths() {
                let (spot, model) = (state.spot[path], &state.model);
                let (mut x, mut v1, mut v2) = (0.0, model.v1[path], model.v2[path]);
                let mut intensity = model.intensity[path];
                match scenario {
                    0 => x = MOVE,
                    1 => x = -MOVE,
                    2 => v1 += variance_move(v1),
                    3 => v2 += variance_move(v2),
                    _ => {
                        x = self.jump.price;
                        v1 += self.jump.v1;
                        intensity += self.jump.intensity;
                    }
                }
                self.moved.spot[path] = if x == 0.0 { spot } else { spot * math::exp(x) };
                self.moved.model.v1[path] = v1;
                self.moved.model.v2[path] = v2;
                self.moved.model.intensity[path] = intensity;
            }
            self.marks.prepare(&self.moved);
            self.marks.quote(&self.moved, legs.batch(), &mut self.quotes[scenario]);
        }
        self.slots.clear();
        for slot in 0..legs.batch().path.len() {
            let path = legs.batch().path[slot] as usize;
            let now = legs.quote(slot as Slot).mid;
            let [up, down, fast, slow, jump] = std::array::from_fn(|k| self.quotes[k][slot].mid - now);
            let (v1, v2) = (state.model.v1[path], state.model.v2[path]);
            let points = [
                (up - down) / (2.0 * MOVE),
                // Half the second derivative: it multiplies a square.
                (up + down) / (2.0 * MOVE * MOVE),
                fast / variance_move(v1),
                slow / variance_move(v2),
                jump,
            ];
            let multiplier = legs.instrument(slot as Slot).multiplier();
            self.slots.push(points.map(|x| if x.is_finite() { x * multiplier } else { 0.0 }));
        }
        for (books, accounts) in self.followed.iter_mut().zip(accounts) {
            for (book, account) in books.iter_mut().zip(accounts) {
                book.sensitivity = account.sensitivity(&self.slots);
                let equity = account.equity() as f64 / 100.0;
                book.peak = book.peak.max(equity);
                let fall = book.peak - equity;
                book.deepest = book.deepest.max(fall);
                book.depth = if book.deepest > 0.0 { fall / book.deepest } else { 1.0 };
            }
        }
    }

    /// Control variates of a path, book after book.
    pub(super) fn of_path(&self, path: usize, out: &mut Vec<f64>) {
        out.extend(self.followed[path].iter().flat_map(|book| book.sums));
    }
}
