//! The project's own source files, for the tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// A file and its text.
pub struct Source {
    /// Relative to the project, with `/` between folders.
    pub path: String,
    pub text: String,
}

/// All files below `folder` with one of the `endings`, in order of their paths.
pub fn sources(folder: &str, endings: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    collect(&root.join(folder), &mut found);
    found.sort();
    let wanted = found.into_iter().filter(|path| {
        let ending = path.extension().and_then(|e| e.to_str());
        ending.is_some_and(|e| endings.contains(&e))
    });
    wanted
        .map(|path| Source {
            path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(),
            text: fs::read_to_string(&path).unwrap(),
        })
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name();
        // What is installed is not ours; a link may lead anywhere.
        let foreign = ["node_modules", "dist", "screenshots"].iter().any(|made| name == *made)
            || entry.file_type().unwrap().is_symlink();
        if entry.path().is_dir() && !foreign {
            collect(&entry.path(), found);
        } else if !foreign {
            found.push(entry.path());
        }
    }
}

/// The code of a line, without the comment that may end it.
pub fn code(line: &str) -> &str {
    let comment = line.match_indices("//").map(|(at, _)| at);
    // A slash pair after an odd number of quotes lies within a string, as in "https://".
    let mut outside = comment.filter(|&at| line[..at].matches('"').count().is_multiple_of(2));
    outside.next().map_or(line, |at| &line[..at])
}
