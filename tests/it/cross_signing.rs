//! Cross-signing: who may set which keys, which signatures hold, and who sees them.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Map, Value, json};

use crate::{
    common::{PASSWORD, TestClient, TestRoom, TestServer},
    keys::device_keys,
};

/// A key pair that depends on a number.
struct Pair(SigningKey);

impl Pair {
    fn new(number: u8) -> Self {
        Self(SigningKey::from_bytes(&[number; 32]))
    }

    fn public(&self) -> String {
        STANDARD_NO_PAD.encode(self.0.verifying_key().as_bytes())
    }

    /// Adds this key's signature, as a user's and by a name of a key.
    fn sign(&self, object: &mut Value, user: &str, name: &str) {
        let mut signed = object.clone();
        signed.as_object_mut().unwrap().remove("signatures");
        // serde_json prints keys in their order and without space, which is the canonical form of what is signed here.
        let signature = STANDARD_NO_PAD.encode(self.0.sign(signed.to_string().as_bytes()).to_bytes());
        let all = object.as_object_mut().unwrap().entry("signatures").or_insert_with(|| json!({}));
        let of_user = all.as_object_mut().unwrap().entry(user).or_insert_with(|| json!({}));
        of_user[format!("ed25519:{name}")] = json!(signature);
    }
}

/// A user with a device and three keys.
struct Identity {
    client: TestClient,
    device: Pair,
    master: Pair,
    self_signing: Pair,
    user_signing: Pair,
}

impl Identity {
    fn new(client: TestClient, number: u8) -> Self {
        let [device, master, self_signing, user_signing] = [0, 1, 2, 3].map(|more| Pair::new(number + more));
        Self { client, device, master, self_signing, user_signing }
    }

    fn key(&self, pair: &Pair, usage: &str) -> Value {
        let public = pair.public();
        json!({
            "user_id": self.client.user_id, "usage": [usage], "keys": { format!("ed25519:{public}"): public },
        })
    }

    /// The body that uploads all three.
    fn keys(&self) -> Value {
        let user = &self.client.user_id;
        let mut self_signing = self.key(&self.self_signing, "self_signing");
        let mut user_signing = self.key(&self.user_signing, "user_signing");
        for key in [&mut self_signing, &mut user_signing] {
            self.master.sign(key, user, &self.master.public());
        }
        json!({
            "master_key": self.key(&self.master, "master"), "self_signing_key": self_signing,
            "user_signing_key": user_signing,
        })
    }

    fn device_keys(&self) -> Value {
        let mut keys = device_keys(&self.client);
        keys["keys"][format!("ed25519:{}", self.client.device_id)] = json!(self.device.public());
        keys
    }

    async fn publish(&self) {
        self.client.post("/v3/keys/upload", json!({ "device_keys": self.device_keys() })).await.ok();
        self.client.post("/v3/keys/device_signing/upload", self.keys()).await.ok();
    }

    async fn sign(&self, user: &str, key_id: &str, object: &Value) -> Value {
        let body = json!({ user: { key_id: object } });
        self.client.post("/v3/keys/signatures/upload", body).await.ok()["failures"].clone()
    }

    /// What this user sees of another's keys.
    async fn sees(&self, other: &Identity) -> Value {
        let wanted = json!({ "device_keys": { &other.client.user_id: [] } });
        self.client.post("/v3/keys/query", wanted).await.ok()
    }
}

fn auth() -> Value {
    json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD })
}

async fn two(server: &TestServer) -> (Identity, Identity) {
    (Identity::new(server.register("alice").await, 10), Identity::new(server.register("bob").await, 20))
}

#[tokio::test]
async fn the_first_keys_need_no_password_others_do() {
    let server = TestServer::start().await;
    let (alice, bob) = two(&server).await;
    let path = "/v3/keys/device_signing/upload";
    let without_master = json!({ "self_signing_key": alice.keys()["self_signing_key"] });
    alice.client.post(path, without_master).await.refused(400, "M_MISSING_PARAM");
    alice.client.post(path, alice.keys()).await.ok();
    alice.client.post(path, alice.keys()).await.ok();
    let master_alone = json!({ "master_key": alice.keys()["master_key"] });
    alice.client.post(path, master_alone).await.ok();

    let own = alice.sees(&alice).await;
    let name = &alice.client.user_id;
    let keys = alice.keys();
    assert_eq!(own["master_keys"][name], keys["master_key"]);
    assert_eq!(own["self_signing_keys"][name], keys["self_signing_key"]);
    assert_eq!(own["user_signing_keys"][name], keys["user_signing_key"]);
    let seen = bob.sees(&alice).await;
    assert_eq!(seen["master_keys"][name], keys["master_key"]);
    assert_eq!(seen["self_signing_keys"][name], keys["self_signing_key"]);
    assert_eq!(seen["user_signing_keys"], json!({}), "hers alone to see");

    let other = Identity::new(alice.client.clone(), 30);
    let challenge = alice.client.post(path, other.keys()).await;
    assert_eq!(challenge.status, 401);
    assert_eq!(challenge.body["flows"], json!([{ "stages": ["m.login.password"] }]));
    let mut with_auth = other.keys();
    with_auth["auth"] = auth();
    alice.client.post(path, with_auth).await.ok();
    assert_eq!(bob.sees(&alice).await["master_keys"][name], other.keys()["master_key"]);
}

#[tokio::test]
async fn keys_that_are_malformed_or_unsigned_are_refused() {
    let mut server = TestServer::start().await;
    let (alice, bob) = two(&server).await;
    let upload = async |change: &dyn Fn(&mut Value)| {
        let mut keys = alice.keys();
        change(&mut keys);
        alice.client.post("/v3/keys/device_signing/upload", keys).await
    };
    upload(&|keys| keys["master_key"]["user_id"] = json!("@bob:localhost")).await.refused(400, "M_INVALID_PARAM");
    upload(&|keys| keys["master_key"]["usage"] = json!(["self_signing"])).await.refused(400, "M_INVALID_PARAM");
    upload(&|keys| keys["master_key"]["keys"] = json!({ "ed25519:a": "b" })).await.refused(400, "M_INVALID_PARAM");
    upload(&|keys| {
        keys["self_signing_key"].as_object_mut().unwrap().remove("signatures");
    })
    .await
    .refused(400, "M_INVALID_SIGNATURE");
    upload(&|keys| {
        let mut key = alice.key(&alice.user_signing, "user_signing");
        bob.master.sign(&mut key, &alice.client.user_id, &alice.master.public());
        keys["user_signing_key"] = key;
    })
    .await
    .refused(400, "M_INVALID_SIGNATURE");
    assert_eq!(alice.sees(&alice).await["master_keys"], json!({}), "nothing was kept");

    // A device and a key never have the same name.
    let with_device = |id: String| {
        let user = json!({ "type": "m.id.user", "user": "alice" });
        json!({ "type": "m.login.password", "identifier": user, "password": PASSWORD, "device_id": id })
    };
    let anonymous = server.anonymous();
    anonymous.post("/v3/login", with_device(alice.master.public())).await.ok();
    upload(&|_| {}).await.refused(403, "M_FORBIDDEN");
    let other = Identity::new(alice.client.clone(), 30);
    other.publish().await;
    anonymous.post("/v3/login", with_device(other.master.public())).await.refused(400, "M_INVALID_PARAM");
    server.stop_whole().await;
}

#[tokio::test]
async fn signatures_on_ones_own_keys_are_seen_by_all() {
    let mut server = TestServer::start().await;
    let (alice, bob) = two(&server).await;
    TestRoom::public(&server, &alice.client).await.join(&server, &bob.client).await;
    alice.publish().await;
    let name = alice.client.user_id.clone();
    let since = bob.client.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();

    let mut device = alice.device_keys();
    alice.self_signing.sign(&mut device, &name, &alice.self_signing.public());
    assert_eq!(alice.sign(&name, &alice.client.device_id, &device).await, json!({}));
    let mut master = alice.key(&alice.master, "master");
    alice.device.sign(&mut master, &name, &alice.client.device_id);
    assert_eq!(alice.sign(&name, &alice.master.public(), &master).await, json!({}));

    let seen = bob.sees(&alice).await;
    let seen_device = &seen["device_keys"][&name][&alice.client.device_id];
    assert_eq!(seen_device["signatures"], device["signatures"]);
    assert_eq!(seen["master_keys"][&name], master);
    let told = bob.client.get(&format!("/v3/sync?since={since}")).await.ok();
    assert_eq!(told["device_lists"]["changed"], json!([name]));

    // Other identity keys under the old ID are signed by nobody.
    let mut keys = alice.device_keys();
    keys["keys"][format!("curve25519:{}", alice.client.device_id)] = json!(crate::keys::public_key(77));
    alice.client.post("/v3/keys/upload", json!({ "device_keys": keys })).await.ok();
    let seen = bob.sees(&alice).await;
    assert_eq!(seen["device_keys"][&name][&alice.client.device_id]["signatures"], keys["signatures"]);
    server.stop_whole().await;
}

#[tokio::test]
async fn a_signature_on_anothers_key_is_the_signers_own_to_see() {
    let mut server = TestServer::start().await;
    let (alice, bob) = two(&server).await;
    alice.publish().await;
    bob.publish().await;
    let since = alice.client.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
    let (of_alice, of_bob) = (alice.client.user_id.clone(), bob.client.user_id.clone());
    let mut master = bob.key(&bob.master, "master");
    alice.user_signing.sign(&mut master, &of_alice, &alice.user_signing.public());
    assert_eq!(alice.sign(&of_bob, &bob.master.public(), &master).await, json!({}));

    assert_eq!(alice.sees(&bob).await["master_keys"][&of_bob], master);
    assert_eq!(bob.sees(&bob).await["master_keys"][&of_bob], bob.key(&bob.master, "master"));
    let told = alice.client.get(&format!("/v3/sync?since={since}")).await.ok();
    assert_eq!(told["device_lists"]["changed"], json!([of_bob]), "for her other devices");
    let next = told["next_batch"].as_str().unwrap();
    assert_eq!(alice.client.get(&format!("/v3/sync?since={next}")).await.ok()["device_lists"], Value::Null);

    // With another master key of hers, her signatures are void.
    let mut keys = Identity::new(alice.client.clone(), 40).keys();
    keys["auth"] = auth();
    alice.client.post("/v3/keys/device_signing/upload", keys).await.ok();
    assert_eq!(alice.sees(&bob).await["master_keys"][&of_bob], bob.key(&bob.master, "master"));
    server.stop_whole().await;
}

#[tokio::test]
async fn signatures_that_do_not_hold_are_named() {
    let server = TestServer::start().await;
    let (alice, bob) = two(&server).await;
    alice.publish().await;
    bob.publish().await;
    let (of_alice, of_bob) = (alice.client.user_id.clone(), bob.client.user_id.clone());
    let device_id = alice.client.device_id.clone();
    let failure = |failures: &Value, user: &str, key: &str| failures[user][key]["errcode"].as_str().map(str::to_owned);

    let mut by_master = alice.device_keys();
    alice.master.sign(&mut by_master, &of_alice, &alice.master.public());
    let mut another = alice.device_keys();
    another["algorithms"] = json!([]);
    alice.self_signing.sign(&mut another, &of_alice, &alice.self_signing.public());
    let mut forged = alice.device_keys();
    bob.self_signing.sign(&mut forged, &of_alice, &alice.self_signing.public());
    for object in [by_master, another, forged] {
        let failures = alice.sign(&of_alice, &device_id, &object).await;
        assert_eq!(failure(&failures, &of_alice, &device_id).as_deref(), Some("M_INVALID_SIGNATURE"), "{failures}");
    }
    let failures = alice.sign(&of_alice, "NOSUCH", &alice.device_keys()).await;
    assert_eq!(failure(&failures, &of_alice, "NOSUCH").as_deref(), Some("M_NOT_FOUND"));

    // One that holds is kept though another doesn't.
    let mut master = bob.key(&bob.master, "master");
    alice.user_signing.sign(&mut master, &of_alice, &alice.user_signing.public());
    let of_device: Map<String, Value> = Map::from_iter([(bob.client.device_id.clone(), bob.device_keys())]);
    let mut keys = of_device;
    keys.insert(bob.master.public(), master.clone());
    let failures = alice.client.post("/v3/keys/signatures/upload", json!({ &of_bob: keys })).await.ok();
    let failures = &failures["failures"];
    assert_eq!(failure(failures, &of_bob, &bob.client.device_id).as_deref(), Some("M_NOT_FOUND"), "{failures}");
    assert!(failures[&of_bob].get(bob.master.public()).is_none());
    assert_eq!(alice.sees(&bob).await["master_keys"][&of_bob], master);
}
