//! Bytes as a recording of Binance: the tape's own events must keep a book that tells the same.
#![no_main]

use alvh_core::decode::binance::{Options, Reader, Time};
use alvh_core::events::arrays::Policy;
use alvh_core::events::{action, flag};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let options = Options {
        symbol: (data.len() % 3 == 0).then(|| "X".to_owned()),
        time: if data.len() % 2 == 0 { Time::Receive } else { Time::Exchange },
        warm_up: 1_000_000,
        tick_size: None,
        lot_size: (data.len() % 5 == 0).then_some(1e-8),
        backwards: if data.len() % 7 == 0 { Policy::Raise } else { Policy::Flag },
    };
    let mut reader = Reader::new("file", options);
    let read = data.chunks(100).try_for_each(|chunk| reader.push(chunk)).and_then(|()| reader.finish());
    match read {
        Ok(tape) => {
            let events = tape.columns().expect("columns");
            assert!(events.ts.is_sorted());
            assert!(events.flags.last().is_some_and(|flags| flags & flag::LAST != 0));
            let mut book = std::collections::BTreeMap::new();
            for i in 0..events.len() {
                let level = (events.side[i], events.price[i]);
                match events.action[i] {
                    action::CLEAR => book.clear(),
                    action::ADD => assert_eq!(book.insert(level, events.size[i]), None),
                    action::MODIFY => {
                        assert!(book.insert(level, events.size[i]).is_some_and(|old| old != events.size[i]))
                    }
                    action::CANCEL => assert_eq!(book.remove(&level), Some(events.size[i])),
                    _ => {}
                }
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains(['\n', '\r']) && text.len() < 500, "not one line: {text}");
        }
    }
});
