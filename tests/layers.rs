//! The house has floors, and arrows point down only: reads which module names which, and holds it.

mod sources;

use sources::{Source, code, sources};

/// From the ground up. A module may name those on lower floors, and itself; neighbours don't know each other.
///
/// A name with `::` is a part of a module that stands on a floor of its own: what handlers decode and answer
/// with lies below them, the route table that names them all lies above.
const FLOORS: &[&[&str]] = &[
    &["config", "ids", "clock", "error", "json"],
    &["event"],
    &["state", "push"],
    &["store"],
    &["net"],
    &["users", "media"],
    &["rooms", "previews"],
    &["app"],
    &["sync", "outbound", "check"],
    &[
        "http::answer",
        "http::extract",
        "http::files",
        "http::guests",
        "http::limits",
        "http::media",
        "http::pieces",
        "http::rate_limit",
        "http::restrictions",
        "http::x_matrix",
    ],
    &["client", "federation"],
    &["http"],
    &["cli"],
];

/// `App` is what hands the parts to each other, so it may hold some that are built on it.
const APP_MAY_HOLD: &[&str] = &["outbound"];

/// No I/O, no async, no clock: what a pure module may not name.
const IMPURE: &[&str] = &["tokio", "async fn", "async move", "std::fs", "std::net", "std::time", "SystemTime"];

#[test]
fn arrows_point_down_only() {
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for source in inner_sources() {
        let from = module_path(&source.path);
        for to in references(&from, &source.text) {
            arrows += 1;
            if !allowed(&from, &to) {
                wrong.push(format!("{} names crate::{}", source.path, to.join("::")));
            }
        }
    }
    assert!(arrows > 20, "the test reads too little: {arrows} arrows");
    assert!(wrong.is_empty(), "arrows that point up or sideways:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    for source in inner_sources() {
        let path = module_path(&source.path);
        assert!(floor(&path).is_some(), "{} stands on no floor: add it to FLOORS", source.path);
    }
}

#[test]
fn events_state_and_push_rules_are_pure() {
    for folder in ["src/event", "src/state", "src/push"] {
        for source in sources(folder, &["rs"]) {
            for (number, line) in source.text.lines().enumerate() {
                let impure = IMPURE.iter().find(|name| code(line).contains(**name));
                assert!(impure.is_none(), "{}:{}: {}", source.path, number + 1, impure.unwrap());
            }
        }
    }
}

#[test]
fn only_the_store_names_rocksdb() {
    for source in sources("src", &["rs"]) {
        let outside = !source.path.starts_with("src/store/");
        let names = source.text.lines().any(|line| code(line).contains("rocksdb"));
        assert!(!(outside && names), "{} names rocksdb", source.path);
    }
}

/// All of `src` but the two files that may name everything.
fn inner_sources() -> impl Iterator<Item = Source> {
    let roots = ["src/lib.rs", "src/main.rs"];
    sources("src", &["rs"]).into_iter().filter(move |s| !roots.contains(&s.path.as_str()))
}

/// `src/http/extract.rs` → `http`, `extract`; `src/http/mod.rs` → `http`.
fn module_path(file: &str) -> Vec<String> {
    let inner = file.trim_start_matches("src/").trim_end_matches(".rs");
    inner.trim_end_matches("/mod").split('/').map(str::to_owned).collect()
}

fn floor(path: &[String]) -> Option<usize> {
    let part = path.get(..2).map(|two| two.join("::"));
    let on = |name: &str| FLOORS.iter().position(|floor| floor.contains(&name));
    part.and_then(|part| on(&part)).or_else(|| on(&path[0]))
}

fn allowed(from: &[String], to: &[String]) -> bool {
    let (Some(upper), Some(lower)) = (floor(from), floor(to)) else { return false };
    // Parts of one module sort themselves out, except where a part has a floor of its own.
    let same_module = from[0] == to[0];
    let held_by_app = from[0] == "app" && APP_MAY_HOLD.contains(&to[0].as_str());
    lower < upper || (same_module && lower == upper) || held_by_app
}

/// The paths below `crate` that `text`, the file of module `from`, names.
fn references(from: &[String], text: &str) -> Vec<Vec<String>> {
    let text: String = text.lines().map(|line| code(line).to_owned() + "\n").collect();
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let within = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        if !within {
            expand(&mut text[at + "crate::".len()..].chars().peekable(), Vec::new(), &mut found);
        }
    }
    // `super::` as often as the module is deep leads to the crate's root as well.
    let up = "super::".repeat(from.len());
    for (at, _) in text.match_indices(&up) {
        let mut paths = Vec::new();
        expand(&mut text[at + up.len()..].chars().peekable(), Vec::new(), &mut paths);
        found.extend(paths.into_iter().filter(|path| floor(path).is_some()));
    }
    found
}

/// Walks a use tree such as `a::{b, c::{self, d}}` and notes each path to its end.
fn expand(rest: &mut std::iter::Peekable<std::str::Chars>, mut path: Vec<String>, found: &mut Vec<Vec<String>>) {
    loop {
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        if rest.next_if_eq(&'{').is_some() {
            while rest.peek().is_some_and(|&c| c != '}') {
                expand(rest, path.clone(), found);
                while rest.next_if(|&c| c == ',' || c.is_whitespace()).is_some() {}
            }
            rest.next();
            return;
        }
        let mut name = String::new();
        while let Some(c) = rest.next_if(|&c| c.is_alphanumeric() || c == '_' || c == '*') {
            name.push(c);
        }
        if name.is_empty() {
            break;
        }
        path.push(name);
        if rest.next_if_eq(&':').is_none() || rest.next_if_eq(&':').is_none() {
            break;
        }
    }
    // An `as` name, a call's arguments or whatever else follows is no part of the path.
    while rest.next_if(|&c| !matches!(c, ',' | '}')).is_some() {}
    if !path.is_empty() {
        found.push(path);
    }
}

#[test]
fn the_reader_of_use_trees_reads_them() {
    let from = ["rooms".to_owned(), "append".to_owned()];
    let text = "use crate::{\n    ids::UserNum,\n    store::{self, keys::{A, B}},\n};\n\
                fn f() { crate::users::g(crate::error::E) } // crate::http\n\
                use super::super::sync; use super::members; macro!($crate::net);";
    let mut paths: Vec<_> = references(&from, text).iter().map(|path| path.join("::")).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(
        paths,
        ["error::E", "ids::UserNum", "store::keys::A", "store::keys::B", "store::self", "sync", "users::g"]
    );
}

#[test]
fn the_floors_forbid_what_the_design_forbids() {
    let path = |name: &str| name.split("::").map(str::to_owned).collect::<Vec<_>>();
    for (from, to) in [
        ("users::accounts", "rooms"),
        ("client::login", "http::router"),
        ("rooms", "app"),
        ("client", "federation"),
        ("store", "users"),
        ("http::extract", "client"),
        ("app", "http"),
        ("app", "sync"),
        ("event", "store"),
    ] {
        assert!(!allowed(&path(from), &path(to)), "{from} → {to} must be forbidden");
    }
    for (from, to) in [
        ("rooms", "users"),
        ("client::login", "http::extract::Json"),
        ("http::router", "client::login"),
        ("sync", "app"),
        ("app", "outbound"),
        ("store::read", "store::keys"),
    ] {
        assert!(allowed(&path(from), &path(to)), "{from} → {to} must be allowed");
    }
}
