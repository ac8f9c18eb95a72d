//! The end of a user's media, when they wanted to be forgotten.

use std::collections::BTreeMap;

use super::{
    Media, blocking,
    rows::{
        ContentHash, ContentRow, MediaRow, MediaState, Usage, content_key, media_key, own_key, pending_key, usage_key,
        weight,
    },
};
use crate::{
    error::Result,
    ids::UserNum,
    store::{
        Commit, Family, LogEntry, Read,
        keys::{Index, KeyBuilder},
    },
};

/// Uploads that one commit takes away.
const BATCH: usize = 200;

impl Media {
    /// Deletes all that a user has uploaded or announced, and takes nothing from them any more. Contents that
    /// others have uploaded as well stay for them. Can be done again after a crash.
    pub async fn erase(&self, user: UserNum) -> Result<()> {
        self.close_for(user).await?;
        loop {
            // Nobody names or reads a content for the first time while some of them go.
            let _all = self.locks.all_contents().await;
            let media_ids = self.some_uploads(user)?;
            if media_ids.is_empty() {
                return Ok(());
            }
            self.erase_uploads(user, &media_ids).await?;
        }
    }

    /// From now on the user's uploads are refused.
    async fn close_for(&self, user: UserNum) -> Result<()> {
        let ticket = {
            let _lock = self.locks.user(user);
            let mut commit = Commit::new(LogEntry::Housekeeping);
            for pending in self.pending(user)? {
                commit.delete(Family::Index, media_key(&pending.media_id));
            }
            let usage = Usage { closed: true, ..self.usage(user)? };
            commit.delete(Family::Index, pending_key(user)).put_row(Family::Index, usage_key(user), &usage);
            self.store.commit(|_| commit)
        };
        // What was queued before is published now, and nothing comes after it.
        ticket.durable().await?;
        Ok(())
    }

    /// The IDs of some of what the user has uploaded, until there is none.
    fn some_uploads(&self, user: UserNum) -> Result<Vec<String>> {
        let prefix = KeyBuilder::user(user, Index::OwnMedia).build();
        let snapshot = self.store.snapshot();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        let mut ids = Vec::new();
        while let Some((key, _)) = rows.next()?.filter(|_| ids.len() < BATCH) {
            ids.push(String::from_utf8_lossy(&key[prefix.len()..]).into_owned());
        }
        Ok(ids)
    }

    /// Deletes uploads, then the files that nobody else has uploaded. Who calls this holds all contents, and nobody
    /// else writes the user's usage meanwhile.
    pub(super) async fn erase_uploads(&self, user: UserNum, media_ids: &[String]) -> Result<()> {
        let latest = self.store.latest();
        let mut commit = Commit::new(LogEntry::Housekeeping);
        let mut uses: BTreeMap<ContentHash, u64> = BTreeMap::new();
        let mut usage = self.usage(user)?;
        for media_id in media_ids {
            let row: Option<MediaRow> = latest.get_row(Family::Index, &media_key(media_id))?;
            if let Some(MediaState::Stored(media)) = row.map(|row| row.state) {
                *uses.entry(media.hash).or_default() += 1;
                usage.bytes = usage.bytes.saturating_sub(weight(media.length));
            }
            commit.delete(Family::Index, media_key(media_id)).delete(Family::Index, own_key(user, media_id));
        }
        commit.put_row(Family::Index, usage_key(user), &usage);
        let mut unused = Vec::new();
        for (hash, gone) in uses {
            let Some(content) = latest.get_row::<ContentRow>(Family::Index, &content_key(&hash))? else { continue };
            if content.uses > gone {
                let left = ContentRow { uses: content.uses - gone, ..content };
                commit.put_row(Family::Index, content_key(&hash), &left);
            } else {
                commit.delete(Family::Index, content_key(&hash));
                unused.push(hash);
            }
        }
        let (folder, leaving) = (self.folder.clone(), unused.clone());
        blocking(move || folder.unsettle(&leaving)).await?;
        self.store.commit(|_| commit).durable().await?;
        let folder = self.folder.clone();
        blocking(move || unused.iter().try_for_each(|hash| folder.discard(hash))).await
    }
}
