//! Messages of Binance's streams, as far as they are used; numbers in quotes stay text.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

/// What stands under `b` and `a`: levels in an update, the best price in a quote.
#[derive(Debug)]
pub enum Levels<'a> {
    /// Price and size of levels.
    Rows(Vec<[&'a str; 2]>),
    /// One price.
    Price(&'a str),
}

impl<'de: 'a, 'a> Deserialize<'de> for Levels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Levels<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price, or a list of [price, size]")
            }

            fn visit_borrowed_str<E>(self, price: &'de str) -> Result<Self::Value, E> {
                Ok(Levels::Price(price))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
                let mut rows = Vec::new();
                while let Some(row) = sequence.next_element()? {
                    rows.push(row);
                }
                Ok(Levels::Rows(rows))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// A message of any of the streams, or the envelope of one.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// The message in the envelope of a combined stream.
    #[serde(borrow, default)]
    pub data: Option<Box<Message<'a>>>,
    /// Kind of the message; the best quotes of spot and snapshots have none.
    #[serde(rename = "e", default)]
    pub event: Option<&'a str>,
    /// Instrument.
    #[serde(rename = "s", default)]
    pub symbol: Option<&'a str>,
    /// Instrument of a snapshot.
    #[serde(rename = "symbol", default)]
    pub snapshot_symbol: Option<&'a str>,
    /// When the message was made, ms.
    #[serde(rename = "E", default)]
    pub event_time: Option<i64>,
    /// When it happened, ms.
    #[serde(rename = "T", default)]
    pub transaction_time: Option<i64>,
    /// First id of an update.
    #[serde(rename = "U", default)]
    pub first_id: Option<i64>,
    /// Last id of an update, id of best quotes.
    #[serde(rename = "u", default)]
    pub last_id: Option<i64>,
    /// Last id of the update before it.
    #[serde(rename = "pu", default)]
    pub previous_id: Option<i64>,
    /// Id of a snapshot.
    #[serde(rename = "lastUpdateId", default)]
    pub last_update_id: Option<i64>,
    #[serde(rename = "b", borrow, default)]
    bid: Option<Levels<'a>>,
    #[serde(rename = "a", borrow, default)]
    ask: Option<Levels<'a>>,
    /// Size at the best bid.
    #[serde(rename = "B", default)]
    pub bid_size: Option<&'a str>,
    /// Size at the best ask.
    #[serde(rename = "A", default)]
    pub ask_size: Option<&'a str>,
    /// Levels of a snapshot.
    #[serde(rename = "bids", borrow, default)]
    pub snapshot_bids: Option<Levels<'a>>,
    /// Levels of a snapshot.
    #[serde(rename = "asks", borrow, default)]
    pub snapshot_asks: Option<Levels<'a>>,
    /// Price of a trade.
    #[serde(rename = "p", default)]
    pub price: Option<&'a str>,
    /// Size of a trade.
    #[serde(rename = "q", default)]
    pub quantity: Option<&'a str>,
    /// Kind of a trade of futures.
    #[serde(rename = "X", default)]
    pub kind: Option<&'a str>,
    /// Whether the buyer of a trade was its maker.
    #[serde(rename = "m", default)]
    pub is_buyer_maker: Option<bool>,
}

impl<'a> Message<'a> {
    /// Bids of an update.
    pub fn bids(&self) -> Option<&Levels<'a>> {
        self.bid.as_ref()
    }

    /// Asks of an update.
    pub fn asks(&self) -> Option<&Levels<'a>> {
        self.ask.as_ref()
    }

    /// Price of best quotes.
    pub fn best_bid(&self) -> Option<&'a str> {
        price_of(&self.bid)
    }

    /// Price of best quotes.
    pub fn best_ask(&self) -> Option<&'a str> {
        price_of(&self.ask)
    }
}

fn price_of<'a>(levels: &Option<Levels<'a>>) -> Option<&'a str> {
    match levels {
        Some(Levels::Price(price)) => Some(price),
        _ => None,
    }
}
