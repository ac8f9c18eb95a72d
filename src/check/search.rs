//! The rows by which events are found: each word's row and its event's row tell of each other, and the event is there.
//! How far the follower is that writes them does not matter.

use super::{Database, Report, index::IndexRow, report};
use crate::{
    ids::{EventNum, Position, RoomNum},
    rooms::{
        rows::EventMeta,
        search::{Posting, Worded, posting_key, worded_key},
    },
    store::{
        Family, Read, StoreError,
        keys::{self, read_u64},
    },
};

/// Room → word, position: the event there has the word.
pub(super) fn check_word(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let room = RoomNum(row.owner);
    let Some(posting) = row.decode::<Posting>(report) else { return Ok(()) };
    let split = row.rest.len().checked_sub(9).filter(|end| row.rest[*end] == 0);
    let parts = split.and_then(|end| Some((str::from_utf8(&row.rest[..end]).ok()?, read_u64(row.rest, end + 1)?)));
    let Some((word, position)) = parts.map(|(word, position)| (word, Position(position))) else {
        report.wrong(row.place(), "its key is malformed");
        return Ok(());
    };
    let worded: Option<Worded> = db.row(Family::Index, &worded_key(room, posting.number), report)?;
    let knows = worded.is_some_and(|worded| match worded {
        Worded::Words { position: at, words } => at == position && words.iter().any(|known| known == word),
        Worded::Edits(_) => false,
    });
    if !knows {
        let event = report::event(room, posting.number);
        report.wrong(row.place(), format!("{event} does not know that it has the word {word:?}"));
    }
    Ok(())
}

/// Room → event: it is there, with a row for each of its words; or what it edits is there.
pub(super) fn check_worded(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let room = RoomNum(row.owner);
    let number = EventNum(read_u64(row.rest, 0).unwrap_or(0));
    let Some(worded) = row.decode::<Worded>(report) else { return Ok(()) };
    let place = report::event(room, number);
    let meta: Option<EventMeta> = db.row(Family::EventMeta, &keys::event(room, number), report)?;
    match worded {
        Worded::Words { position, words } => {
            report.count("events that can be searched", 1);
            if meta.is_none_or(|meta| !meta.is_visible() || meta.position != position) {
                report.wrong(&place, "it can be searched, but is not there");
            }
            for word in words {
                let key = posting_key(room, &word, position);
                let posting: Option<Posting> = db.row(Family::Index, &key, report)?;
                if posting.is_none_or(|posting| posting.number != number) {
                    report.wrong(&place, format!("nothing leads to it from its word {word:?}"));
                }
            }
        }
        Worded::Edits(original) => {
            let original = db.snapshot.get(Family::EventMeta, &keys::event(room, original))?;
            if meta.is_none() || original.is_none() {
                report.wrong(&place, "it is said to edit another, and one of them is not there");
            }
        }
    }
    Ok(())
}
