//! Bytes as two tables of TAQ: the trades up to the first NUL, then the quotes.
#![no_main]

use alvh_core::decode::taq::{Options, Quotes, Reader};
use alvh_core::events::arrays::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (trades, quotes) = (&data[..end], &data[(end + 1).min(data.len())..]);
    let policy = [Policy::Raise, Policy::Flag, Policy::Drop][data.len() % 3];
    let options = Options {
        midnight: 1_381_118_400_000_000_000,
        quotes: if data.len() % 2 == 0 { Quotes::National } else { Quotes::Venues },
        session: (34_200_000_000_000, 57_600_000_000_000),
        extended: data.len() % 7 < 3,
        tick_size: (data.len() % 5 == 0).then_some(0.01),
        backwards: policy,
        suspicious: policy,
        off_grid: policy,
    };
    // Few inputs come in many pieces: each piece costs the reader a table.
    let chunk = if data.len() % 8 == 1 { 100 } else { 4096 };
    let mut reader = Reader::new("quotes", "trades", options);
    let read = trades
        .chunks(chunk)
        .try_for_each(|chunk| reader.push_trades(chunk))
        .and_then(|()| quotes.chunks(chunk).try_for_each(|chunk| reader.push_quotes(chunk)))
        .and_then(|()| reader.finish("X"));
    match read {
        Ok(tape) => {
            let events = tape.columns().expect("columns");
            assert!(events.ts.is_sorted());
            assert_eq!(events.depth.len(), events.len() * events.depth_levels);
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains(['\n', '\r']) && text.len() < 500, "not one line: {text}");
        }
    }
});
