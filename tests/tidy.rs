//! House rules that a compiler doesn't hold: size, words that open a file, proofs, no loose ends.

mod sources;

use sources::{Source, code, sources};

const MOST_LINES: usize = 600;
/// Split, so that this file doesn't hold what it looks for.
const LOOSE_ENDS: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("unimpl", "emented!(")];
const MAY_PANIC: &[&str] = &[".unwrap()", ".expect(", "panic!(", "unreachable!("];

fn rust() -> Vec<Source> {
    ["src", "tests", "benches"].iter().flat_map(|folder| sources(folder, &["rs"])).collect()
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent = rust().into_iter().filter(|source| !source.text.starts_with("//! "));
    let silent: Vec<_> = silent.map(|source| source.path).collect();
    assert!(silent.is_empty(), "must open with a line `//! …` that says what it is for:\n{}", silent.join("\n"));
}

#[test]
fn files_are_small() {
    let others = ["js", "mjs", "py", "css", "html", "ts", "svelte"];
    let rest = ["tests", "web"].iter().flat_map(|folder| sources(folder, &others));
    for source in rust().into_iter().chain(rest) {
        let lines = source.text.lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines, over {MOST_LINES}: split it", source.path);
    }
}

#[test]
fn there_are_no_loose_ends() {
    let others = ["js", "mjs", "py", "css", "html", "ts", "svelte", "md"];
    let folders = ["tests", "web", "scripts", "spec-notes"];
    let rest = folders.iter().flat_map(|folder| sources(folder, &others));
    for source in rust().into_iter().chain(rest) {
        for (number, line) in source.text.lines().enumerate() {
            let loose = LOOSE_ENDS.iter().find(|end| line.contains(**end));
            assert!(loose.is_none(), "{}:{}: {}", source.path, number + 1, loose.unwrap());
        }
    }
}

#[test]
fn what_may_panic_is_proved_not_to() {
    let mut unproved = Vec::new();
    for source in sources("src", &["rs"]) {
        if !is_test_file(&source.path) {
            unproved.extend(unproved_panics(&source.text).map(|line| format!("{}:{line}", source.path)));
        }
    }
    assert!(
        unproved.is_empty(),
        "each needs a comment above it that proves that it can't happen, or an error:\n{}",
        unproved.join("\n")
    );
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Numbers of the lines, before the file's test module, that can panic with no comment above their statement.
fn unproved_panics(text: &str) -> impl Iterator<Item = usize> {
    let lines: Vec<_> = text.lines().collect();
    let tests = lines.windows(2).position(|two| two[0] == "#[cfg(test)]" && two[1].ends_with('{'));
    let end = tests.unwrap_or(lines.len());
    let risky = (0..end).filter(|&at| MAY_PANIC.iter().any(|risk| code(lines[at]).contains(risk)));
    let unproved: Vec<_> = risky.filter(|&at| !is_proved(&lines, at)).map(|at| at + 1).collect();
    unproved.into_iter()
}

/// Whether a comment stands beside the line, or above it or above the start of its chain of calls.
fn is_proved(lines: &[&str], at: usize) -> bool {
    let is_comment = |line: &str| line.trim_start().starts_with("// ");
    let mut first = at;
    while first > 0 && lines[first].trim_start().starts_with('.') {
        if is_comment(lines[first - 1]) {
            return true;
        }
        first -= 1;
    }
    code(lines[at]) != lines[at] || (first > 0 && is_comment(lines[first - 1]))
}

#[test]
fn the_reader_of_proofs_reads_them() {
    let text = "fn f() {\n    // Just checked.\n    a.unwrap();\n    b.unwrap();\n    // Never empty.\n    c\n        \
                .first()\n        .expect(\"c\");\n    d.unwrap_or(1);\n    e.expect(\"e\"); // It is.\n}\n\
                #[cfg(test)]\nmod tests {\n    f.unwrap();\n}\n";
    assert_eq!(unproved_panics(text).collect::<Vec<_>>(), [4]);
}
