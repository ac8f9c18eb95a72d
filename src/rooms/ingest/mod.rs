//! Events of other servers on their way into a room: read, checked, and placed behind what they follow.
//!
//! Invariant: nothing of another server is believed unchecked: form, signatures and hash of each event first, then the
//! auth rules by its auth events, by the state before it and by the current state. What is fetched for it is bounded,
//! and fetched while nobody holds the room.

mod backfill;
mod gaps;
mod outliers;
mod receive;
mod verify;

pub(super) use self::{
    outliers::Authorities,
    receive::Outcome,
    verify::{verified, verified_one},
};
