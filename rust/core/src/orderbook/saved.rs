//! Books as they are written down: orders and levels, not the tables that hold them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ladder::Ladder;
use super::table::{Order, Place, Table};
use super::{Levels, Orders, is_price};
use crate::events::{LARGEST, Quality};

/// Orders by id (side, price, size), then price and size of the levels of each side: a level may hold more or less
/// than its orders where the feed gave totals too.
#[derive(Serialize, Deserialize)]
struct Saved {
    orders: Vec<(u64, u8, i64, i64)>,
    levels: [Vec<(i64, i64)>; 2],
    quality: Quality,
}

fn ladder_of(levels: &[Vec<(i64, i64)>; 2]) -> Option<Ladder> {
    let mut ladder = Ladder::default();
    for (side, levels) in levels.iter().enumerate() {
        for &(price, size) in levels {
            if !is_price(price) || !(1..=LARGEST).contains(&size) || ladder.size(side, price) != 0 {
                return None;
            }
            ladder.set(side, price, size);
        }
    }
    Some(ladder)
}

fn table_of(orders: &[(u64, u8, i64, i64)]) -> Option<Table> {
    let mut table = Table::default();
    for &(id, side, price, size) in orders {
        let Place::Free(free) = table.find(id) else { return None };
        if side > 1 || !is_price(price) || !(1..=LARGEST).contains(&size) {
            return None;
        }
        table.insert(free, id, Order { side: side.into(), price, size });
    }
    Some(table)
}

const UNSOUND: &str = "the levels or orders are no book";

impl Serialize for Orders {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let orders = self.table.orders();
        let orders = orders.iter().map(|(id, order)| (*id, order.side as u8, order.price, order.size)).collect();
        let levels = [self.ladder.levels(0), self.ladder.levels(1)];
        Saved { orders, levels, quality: self.quality }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Orders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        match (table_of(&saved.orders), ladder_of(&saved.levels)) {
            (Some(table), Some(ladder)) => Ok(Self { table, ladder, quality: saved.quality }),
            _ => Err(serde::de::Error::custom(UNSOUND)),
        }
    }
}

impl Serialize for Levels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let levels = [self.ladder.levels(0), self.ladder.levels(1)];
        Saved { orders: Vec::new(), levels, quality: self.quality }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Levels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        let ladder = ladder_of(&saved.levels).ok_or_else(|| serde::de::Error::custom(UNSOUND))?;
        Ok(Self { ladder, quality: saved.quality })
    }
}
