//! The files of media below `data_dir/media`, named by their content's hash.
//!
//! - `incoming`: what is being written, under names by chance; and by its hash, what has no settled place yet.
//! - `content`: what rows name. A file comes here after their commit and leaves before the one that deletes the last.
//! - `thumbnails`: a folder for each content, made again when it is gone.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::rows::ContentHash;

/// What files leave free on the disk, bytes: a database that can't write stops the server.
const RESERVE: u64 = 256 << 20;

/// Where a server's media lies.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The media of a data folder. Nothing is looked for or made yet.
    pub fn of(data_dir: &Path) -> Self {
        Self { root: data_dir.join("media") }
    }

    /// Makes the folders that are not there yet.
    pub fn make(&self) -> io::Result<()> {
        ["incoming", "content", "thumbnails"].iter().try_for_each(|name| fs::create_dir_all(self.root.join(name)))
    }

    /// Fails with `StorageFull` if the disk has no room for so many bytes more.
    pub fn check_room(&self, bytes: u64) -> io::Result<()> {
        let disk = rustix::fs::statvfs(&self.root)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < bytes.saturating_add(RESERVE) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// The place of content that rows name.
    pub fn content_path(&self, hash: &ContentHash) -> PathBuf {
        self.root.join("content").join(fanned(hash))
    }

    /// The place of content that is about to be named by rows, or about to go.
    pub fn parked_path(&self, hash: &ContentHash) -> PathBuf {
        self.root.join("incoming").join(hash.to_string())
    }

    /// The folder of a content's thumbnails.
    pub fn thumbnails_path(&self, hash: &ContentHash) -> PathBuf {
        self.root.join("thumbnails").join(fanned(hash))
    }

    /// The place of a file that is being written.
    pub fn new_path(&self, name: &str) -> PathBuf {
        self.root.join("incoming").join(format!("new-{name}"))
    }

    /// Gives a written file its name, for good: whatever happens to the machine, it can be found under it.
    pub fn park(&self, written: &Path, hash: &ContentHash) -> io::Result<()> {
        fs::rename(written, self.parked_path(hash))?;
        self.sync_incoming()
    }

    /// Moves parked content to where rows name it.
    pub fn settle(&self, hash: &ContentHash) -> io::Result<()> {
        let place = self.content_path(hash);
        place.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::rename(self.parked_path(hash), place)
    }

    /// Moves contents away from where rows name them. One whose file is missing is passed over.
    pub fn unsettle(&self, hashes: &[ContentHash]) -> io::Result<()> {
        let mut left = BTreeSet::new();
        for hash in hashes {
            let from = self.content_path(hash);
            unless_missing(fs::rename(&from, self.parked_path(hash)))?;
            left.extend(from.parent().filter(|folder| folder.is_dir()).map(Path::to_owned));
        }
        self.sync_incoming()?;
        left.iter().try_for_each(|folder| File::open(folder)?.sync_all())
    }

    /// Deletes parked content and the thumbnails of it.
    pub fn discard(&self, hash: &ContentHash) -> io::Result<()> {
        unless_missing(fs::remove_file(self.parked_path(hash)))?;
        unless_missing(fs::remove_dir_all(self.thumbnails_path(hash)))
    }

    /// Opens content, wherever it is on its way.
    pub fn open(&self, hash: &ContentHash) -> io::Result<File> {
        let places = [self.content_path(hash), self.parked_path(hash)];
        let mut found = File::open(&places[0]);
        // The place where it was looked for first once more: it may have come there in between.
        for place in places.iter().rev() {
            match found {
                Err(error) if error.kind() == io::ErrorKind::NotFound => found = File::open(place),
                settled => return settled,
            }
        }
        found
    }

    /// After the end of a run, however it came: deletes what was half written, and settles what was under way.
    /// `is_named` tells whether a row names a content.
    pub fn sweep<E: From<io::Error>>(&self, is_named: impl Fn(&ContentHash) -> Result<bool, E>) -> Result<(), E> {
        for entry in fs::read_dir(self.root.join("incoming"))? {
            let entry = entry?;
            match entry.file_name().to_str().and_then(ContentHash::parse) {
                Some(hash) if is_named(&hash)? => self.settle(&hash)?,
                Some(hash) => self.discard(&hash)?,
                None => fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    }

    /// All contents in their place, with the name of each file: `None` for one that is no hash.
    pub fn contents(&self) -> io::Result<Vec<(PathBuf, Option<ContentHash>)>> {
        let mut found = Vec::new();
        let folder = self.root.join("content");
        for inner in entries(&folder)? {
            for path in if inner.is_dir() { entries(&inner)? } else { vec![inner] } {
                let hash = path.file_name().and_then(|name| ContentHash::parse(name.to_str()?));
                let hash = hash.filter(|hash| self.content_path(hash) == path);
                found.push((path, hash));
            }
        }
        Ok(found)
    }

    /// Copies the contents to another data folder: as links where both are on one disk, since files never change.
    pub fn copy_to(&self, data_dir: &Path) -> io::Result<()> {
        let target = Self::of(data_dir);
        target.make()?;
        for (path, hash) in self.contents()? {
            let Some(hash) = hash else { continue };
            let copy = target.content_path(&hash);
            copy.parent().map_or(Ok(()), fs::create_dir_all)?;
            if fs::hard_link(&path, &copy).is_err() {
                fs::copy(&path, &copy)?;
                File::open(&copy)?.sync_all()?;
            }
        }
        Ok(())
    }

    fn sync_incoming(&self) -> io::Result<()> {
        File::open(self.root.join("incoming"))?.sync_all()
    }
}

/// No folder gets too many entries: the first two digits name one of 256.
fn fanned(hash: &ContentHash) -> PathBuf {
    let name = hash.to_string();
    Path::new(&name[..2]).join(&name)
}

/// What is in a folder, nothing if there is no such folder.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn unless_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_do_not_take_the_last_of_the_disk() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::of(data.path());
        folder.make().unwrap();
        folder.check_room(1).unwrap();
        let disk = rustix::fs::statvfs(data.path()).unwrap();
        let all = disk.f_bavail * disk.f_frsize;
        for bytes in [all - RESERVE / 2, all, u64::MAX] {
            assert_eq!(folder.check_room(bytes).unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
    }
}
