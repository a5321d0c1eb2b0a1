use std::sync::Arc;

use plume_engine::Reader;

use crate::shared::Shared;

/// Checks stale transactions again until the mempool closes: the life of the rechecking thread.
///
/// It works from front to back and starts anew after each block. Threads with a new transaction of a sender check
/// what is stale of the same sender themselves, so nobody waits for the end of it.
pub(crate) fn run<R: Reader>(shared: &Arc<Shared<R>>) {
    let mut state = shared.state.lock();
    while !state.turns.closed {
        let state_ref = &mut *state;
        match state_ref.turns.next_recheck(&state_ref.pool) {
            Some((number, lanes)) => shared.recheck(&mut state, number, lanes),
            None => {
                state.turns.rechecker_sleeps = true;
                shared.stale.wait(&mut state);
                state.turns.rechecker_sleeps = false;
            }
        }
    }
}
