//! Units of work on threads owned by the call.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};

/// How often the calling thread asks whether to go on while others work.
const PATIENCE: Duration = Duration::from_millis(10);

/// Does `work` on every unit with `threads` threads; which thread takes which unit does not matter to `work`.
///
/// `work` is given a function that says whether to go on, to be asked every few milliseconds; the caller's `go_on` behind
/// it is asked by the calling thread only.
pub(crate) fn run<T: Send>(
    threads: usize,
    units: impl Iterator<Item = T> + Send,
    go_on: &mut dyn FnMut() -> bool,
    work: impl Fn(T, &mut dyn FnMut() -> bool) + Sync,
) -> Result<()> {
    if threads <= 1 {
        let mut alive = true;
        for unit in units {
            work(unit, &mut || {
                alive = alive && go_on();
                alive
            });
            if !alive || !go_on() {
                return Err(Error::Interrupted);
            }
        }
        return Ok(());
    }
    let stop = AtomicBool::new(false);
    let queue = Mutex::new(units);
    // A panic in `work` poisons nothing: the lock is held while a unit is taken only.
    let next = || queue.lock().ok().and_then(|mut units| units.next());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed)
                        && let Some(unit) = next()
                    {
                        work(unit, &mut || !stop.load(Ordering::Relaxed));
                    }
                })
            })
            .collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            if !stop.load(Ordering::Relaxed) && !go_on() {
                stop.store(true, Ordering::Relaxed);
            }
            thread::park_timeout(PATIENCE);
        }
    });
    if stop.into_inner() { Err(Error::Interrupted) } else { Ok(()) }
}
