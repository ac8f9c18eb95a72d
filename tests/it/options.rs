//! What operators rely on without seeing it: the configuration's defaults, and how the database keeps each family.

use std::collections::BTreeMap;

use salon::config::Config;

use crate::common::TestServer;

#[test]
fn the_configuration_at_its_defaults() {
    insta::assert_json_snapshot!(Config::default());
}

/// A change here may leave databases of before unreadable, or slow: it has to be meant.
#[tokio::test]
async fn the_options_of_each_column_family() {
    let mut server = TestServer::start().await;
    server.stop().await;
    let folder = server.config().data_dir.join("db");
    let file = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = file.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("OPTIONS-")).max();
    let sections = sections(&std::fs::read_to_string(file.expect("RocksDB writes down its options")).unwrap());
    // RocksDB makes a family of its own, with everything as it comes: what differs from that is ours.
    let ours = sections.iter().filter_map(|(name, options)| {
        let kind = name.split('"').next()?;
        let usual = sections.get(&format!("{kind}\"default\""))?;
        let is_ours = |(key, value): &(&String, &String)| *key == "compression" || usual.get(*key) != Some(value);
        let ours: BTreeMap<_, _> = options.iter().filter(is_ours).collect();
        Some((name, ours))
    });
    let ours: BTreeMap<_, _> = ours.collect();
    insta::assert_json_snapshot!("families", ours);

    let chosen =
        ["keep_log_file_num", "max_background_jobs", "max_open_files", "max_total_wal_size", "wal_compression"];
    let database: BTreeMap<_, _> = chosen.iter().map(|key| (key, &sections["DBOptions"][*key])).collect();
    insta::assert_json_snapshot!("database", database);
}

/// `[CFOptions "index"]` and what stands under it.
fn sections(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines().map(str::trim) {
        if let Some(heading) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name = heading.to_owned();
        } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            sections.entry(name.clone()).or_default().insert(key.to_owned(), value.to_owned());
        }
    }
    sections
}
