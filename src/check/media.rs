//! Media: uploads and their users, contents and the uploads that name them, files and the contents that they are.

use std::{
    fs::File,
    io::{self, Read as _},
};

use sha2::{Digest, Sha256};

use super::{Database, Report, index::IndexRow, report};
use crate::{
    ids::UserNum,
    media::{
        folder::Folder,
        rows::{
            ContentHash, ContentRow, MediaRow, MediaState, Pending, Usage, content_key, media_key, own_key,
            pending_key, usage_key, weight,
        },
    },
    store::{
        Family, Read, StoreError, decode,
        keys::{Index, KeyBuilder},
    },
};

/// How much of a file is read at once, bytes.
const PIECE: usize = 1 << 20;

/// Media ID → upload: its user knows of it, and its content is there.
pub(super) fn check_media(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    report.count("uploads", 1);
    let media_id = String::from_utf8_lossy(row.rest);
    let place = format!("upload {media_id}");
    let Some(media) = row.decode::<MediaRow>(report) else { return Ok(()) };
    let stored = match media.state {
        MediaState::Stored(stored) => stored,
        MediaState::Pending { expires_at } => {
            let pending: Option<Vec<Pending>> = db.row(Family::Index, &pending_key(media.owner), report)?;
            let told = Pending { media_id: media_id.into_owned(), expires_at };
            if !pending.unwrap_or_default().contains(&told) {
                report.wrong(place, "its user has not announced it");
            }
            return Ok(());
        }
    };
    if db.snapshot.get(Family::Index, &own_key(media.owner, &media_id))?.is_none() {
        report.wrong(&place, "its user does not know of it");
    }
    let content: Option<ContentRow> = db.row(Family::Index, &content_key(&stored.hash), report)?;
    if content.is_none_or(|content| content.length != stored.length) {
        report.wrong(place, "its content is missing, or has another length");
    }
    Ok(())
}

/// User → upload: it is there, and theirs.
pub(super) fn check_own(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let media_id = String::from_utf8_lossy(row.rest);
    let media: Option<MediaRow> = db.row(Family::Index, &media_key(&media_id), report)?;
    let is_theirs = |media: MediaRow| media.owner == UserNum(row.owner) && matches!(media.state, MediaState::Stored(_));
    if !media.is_some_and(is_theirs) {
        report.wrong(report::user(UserNum(row.owner)), format!("their upload {media_id} is missing, or another's"));
    }
    let usage = usage_key(UserNum(row.owner));
    if db.snapshot.get(Family::Index, &usage)?.is_none() {
        report.wrong(report::user(UserNum(row.owner)), "nothing says what their uploads count for");
    }
    Ok(())
}

/// User → what they have announced: each is there, and theirs.
pub(super) fn check_pending(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    for Pending { media_id, expires_at } in row.decode::<Vec<Pending>>(report).unwrap_or_default() {
        let media: Option<MediaRow> = db.row(Family::Index, &media_key(&media_id), report)?;
        let is_theirs =
            |media: MediaRow| media.owner == UserNum(row.owner) && media.state == MediaState::Pending { expires_at };
        if !media.is_some_and(is_theirs) {
            let what = format!("the upload {media_id} that they announced is missing, or another's");
            report.wrong(report::user(UserNum(row.owner)), what);
        }
    }
    Ok(())
}

/// User → what their uploads count for.
pub(super) fn check_usage(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let prefix = KeyBuilder::user(UserNum(row.owner), Index::OwnMedia).build();
    let mut rows = db.snapshot.scan_prefix(Family::Index, &prefix);
    let mut found = 0;
    while let Some((key, _)) = rows.next()? {
        let media_id = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
        let media: Option<MediaRow> = db.row(Family::Index, &media_key(&media_id), report)?;
        if let Some(MediaState::Stored(stored)) = media.map(|media| media.state) {
            found += weight(stored.length);
        }
    }
    if row.decode::<Usage>(report).is_some_and(|usage| usage.bytes != found) {
        let what = format!("their uploads count for {found} bytes, their usage says something else");
        report.wrong(report::user(UserNum(row.owner)), what);
    }
    Ok(())
}

/// Content: its file is there, and is what its name says.
pub(super) fn check_content(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    report.count("files", 1);
    let Some(content) = row.decode::<ContentRow>(report) else { return Ok(()) };
    let Ok(hash) = row.rest.try_into().map(ContentHash) else {
        report.wrong(row.place(), "its key is malformed");
        return Ok(());
    };
    let place = format!("content {hash}");
    // After a crash it may be on its way to its place, where the next start takes it.
    match Folder::of(db.store.data_dir()).open(&hash).and_then(read) {
        Err(error) => report.wrong(place, format!("its file can't be read: {error}")),
        Ok(found) if found != (hash, content.length) => {
            report.wrong(place, format!("its file has {} bytes that hash to {}", found.1, found.0));
        }
        Ok(_) => {}
    }
    Ok(())
}

/// Whatever the row of a content can't tell: how many uploads name it, and whether files lie about that none does.
pub(super) fn check_files(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut uses = std::collections::HashMap::<ContentHash, u64>::new();
    let mut rows = db.snapshot.scan_prefix(Family::Index, &KeyBuilder::global(Index::Media).build());
    while let Some((_, value)) = rows.next()? {
        // A malformed row is told where it is met first.
        if let Ok(MediaRow { state: MediaState::Stored(stored), .. }) = decode(Family::Index, value) {
            *uses.entry(stored.hash).or_default() += 1;
        }
    }
    let prefix = KeyBuilder::global(Index::MediaContent).build();
    let mut rows = db.snapshot.scan_prefix(Family::Index, &prefix);
    while let Some((key, value)) = rows.next()? {
        let Ok(hash) = key[prefix.len()..].try_into().map(ContentHash) else { continue };
        let named = uses.remove(&hash).unwrap_or_default();
        let content: Option<ContentRow> = decode(Family::Index, value).ok();
        if content.is_some_and(|content| content.uses != named) {
            report.wrong(format!("content {hash}"), format!("{named} uploads name it, its row says something else"));
        }
    }
    let files = Folder::of(db.store.data_dir()).contents();
    let files = files.map_err(|error| StoreError::File { path: db.store.data_dir().join("media"), error })?;
    for (_, hash) in files {
        let row = hash.map(|hash| db.snapshot.get(Family::Index, &content_key(&hash))).transpose()?.flatten();
        if row.is_none() {
            // No harm but to the disk: an older copy of the database does not know them.
            report.count("files that nothing names", 1);
        }
    }
    Ok(())
}

fn read(mut file: File) -> io::Result<(ContentHash, u64)> {
    let (mut hasher, mut length) = (Sha256::new(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((ContentHash(hasher.finalize().into()), length)),
            count => {
                hasher.update(&piece[..count]);
                length += count as u64;
            }
        }
    }
}
