//! Which events stop being extremities once another stands behind them.

use std::collections::HashSet;

use super::rows::{EventMeta, Verdict};
use crate::ids::EventNum;

/// What an accepted event behind `prev` overtakes: those events, and where they were not accepted themselves, what
/// they follow; else an extremity before a refused event would stay one for ever.
///
/// Goes no further down than `oldest`, the oldest extremity.
pub fn overtaken<E>(
    prev: &[EventNum],
    oldest: EventNum,
    mut meta: impl FnMut(EventNum) -> Result<EventMeta, E>,
) -> Result<HashSet<EventNum>, E> {
    let mut found = HashSet::new();
    let mut pending = prev.to_vec();
    while let Some(event) = pending.pop() {
        if event < oldest || !found.insert(event) {
            continue;
        }
        let meta = meta(event)?;
        if meta.verdict != Verdict::Accepted {
            pending.extend(meta.prev);
        }
    }
    Ok(found)
}
