//! Full-text search (client-server API, "Server Side Search"): words of messages, names and topics are kept in rows of
//! their own by a follower of the log, and looked up by whoever searches.

mod find;
mod follow;
mod index;
mod rows;
mod text;
mod walk;
mod words;

pub(super) use self::follow::Searchable;
pub use self::{
    find::{Found, Order, Part, Place, Results, SearchRequest, Token},
    rows::{Field, Posting, Worded, posting_key, worded_key},
};

/// The pieces of a text, as they are written, that were found by `words`.
pub fn highlights<'t>(text: &'t str, words: &[String]) -> Vec<&'t str> {
    words::written(text, words)
}
