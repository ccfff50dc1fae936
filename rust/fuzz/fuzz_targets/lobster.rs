//! Bytes as the two files of LOBSTER: the messages up to the first NUL, then the book.
#![no_main]

use alvh_core::decode::lobster::{Options, Reader};
use alvh_core::events::arrays::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (messages, book) = (&data[..end], &data[(end + 1).min(data.len())..]);
    let policy = [Policy::Raise, Policy::Flag, Policy::Drop][data.len() % 3];
    let options = Options {
        midnight: 1_340_251_200_000_000_000,
        hidden_sides: data.len() % 2 == 0,
        tick_size: (data.len() % 5 == 0).then_some(0.01),
        backwards: policy,
        off_grid: policy,
    };
    // Few inputs come in many pieces: each piece costs the reader a table.
    let chunk = if data.len() % 8 == 1 { 100 } else { 4096 };
    let mut reader = Reader::new("messages", "book", options);
    let read = messages
        .chunks(chunk)
        .try_for_each(|chunk| reader.push_messages(chunk))
        .and_then(|()| book.chunks(chunk).try_for_each(|chunk| reader.push_book(chunk)))
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
