//! The column families and how RocksDB is to keep each: few, with one cache and one memory budget for all.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, Options, SliceTransform, WriteBufferManager,
};

/// Memory for cached blocks, indexes, filters and memtables together, bytes.
const CACHE_BYTES: usize = 32 << 20;
/// The part of it that memtables may take before they are flushed, bytes.
const MEMTABLE_BYTES: usize = 12 << 20;
/// Memtables grow in steps of this many bytes; small, since most families are quiet.
const ARENA_BLOCK_BYTES: usize = 64 << 10;
/// The write-ahead log is cut when it passes this, bytes: it bounds the work of a start after a crash.
const WAL_BYTES: u64 = 64 << 20;

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// A column family. Keys start with a 4-byte room or user number, but for `Meta`, `Names`, `Log` and
        /// `RemoteKeys`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Family {
            $($(#[$doc])* $name),*
        }

        impl Family {
            /// All of them.
            pub const ALL: &'static [Family] = &[$(Family::$name),*];

            /// Its name in the database.
            pub fn name(self) -> &'static str {
                match self {
                    $(Family::$name => $text),*
                }
            }
        }
    };
}

families! {
    /// Schema version, counters, keys, positions of followers.
    Meta = "meta",
    /// String ↔ number, for rooms and users.
    Names = "names",
    /// Event ID's hash → room, number.
    EventIds = "event_ids",
    /// Room, number → flags, position, roots, edges.
    EventMeta = "event_meta",
    /// Room, number → the PDU.
    EventJson = "event_json",
    /// Room, anchor position, sub → number.
    Timeline = "timeline",
    /// Room, position → root of the current state, where it changed.
    Roots = "roots",
    /// Position → what was committed: what followers read.
    Log = "log",
    /// Room → `RoomHead`.
    Rooms = "rooms",
    /// Room, hash → node of the state trie.
    State = "state",
    /// Small secondary indexes.
    Index = "index",
    /// User, position → own membership or account data that changed.
    Feed = "feed",
    /// Room, position → receipt.
    Ephemeral = "ephemeral",
    /// Server → the keys that it signs with.
    RemoteKeys = "remote_keys",
    /// User → keys of their devices; 0, position → whose devices changed.
    Devices = "devices",
    /// User, device, position → message to that device.
    ToDevice = "todevice",
}

impl Family {
    fn prefix_bytes(self) -> Option<usize> {
        match self {
            Self::Meta | Self::Names | Self::Log | Self::RemoteKeys => None,
            _ => Some(4),
        }
    }

    fn options(self, cache: &Cache) -> Options {
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(cache);
        table.set_bloom_filter(10.0, false);
        table.set_whole_key_filtering(true);
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        table.set_optimize_filters_for_memory(true);

        let mut options = Options::default();
        options.set_block_based_table_factory(&table);
        options.set_arena_block_size(ARENA_BLOCK_BYTES);
        options.set_compression_type(DBCompressionType::Lz4);
        if self == Self::EventJson {
            options.set_bottommost_compression_type(DBCompressionType::Zstd);
        }
        if let Some(length) = self.prefix_bytes() {
            options.set_prefix_extractor(SliceTransform::create_fixed_prefix(length));
            // No bloom filters for memtables: each would take 1.3 MB at once, and all of them more than memtables may.
        }
        options
    }
}

/// Whether keys that share `key`'s first bytes lie behind one prefix bloom filter.
pub(super) fn prefix_of(family: Family, key: &[u8]) -> Option<&[u8]> {
    family.prefix_bytes().and_then(|length| key.get(..length))
}

/// The options of the database and of every family.
pub(super) fn options() -> (Options, Vec<ColumnFamilyDescriptor>) {
    let cache = Cache::new_lru_cache(CACHE_BYTES);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_write_buffer_manager(&WriteBufferManager::new_write_buffer_manager_with_cache(
        MEMTABLE_BYTES,
        false,
        cache.clone(),
    ));
    options.set_max_total_wal_size(WAL_BYTES);
    options.set_max_background_jobs(2);
    options.set_max_open_files(512);
    options.set_keep_log_file_num(2);
    let families =
        Family::ALL.iter().map(|family| ColumnFamilyDescriptor::new(family.name(), family.options(&cache))).collect();
    (options, families)
}
