//! Who traded: the heaviest participants of an episode, where the feed names participants.

use serde::{Deserialize, Serialize};

/// Participants that are told apart during one episode.
const PARTICIPANTS: usize = 16;

/// Volume of the heaviest participants, by the algorithm of Misra and Gries (1982, doi:10.1016/0167-6423(82)90012-0):
/// whoever has more than 1/17 of the volume is in the table at the end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Traders {
    table: Vec<Trader>,
    /// Volume of all buyers and of all sellers.
    total: [f64; 2],
}

/// One participant's volume bought and sold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Trader {
    id: u64,
    volume: [f64; 2],
}

impl Traders {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.table.clear();
        self.total = [0.0; 2];
    }

    /// Takes an aggressor's print.
    pub fn print(&mut self, id: u64, size: f64, is_buyer: bool) {
        let way = usize::from(!is_buyer);
        self.total[way] += size;
        if let Some(row) = self.table.iter_mut().find(|row| row.id == id) {
            row.volume[way] += size;
            return;
        }
        let mut left = size;
        if self.table.len() == PARTICIPANTS {
            // Everybody, the newcomer included, gives up as much as the lightest has.
            left = self.table.iter().map(|row| row.volume[0] + row.volume[1]).fold(size, f64::min);
            for row in &mut self.table {
                let bought = left.min(row.volume[0]);
                row.volume = [row.volume[0] - bought, row.volume[1] - (left - bought)];
            }
            self.table.retain(|row| row.volume[0] + row.volume[1] > 0.0);
            left = size - left;
        }
        if left > 0.0 && self.table.len() < PARTICIPANTS {
            if self.table.capacity() == 0 {
                self.table.reserve_exact(PARTICIPANTS);
            }
            let mut volume = [0.0; 2];
            volume[way] = left;
            self.table.push(Trader { id, volume });
        }
    }

    /// The heaviest participant in a direction, its share of that direction's volume, and its reversal.
    pub fn heaviest(&self, direction: i8) -> (u64, f64, f64) {
        let with = usize::from(direction < 0);
        let mut heaviest: Option<&Trader> = None;
        for row in &self.table {
            // The first of equals: the table's order is that of arrival.
            if heaviest.is_none_or(|best| row.volume[with] > best.volume[with]) {
                heaviest = Some(row);
            }
        }
        match heaviest {
            Some(row) if row.volume[with] > 0.0 => {
                (row.id, row.volume[with] / self.total[with], row.volume[1 - with] / row.volume[with])
            }
            _ => (0, f64::NAN, f64::NAN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_and_its_reversal_are_found_among_many() {
        let mut traders = Traders::default();
        for i in 0..2_000_u64 {
            traders.print(1_000 + i % 100, 1.0, i % 2 == 0);
            traders.print(7, 3.0, true);
            if i % 4 == 0 {
                traders.print(7, 2.0, false);
            }
        }
        let (id, share, reversal) = traders.heaviest(1);
        assert_eq!((id, traders.table.len() <= PARTICIPANTS), (7, true));
        // True share 6000/7000 and reversal 1000/6000; the table loses at most 1/17 of the volume.
        assert!((0.75..=0.86).contains(&share) && (0.1..=0.2).contains(&reversal), "{share} {reversal}");
        assert!(Traders::default().heaviest(-1).1.is_nan());
    }
}
