//! Holds `spec-notes/client-api.md` and `spec-notes/federation.md` to what the server does.

use reqwest::Method;

use crate::common::{Answer, TestServer};

/// A row of a table: the request, what the page says of it, and the files that try it.
struct Row<'a> {
    method: Method,
    path: String,
    served: bool,
    tried_by: Vec<&'a str>,
}

/// Rows such as "| `GET /_matrix/client/v3/login` | yes | accounts |".
fn rows(page: &str) -> Vec<Row<'_>> {
    let row = |line| -> Option<Row> {
        let [_, endpoint, served, tried_by, _] =
            <[&str; 5]>::try_from(str::split(line, '|').collect::<Vec<_>>()).ok()?;
        let (method, path) = endpoint.split('`').nth(1)?.split_once(' ')?;
        let served = match served.trim() {
            "yes" => true,
            "not yet" => false,
            other => panic!("{endpoint}: {other} is neither yes nor not yet"),
        };
        let tried_by = tried_by.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        Some(Row { method: method.parse().unwrap(), path: fill(path), served, tried_by })
    };
    page.lines().filter_map(row).collect()
}

/// Puts something in place of `{parameters}`.
fn fill(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        "{userId}" => "@nobody:localhost",
        "{roomId}" | "{roomIdOrAlias}" => "!nowhere:localhost",
        "{eventId}" => "$nothing",
        _ if segment.starts_with('{') => "x",
        _ => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn what_the_page_calls_served_is_routed_and_the_rest_is_not() {
    check_page("client-api.md", include_str!("../../spec-notes/client-api.md"), 160).await;
    check_page("federation.md", include_str!("../../spec-notes/federation.md"), 30).await;
}

async fn check_page(name: &str, page: &str, at_least: usize) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let exists = |name: &str| {
        folder.join(format!("it/{name}.rs")).exists()
            || [&format!("it/{name}"), name].iter().any(|path| folder.join(path).is_dir())
    };
    let server = TestServer::start().await;
    let rows = rows(page);
    assert!(rows.len() > at_least, "the test reads too little: {} rows", rows.len());
    let mut wrong = Vec::new();
    for Row { method, path, served, tried_by } in rows {
        let answer = Answer::to(server.anonymous().request(method.clone(), &path)).await;
        let routed = !matches!(answer.status, 404 | 405) || answer.body["errcode"] != "M_UNRECOGNIZED";
        if routed != served {
            wrong.push(format!("{method} {path} is {}", if routed { "served" } else { "not served" }));
        }
        if served && tried_by.is_empty() {
            wrong.push(format!("{method} {path} is tried by nothing"));
        }
        let missing = tried_by.iter().filter(|name| !exists(name));
        wrong.extend(missing.map(|name| format!("{method} {path}: there is no tests/it/{name}.rs nor tests/{name}")));
    }
    assert!(wrong.is_empty(), "spec-notes/{name} needs a change:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn clients_find_the_versions_of_the_specification() {
    let server = TestServer::start().await;
    let answer = server.anonymous().get("/_matrix/client/versions").await.ok();
    let versions = answer["versions"].as_array().unwrap();
    assert!(versions.contains(&"v1.19".into()) && versions.contains(&"r0.6.1".into()), "{answer}");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let server = TestServer::start().await;
    let client = server.anonymous();
    client.get("/v3/nothing").await.refused(404, "M_UNRECOGNIZED");
    client.get("/v9/login").await.refused(404, "M_UNRECOGNIZED");
    client.put("/v3/login", serde_json::json!({})).await.refused(405, "M_UNRECOGNIZED");
}
