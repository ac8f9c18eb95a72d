//! Who may change what: contents, whose files and rows change together, and users, whose rows are read and written.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{self, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::rows::ContentHash;
use crate::{
    error::{Error, Result},
    ids::UserNum,
};

/// Contents and users share this many locks each: enough that two of them rarely meet.
const STRIPES: usize = 64;
/// A user may have this many uploads on their way at once.
const MAX_UPLOADING: u32 = 8;
/// When to try again where there are too many.
const RETRY_MS: u64 = 1_000;

/// Always taken in this order: all contents or one, then a user.
pub(super) struct Locks {
    all_contents: RwLock<()>,
    contents: [sync::Mutex<()>; STRIPES],
    users: [Mutex<()>; STRIPES],
}

/// Held while one content's file and rows change, over waits for the disk.
pub(super) struct ContentGuard<'a> {
    _all: RwLockReadGuard<'a, ()>,
    _one: sync::MutexGuard<'a, ()>,
}

impl Default for Locks {
    fn default() -> Self {
        Self {
            all_contents: RwLock::default(),
            contents: std::array::from_fn(|_| sync::Mutex::default()),
            users: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Locks {
    /// Takes one content.
    pub async fn content(&self, hash: &ContentHash) -> ContentGuard<'_> {
        let all = self.all_contents.read().await;
        let one = self.contents[usize::from(hash.0[0]) % STRIPES].lock().await;
        ContentGuard { _all: all, _one: one }
    }

    /// Takes all contents.
    pub async fn all_contents(&self) -> RwLockWriteGuard<'_, ()> {
        self.all_contents.write().await
    }

    /// Held over a few reads and the queueing of one commit; never over an await.
    pub fn user(&self, user: UserNum) -> MutexGuard<'_, ()> {
        // A panic under the lock leaves nothing half done: a commit is queued in one step.
        self.users[user.0 as usize % STRIPES].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many uploads of each user are on their way.
#[derive(Default)]
pub(super) struct Uploading(Mutex<HashMap<UserNum, u32>>);

/// An upload that counts for as long as this is there.
pub(super) struct UploadSlot {
    uploading: Arc<Uploading>,
    user: UserNum,
}

impl Uploading {
    fn counts(&self) -> MutexGuard<'_, HashMap<UserNum, u32>> {
        // Nothing under the lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more; 429 `M_LIMIT_EXCEEDED` if there are too many.
    pub fn begin(self: &Arc<Self>, user: UserNum) -> Result<UploadSlot> {
        let mut counts = self.counts();
        let count = counts.entry(user).or_default();
        if *count == MAX_UPLOADING {
            return Err(Error::limit_exceeded(RETRY_MS));
        }
        *count += 1;
        Ok(UploadSlot { uploading: Arc::clone(self), user })
    }
}

impl Drop for UploadSlot {
    fn drop(&mut self) {
        let mut counts = self.uploading.counts();
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_uploads_at_once_and_others_have_theirs() {
        let uploading = Arc::new(Uploading::default());
        let mut slots: Vec<_> = (0..MAX_UPLOADING).map(|_| uploading.begin(UserNum(1)).unwrap()).collect();
        assert_eq!(uploading.begin(UserNum(1)).map(|_| ()).unwrap_err().errcode, "M_LIMIT_EXCEEDED");
        uploading.begin(UserNum(2)).map(|_| ()).unwrap();
        slots.pop();
        slots.push(uploading.begin(UserNum(1)).unwrap());
        drop(slots);
        assert!(uploading.counts().is_empty());
    }
}
