//! Each way to get the configuration wrong, and the sentence that says so.

use std::fs;

use super::*;

struct Case<'a> {
    toml: &'a str,
    environment: &'a [(&'a str, &'a str)],
    flags: Overrides,
}

fn toml(toml: &str) -> Case<'_> {
    Case { toml, environment: &[], flags: vec![] }
}

fn variables<'a>(environment: &'a [(&'a str, &'a str)]) -> Case<'a> {
    Case { environment, ..toml("") }
}

impl Case<'_> {
    fn load(self) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("salon.toml");
        fs::write(&path, self.toml).unwrap();
        let environment = self.environment.iter();
        let owned = environment.map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let loaded = Config::load_with(Some(&path), owned, self.flags);
        loaded.map_err(|e| {
            let folder = format!("{}/", folder.path().display());
            e.to_string().replace(&folder, "")
        })
    }

    #[track_caller]
    fn refused(self, sentence: &str) {
        assert_eq!(self.load().unwrap_err(), sentence);
    }
}

#[test]
fn nothing_set_gives_the_defaults() {
    let config = toml("").load().unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.public_baseurl, "http://localhost:6167");
}

#[test]
fn the_example_is_the_defaults_with_every_key() {
    let example = include_str!("../../config.toml.example");
    // Keys without a default are commented out with `#key`; prose has a blank after its `#`.
    let uncommented: Vec<_> = example
        .lines()
        .map(|l| match l.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest,
            _ => l,
        })
        .collect();
    assert_eq!(toml(example).load().unwrap(), Config::default());

    let all = toml(&uncommented.join("\n")).load().unwrap();
    assert!(all.registration.token.is_some() && all.registration.shared_secret.is_some());
    let mut written = figment::value::Value::serialize(&all).unwrap();
    let example: figment::value::Dict = {
        use figment::providers::{Format, Toml};
        Toml::from_str(&uncommented.join("\n")).unwrap()
    };
    if let figment::value::Value::Dict(_, keys) = &mut written {
        keys.insert("public_baseurl".into(), all.public_baseurl.as_str().into());
    }
    assert_eq!(key_paths(&written), key_paths(&example.into()));
}

fn key_paths(value: &figment::value::Value) -> Vec<String> {
    let Some(dict) = value.as_dict() else {
        return vec![String::new()];
    };
    let nested = dict.iter().flat_map(|(key, value)| {
        let below = key_paths(value).into_iter();
        below.map(move |path| format!("{key}.{path}"))
    });
    nested.collect()
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let case = Case {
        toml: "server_name = \"a.example\"\ndata_dir = \"a\"\n[log]\nlevel = \"warn\"",
        environment: &[("SALON_DATA_DIR", "b"), ("SALON_LOG__LEVEL", "error")],
        flags: vec![("log.level", "debug".into())],
    };
    let config = case.load().unwrap();
    assert_eq!(config.server_name, "a.example");
    assert_eq!(config.data_dir, Path::new("b"));
    assert_eq!(config.log.level, "debug");
}

#[test]
fn the_environment_is_read_as_the_type_that_the_key_has() {
    let config = variables(&[
        ("SALON_LISTEN", "127.0.0.1:0, [::1]:0"),
        ("SALON_DEFAULT_ROOM_VERSION", "11"),
        ("SALON_REGISTRATION__TOKEN", "007"),
        ("SALON_REGISTRATION__MODE", "token"),
        ("SALON_RATE_LIMITS__ENABLED", "false"),
        ("HOME", "/root"),
    ]);
    let config = config.load().unwrap();
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.default_room_version, RoomVersionId::V11);
    assert_eq!(config.registration.token.as_deref(), Some("007"));
    assert!(!config.rate_limits.enabled);

    let list = variables(&[("SALON_LISTEN", "[\"127.0.0.1:1\"]")]).load();
    assert_eq!(list.unwrap().listen, ["127.0.0.1:1".parse().unwrap()]);
}

#[test]
fn the_base_url_follows_from_the_rest_unless_set() {
    let moved = toml("listen = [\"127.0.0.1:8008\"]").load().unwrap();
    assert_eq!(moved.public_baseurl, "http://localhost:8008");
    let public = toml("server_name = \"example.org\"\nlisten = [\"0.0.0.0:80\"]\n[registration]\nmode = \"closed\"");
    assert_eq!(public.load().unwrap().public_baseurl, "https://example.org");
    let set = toml("public_baseurl = \"https://chat.example.org/\"");
    assert_eq!(set.load().unwrap().public_baseurl, "https://chat.example.org");
}

#[test]
fn a_file_that_is_not_there() {
    let none = std::iter::empty();
    let error = Config::load_with(Some(Path::new("/nowhere/salon.toml")), none, vec![]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "the file /nowhere/salon.toml can't be read: No such file or directory (os error 2)"
    );
}

#[test]
fn a_file_that_is_no_toml() {
    let error = toml("server_name = \"localhost\"\nlisten [").load();
    let sentence = error.unwrap_err();
    assert!(sentence.starts_with("the file salon.toml, line 2: "), "{sentence}");
    assert!(!sentence.contains('\n'), "{sentence}");
}

#[test]
fn unknown_keys() {
    toml("servername = \"x\"").refused(
        "the file salon.toml: `servername` is no key that Salon knows; it could be `server_name`, \
         `public_baseurl`, `listen`, `data_dir`, `default_room_version`, `registration`, `rate_limits`, `presence`, `push`, `media`, \
         `url_previews`, `well_known`, `calls`, `tls`, `federation`, `testing`, `log`",
    );
    toml("[log]\nlevle = \"info\"")
        .refused("the file salon.toml: `log.levle` is no key that Salon knows; it could be `level`, `format`");
    variables(&[("SALON_LOG__COLOUR", "red")]).refused(
        "the environment variable SALON_LOG__COLOUR: `log.colour` is no key that Salon knows; \
         it could be `level`, `format`",
    );
}

#[test]
fn features_that_do_not_exist_yet_are_not_accepted_silently() {
    for table in ["oauth", "email", "appservices"] {
        let sentence = toml(&format!("[{table}]")).load().unwrap_err();
        let start = format!("the file salon.toml: `{table}` is no key that Salon knows");
        assert!(sentence.starts_with(&start), "{sentence}");
    }
}

#[test]
fn wrong_types() {
    toml("data_dir = 5").refused("the file salon.toml: `data_dir` must be a string, not 5");
    toml("listen = \"127.0.0.1:6167\"")
        .refused("the file salon.toml: `listen` must be a list, not the string \"127.0.0.1:6167\"");
    toml("[rate_limits]\nenabled = \"yes\"")
        .refused("the file salon.toml: `rate_limits.enabled` must be true or false, not the string \"yes\"");
    toml("log = \"debug\"").refused("the file salon.toml: `log` must be a table, not the string \"debug\"");
    variables(&[("SALON_PRESENCE__ENABLED", "maybe")]).refused(
        "the environment variable SALON_PRESENCE__ENABLED: `presence.enabled` must be true or false, \
         not the string \"maybe\"",
    );
}

#[test]
fn a_wrong_choice() {
    toml("[registration]\nmode = \"opne\"")
        .refused("the file salon.toml: `registration.mode` must be one of `open`, `token`, `closed`, not \"opne\"");
    toml("[log]\nformat = \"xml\"")
        .refused("the file salon.toml: `log.format` must be one of `text`, `json`, not \"xml\"");
}

#[test]
fn values_that_cannot_be() {
    toml("server_name = \"not a name\"").refused(
        "the file salon.toml: `server_name` must be a host name, with a port where there is one, \
         such as \"example.org\"",
    );
    variables(&[("SALON_LISTEN", "localhost")]).refused(
        "the environment variable SALON_LISTEN: `listen` must have an IP address and a port, \
         such as \"127.0.0.1:6167\"",
    );
    toml("listen = []").refused("the file salon.toml: `listen` must name an address, such as \"127.0.0.1:6167\"");
    toml("data_dir = \"\"").refused("the file salon.toml: `data_dir` must name a folder");
    toml("default_room_version = \"5\"")
        .refused("the file salon.toml: `default_room_version` must be a version from \"6\" to \"12\"");
    toml("public_baseurl = \"example.org\"")
        .refused("the file salon.toml: `public_baseurl` must be an address such as \"https://chat.example.org\"");
    let flag = Case { flags: vec![("log.level", "loud=very".into())], ..toml("") };
    flag.refused(
        "the flag --log-level: `log.level` must be \"error\", \"warn\", \"info\", \"debug\" or \"trace\", \
         or directives such as \"info,salon::sync=debug\"",
    );
}

#[test]
fn registration_that_is_half_configured() {
    toml("[registration]\ntoken = \"with a blank\"").refused(
        "the file salon.toml: `registration.token` must be 1 to 64 of the characters A-Z, a-z, 0-9, \
         \".\", \"_\", \"~\" and \"-\"",
    );
    toml("[registration]\nshared_secret = \"\"")
        .refused("the file salon.toml: `registration.shared_secret` must not be empty");
}

#[test]
fn services_that_are_half_configured() {
    toml("[well_known]\nsupport_page = \"help\"").refused(
        "the file salon.toml: `well_known.support_page` must be an address such as \"https://example.org/help\"",
    );
    toml("[well_known]\ncontacts = [{ role = \"m.role.admin\" }]")
        .refused("the file salon.toml: `well_known.contacts` must have a matrix_id or an email_address each");
    toml("[calls]\nturn_uris = [\"stun:example.org\"]").refused(
        "the file salon.toml: `calls.turn_uris` must be addresses such as \"turn:turn.example.org:3478?transport=udp\"",
    );
    for secret in ["", "turn_shared_secret = \"\"", "turn_username = \"salon\""] {
        toml(&format!("[calls]\nturn_uris = [\"turn:example.org\"]\n{secret}")).refused(
            "the file salon.toml: `calls.turn_uris` needs calls.turn_shared_secret, or calls.turn_username and \
             calls.turn_password",
        );
    }
    toml("[calls]\nturn_lifetime = 0").refused("the file salon.toml: `calls.turn_lifetime` must be above 0");
    toml("[calls]\nlivekit_service_url = \"livekit\"").refused(
        "the file salon.toml: `calls.livekit_service_url` must be an address such as \"https://livekit.example.org\"",
    );
}

#[test]
fn open_registration_stays_on_this_machine_unless_meant() {
    variables(&[("SALON_LISTEN", "127.0.0.1:6167,0.0.0.0:6167")]).refused(
        "the environment variable SALON_LISTEN: `registration.mode` is \"open\" while `listen` has 0.0.0.0:6167, \
         which others can reach: set it to \"token\" or \"closed\", or set `registration.allow_open_to_the_world = true`",
    );
    let meant = toml("listen = [\"0.0.0.0:6167\"]\n[registration]\nallow_open_to_the_world = true");
    assert!(meant.load().is_ok());
}
