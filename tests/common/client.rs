//! A client: knows where its server is and, once logged in, who it is.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// A client of a `TestServer`. Paths start behind `/_matrix/client`: `/v3/login`.
#[derive(Clone, Debug)]
pub struct TestClient {
    base_url: String,
    http: reqwest::Client,
    /// Empty for who is not logged in.
    pub user_id: String,
    pub device_id: String,
    pub access_token: String,
}

impl TestClient {
    /// One that is not logged in.
    pub fn anonymous(base_url: &str) -> Self {
        salon::net::provide_tls();
        Self {
            base_url: base_url.to_owned(),
            http: reqwest::Client::new(),
            user_id: String::new(),
            device_id: String::new(),
            access_token: String::new(),
        }
    }

    /// The same client as the user to whom login or registration gave this answer.
    pub fn with_session(&self, session: &Value) -> Self {
        let text =
            |field: &str| session[field].as_str().unwrap_or_else(|| panic!("no {field} in {session}")).to_owned();
        Self {
            user_id: text("user_id"),
            device_id: text("device_id"),
            access_token: text("access_token"),
            ..self.clone()
        }
    }

    /// The same client of a server that has moved, as after a restart.
    pub fn at(&self, base_url: &str) -> Self {
        Self { base_url: base_url.to_owned(), ..self.clone() }
    }

    /// A request that is yet to be completed and sent. A path that starts with `/_` or `/.` is taken as it is.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let prefix = if path.starts_with("/_") || path.starts_with("/.") { "" } else { "/_matrix/client" };
        let request = self.http.request(method, format!("{}{prefix}{path}", self.base_url));
        if self.access_token.is_empty() { request } else { request.bearer_auth(&self.access_token) }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::to(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str, body: Value) -> Answer {
        Answer::to(self.request(Method::DELETE, path).json(&body)).await
    }
}

/// What a server answered. The body is `null` where it isn't JSON.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers");
        let status = response.status().as_u16();
        let bytes = response.bytes().await.expect("the answer comes whole");
        Self { status, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    /// The body of a request that had to succeed.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// The body of a request that had to fail in this way.
    #[track_caller]
    pub fn refused(self, status: u16, errcode: &str) -> Value {
        assert_eq!((self.status, self.body["errcode"].as_str()), (status, Some(errcode)), "{}", self.body);
        self.body
    }
}

/// Text as one segment of a path, or a value in a query.
pub fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!@:$".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
