//! Unread counts: what counts for whom, what clears it, and when clients are told.

use serde_json::{Value, json};

use crate::common::{TestClient, TestRoom, TestServer, encode};

/// A client that syncs and remembers where it is.
struct Syncing {
    client: TestClient,
    since: String,
    filter: Value,
}

impl Syncing {
    async fn start(client: &TestClient) -> Self {
        Self::with(client, json!({})).await
    }

    async fn with(client: &TestClient, filter: Value) -> Self {
        let mut syncing = Self { client: client.clone(), since: String::new(), filter };
        syncing.next(0).await;
        syncing
    }

    /// The next sync.
    async fn next(&mut self, timeout: u64) -> Value {
        let filter = encode(&self.filter.to_string());
        let since = if self.since.is_empty() { String::new() } else { format!("&since={}", self.since) };
        let path = format!("/v3/sync?set_presence=offline&timeout={timeout}&filter={filter}{since}");
        let sync = self.client.get(&path).await.ok();
        sync["next_batch"].as_str().unwrap().clone_into(&mut self.since);
        sync
    }

    /// What the next sync tells of a room's counts, if it tells the room.
    async fn told(&mut self, room: &TestRoom) -> Option<(u64, u64)> {
        counts(&self.next(0).await["rooms"]["join"][room.id.as_str()]["unread_notifications"])
    }
}

fn counts(told: &Value) -> Option<(u64, u64)> {
    Some((told["notification_count"].as_u64()?, told["highlight_count"].as_u64()?))
}

/// What somebody who comes anew is told.
async fn unread(client: &TestClient, room: &TestRoom) -> (u64, u64) {
    let sync = client.get("/v3/sync?set_presence=offline").await.ok();
    counts(&sync["rooms"]["join"][room.id.as_str()]["unread_notifications"]).expect("the room is told")
}

async fn read(client: &TestClient, room: &TestRoom, kind: &str, event: &str, body: Value) {
    client.post(&room.path(&format!("/receipt/{kind}/{}", encode(event))), body).await.ok();
}

/// A message of any content; returns its event ID.
async fn send(client: &TestClient, room: &TestRoom, transaction: &str, content: Value) -> String {
    let sent = room.send(client, "m.room.message", transaction, content).await.ok();
    sent["event_id"].as_str().unwrap().to_owned()
}

/// Alice and Bob in a room of hers.
async fn two() -> (TestServer, TestClient, TestClient, TestRoom) {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    (server, alice, bob, room)
}

#[tokio::test]
async fn messages_of_others_count_until_they_are_read() {
    let (mut server, alice, bob, room) = two().await;
    let mut syncing = Syncing::start(&bob).await;
    assert_eq!(unread(&bob, &room).await, (0, 0), "what was said before one came doesn't count");
    let one = room.say(&alice, "1", "one").await;
    assert_eq!(syncing.told(&room).await, Some((1, 0)));
    let two = room.say(&alice, "2", "two").await;
    room.say(&alice, "3", "three").await;
    assert_eq!(syncing.told(&room).await, Some((3, 0)));
    assert_eq!(unread(&alice, &room).await, (0, 0), "her own messages don't count");
    assert_eq!(syncing.told(&room).await, None);

    read(&bob, &room, "m.read", &one, json!({})).await;
    assert_eq!(syncing.told(&room).await, Some((2, 0)));
    read(&bob, &room, "m.read.private", &two, json!({})).await;
    assert_eq!(syncing.told(&room).await, Some((1, 0)), "the receipt that is ahead counts");
    room.say(&bob, "4", "I have read it all").await;
    assert_eq!(syncing.told(&room).await, Some((0, 0)));
    room.say(&alice, "5", "good").await;
    assert_eq!(unread(&bob, &room).await, (1, 0));
    server.restart().await;
    assert_eq!(unread(&bob.at(server.base_url()), &room).await, (1, 0), "the same after a restart");
}

#[tokio::test]
async fn mentions_highlight_and_only_the_powerful_mention_all() {
    let (server, alice, bob, room) = two().await;
    let carol = server.register("carol").await;
    room.join(&server, &carol).await;
    let mentions = |body: &str, mentions: Value| json!({ "msgtype": "m.text", "body": body, "m.mentions": mentions });
    send(&alice, &room, "1", mentions("@bob: hello", json!({ "user_ids": [bob.user_id] }))).await;
    assert_eq!((unread(&bob, &room).await, unread(&carol, &room).await), ((1, 1), (1, 0)));
    send(&carol, &room, "2", mentions("@room", json!({ "room": true }))).await;
    assert_eq!(unread(&bob, &room).await, (2, 1), "Carol may not");
    send(&alice, &room, "3", mentions("@room", json!({ "room": true }))).await;
    assert_eq!((unread(&bob, &room).await, unread(&carol, &room).await), ((3, 2), (1, 1)));
    let names: Vec<String> = (0..60).map(|n| format!("@{n}:localhost")).chain([carol.user_id.clone()]).collect();
    send(&alice, &room, "4", mentions("many", json!({ "user_ids": names }))).await;
    assert_eq!((unread(&bob, &room).await, unread(&carol, &room).await), ((4, 2), (2, 2)));
}

#[tokio::test]
async fn edits_reactions_notices_and_members_do_not_count_and_redactions_take_away() {
    let (server, alice, bob, room) = two().await;
    let mut syncing = Syncing::start(&bob).await;
    let first = room.say(&alice, "1", "frist").await;
    let second = room.say(&alice, "2", "second").await;
    assert_eq!(syncing.told(&room).await, Some((2, 0)));
    let edit = json!({
        "msgtype": "m.text", "body": "* first", "m.new_content": { "msgtype": "m.text", "body": "first" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": first },
    });
    send(&alice, &room, "3", edit).await;
    let reaction = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": first, "key": "+" } });
    room.send(&alice, "m.reaction", "4", reaction).await.ok();
    send(&alice, &room, "5", json!({ "msgtype": "m.notice", "body": "beep" })).await;
    room.set(&server, &alice, "m.room.topic", "", json!({ "topic": "bob" })).await;
    let carol = server.register("carol").await;
    room.join(&server, &carol).await;
    assert_eq!(syncing.told(&room).await, Some((2, 0)));

    let redact = |event: String, transaction: &'static str| {
        let (alice, room) = (alice.clone(), room.clone());
        async move { alice.put(&room.path(&format!("/redact/{}/{transaction}", encode(&event))), json!({})).await.ok() }
    };
    redact(first, "6").await;
    assert_eq!(syncing.told(&room).await, Some((1, 0)));
    read(&bob, &room, "m.read", &second, json!({})).await;
    assert_eq!(syncing.told(&room).await, Some((0, 0)));
    redact(second, "7").await;
    assert_eq!(syncing.told(&room).await, Some((0, 0)), "the redaction is told, and nothing is unread");
    assert_eq!(unread(&carol, &room).await, (0, 0));
}

#[tokio::test]
async fn rules_of_ones_own_decide_what_counts() {
    let (server, alice, bob, room) = two().await;
    let other = TestRoom::public(&server, &alice).await;
    other.join(&server, &bob).await;
    let mut syncing = Syncing::start(&bob).await;
    room.say(&alice, "1", "Cake, anybody?").await;
    other.say(&alice, "1", "Cake, anybody?").await;
    assert_eq!((unread(&bob, &room).await, unread(&bob, &other).await), ((1, 0), (1, 0)));
    syncing.next(0).await;

    let highlight = json!(["notify", { "set_tweak": "highlight" }]);
    let keyword = json!({ "pattern": "cake", "actions": highlight });
    bob.put("/v3/pushrules/global/content/cake", keyword).await.ok();
    let sync = syncing.next(0).await;
    for room in [&room, &other] {
        let told = counts(&sync["rooms"]["join"][room.id.as_str()]["unread_notifications"]);
        assert_eq!(told, Some((1, 1)), "each room whose counts may be others now is told");
    }

    let room_rule = format!("/v3/pushrules/global/room/{}", encode(room.id.as_str()));
    bob.put(&room_rule, json!({ "actions": [] })).await.ok();
    room.say(&alice, "2", "no?").await;
    other.say(&alice, "2", "no?").await;
    assert_eq!(unread(&bob, &room).await, (1, 1), "mentions and keywords only");
    assert_eq!(unread(&bob, &other).await, (2, 1));
    let muted = json!({
        "conditions": [{ "kind": "event_match", "key": "room_id", "pattern": room.id }], "actions": []
    });
    bob.put("/v3/pushrules/global/override/muted", muted).await.ok();
    assert_eq!((unread(&bob, &room).await, unread(&bob, &other).await), ((0, 0), (2, 1)), "muted");
    bob.delete("/v3/pushrules/global/override/muted", json!({})).await.ok();
    bob.put("/v3/pushrules/global/override/.m.rule.master/enabled", json!({ "enabled": true })).await.ok();
    assert_eq!(unread(&bob, &other).await, (0, 0));
    assert_eq!(unread(&alice, &other).await, (0, 0));
}

#[tokio::test]
async fn rules_look_at_names_and_numbers_of_members() {
    let (server, alice, bob, room) = two().await;
    let rule =
        |condition: Value| json!({ "conditions": [condition], "actions": ["notify", { "set_tweak": "highlight" }] });
    let called_bob = json!({ "membership": "join", "displayname": "Bob" });
    room.set(&server, &bob, "m.room.member", &bob.user_id, called_bob).await;
    bob.put("/v3/pushrules/global/override/name", rule(json!({ "kind": "contains_display_name" }))).await.ok();
    room.say(&alice, "1", "Bob?").await;
    room.say(&alice, "2", "bobbing").await;
    assert_eq!(unread(&bob, &room).await, (2, 1));
    let few = json!({ "kind": "room_member_count", "is": "<3" });
    bob.put("/v3/pushrules/global/override/name", rule(few)).await.ok();
    assert_eq!(unread(&bob, &room).await, (2, 2));
    room.join(&server, &server.register("carol").await).await;
    room.say(&alice, "3", "we are three").await;
    assert_eq!(unread(&bob, &room).await.0, 3);
}

#[tokio::test]
async fn who_is_ignored_does_not_count() {
    let (_server, alice, bob, room) = two().await;
    room.say(&alice, "1", "hello").await;
    assert_eq!(unread(&bob, &room).await, (1, 0));
    let ignored = "/v3/user/@bob:localhost/account_data/m.ignored_user_list";
    bob.put(ignored, json!({ "ignored_users": { (alice.user_id.as_str()): {} } })).await.ok();
    room.say(&alice, "2", "hello?").await;
    assert_eq!(unread(&bob, &room).await, (0, 0));
    bob.put(ignored, json!({ "ignored_users": {} })).await.ok();
    assert_eq!(unread(&bob, &room).await, (2, 0));
}

#[tokio::test]
async fn a_sync_wakes_when_another_device_has_read() {
    let (server, alice, bob, room) = two().await;
    // Receipts themselves are of no interest to this client, but numbers are.
    let filter = json!({ "room": { "ephemeral": { "types": [] }, "timeline": { "types": ["m.room.topic"] } } });
    let (mut first, mut second) = (Syncing::with(&bob, filter).await, Syncing::start(&bob).await);
    let event = room.say(&alice, "1", "hello").await;
    assert_eq!(first.told(&room).await, Some((1, 0)), "also where the message itself is not wanted");
    for kind in ["m.read.private", "m.read"] {
        let event = if kind == "m.read" { room.say(&alice, "2", "again").await } else { event.clone() };
        first.next(0).await;
        let waits = tokio::spawn(async move {
            let woken = first.next(20_000).await;
            (first, woken)
        });
        let phone = server.log_in("bob").await;
        read(&phone, &room, kind, &event, json!({})).await;
        let (back, woken) = waits.await.unwrap();
        first = back;
        let told = &woken["rooms"]["join"][room.id.as_str()];
        assert_eq!(counts(&told["unread_notifications"]), Some((0, 0)), "{kind}: {woken}");
        assert_eq!(told["ephemeral"]["events"], json!([]));
    }
    assert_eq!(second.told(&room).await, Some((0, 0)));
    assert_eq!(second.told(&room).await, None);
}

#[tokio::test]
async fn each_device_is_told_at_its_own_pace() {
    let (_server, alice, bob, room) = two().await;
    let filter = json!({ "room": { "ephemeral": { "types": [] }, "timeline": { "types": ["m.room.topic"] } } });
    let (mut quick, mut slow) = (Syncing::with(&bob, filter.clone()).await, Syncing::with(&bob, filter).await);
    room.say(&alice, "1", "one").await;
    assert_eq!(quick.told(&room).await, Some((1, 0)));
    let two = room.say(&alice, "2", "two").await;
    read(&bob, &room, "m.read", &two, json!({})).await;
    assert_eq!(quick.told(&room).await, Some((0, 0)));
    assert_eq!(slow.told(&room).await, Some((0, 0)), "it never knew of more, but may have");
    assert_eq!((quick.told(&room).await, slow.told(&room).await), (None, None));
}

#[tokio::test]
async fn threads_count_by_themselves_for_clients_that_ask() {
    let (mut server, alice, bob, room) = two().await;
    let filter = json!({ "room": { "timeline": { "unread_thread_notifications": true } } });
    let mut syncing = Syncing::with(&bob, filter.clone()).await;
    let root = room.say(&alice, "root", "root").await;
    let in_thread = |root: &str, body: &str| json!({ "msgtype": "m.text", "body": body, "m.relates_to": { "rel_type": "m.thread", "event_id": root } });
    let first = send(&alice, &room, "t1", in_thread(&root, "first")).await;
    send(&alice, &room, "t2", in_thread(&root, "second")).await;
    let other = room.say(&alice, "m1", "main").await;
    let mention = json!({ "user_ids": [bob.user_id] });
    let mut loud = in_thread(&other, "loud");
    loud["m.mentions"] = mention;
    send(&alice, &room, "t3", loud).await;

    let path = ["rooms", "join", room.id.as_str()];
    let told = |sync: &Value| {
        let room = path.iter().fold(sync, |value, name| &value[name]);
        (counts(&room["unread_notifications"]), room["unread_thread_notifications"].clone())
    };
    let count = |notifications: u64, highlights: u64| json!({ "notification_count": notifications, "highlight_count": highlights });
    let threads = json!({ &root: count(2, 0), &other: count(1, 1) });
    assert_eq!(told(&syncing.next(0).await), (Some((2, 0)), threads));
    assert_eq!(unread(&bob, &room).await, (5, 1), "all together for those who don't ask");

    read(&bob, &room, "m.read", &first, json!({ "thread_id": root })).await;
    let threads = json!({ &root: count(1, 0), &other: count(1, 1) });
    assert_eq!(told(&syncing.next(0).await), (Some((2, 0)), threads.clone()));
    read(&bob, &room, "m.read", &other, json!({ "thread_id": "main" })).await;
    assert_eq!(told(&syncing.next(0).await), (Some((0, 0)), threads.clone()));
    server.restart().await;
    let bob = bob.at(server.base_url());
    let mut anew = Syncing { client: bob.clone(), since: String::new(), filter };
    assert_eq!(told(&anew.next(0).await), (Some((0, 0)), threads));
    send(&bob, &room, "mine", in_thread(&other, "mine")).await;
    assert_eq!(
        told(&anew.next(0).await),
        (Some((0, 0)), json!({ &root: count(1, 0) })),
        "who answers has read the thread"
    );
    room.say(&bob, "last", "in none").await;
    assert_eq!(told(&anew.next(0).await), (Some((0, 0)), json!({ &root: count(1, 0) })), "but no other");
    let last = room.say(&alice.at(server.base_url()), "end", "end").await;
    read(&bob, &room, "m.read", &last, json!({})).await;
    assert_eq!(told(&anew.next(0).await), (Some((0, 0)), json!({})), "a receipt without thread is for all");
}

#[tokio::test]
async fn an_invite_is_no_count_and_what_came_before_it_neither() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.say(&alice, "1", "nobody here").await;
    room.member(&server, &alice, &bob, "invite").await;
    let sync = bob.get("/v3/sync").await.ok();
    assert!(sync["rooms"]["invite"][room.id.as_str()].is_object());
    room.join(&server, &bob).await;
    assert_eq!(unread(&bob, &room).await, (0, 0));
    room.say(&alice, "2", "hello").await;
    assert_eq!(unread(&bob, &room).await, (1, 0));
    room.leave(&server, &bob).await;
    room.say(&alice, "3", "gone?").await;
    room.join(&server, &bob).await;
    assert_eq!(unread(&bob, &room).await, (0, 0), "who comes back begins anew");
}

#[tokio::test]
async fn much_is_counted_as_exactly_as_little() {
    let (mut server, alice, bob, room) = two().await;
    let mut syncing = Syncing::start(&bob).await;
    let app = server.app().clone();
    let number = app.rooms.number(&room.id).unwrap();
    let mut events = Vec::new();
    for n in 0..600 {
        let content = salon::event::check_content(&json!({ "msgtype": "m.text", "body": n.to_string() }).to_string());
        let sender: ruma::OwnedUserId = alice.user_id.as_str().try_into().unwrap();
        let event = salon::rooms::NewEvent::message(sender, "m.room.message", content.unwrap());
        events.push(app.rooms.send(number, event).await.unwrap());
        if n == 300 {
            assert_eq!(syncing.told(&room).await, Some((301, 0)));
        }
    }
    assert_eq!(syncing.told(&room).await, Some((600, 0)));
    read(&bob, &room, "m.read", events[99].as_str(), json!({})).await;
    assert_eq!(syncing.told(&room).await, Some((500, 0)));
    drop(app);
    server.restart().await;
    let bob = bob.at(server.base_url());
    assert_eq!(unread(&bob, &room).await, (500, 0), "counted anew from what is stored");
    read(&bob, &room, "m.read", events[589].as_str(), json!({})).await;
    assert_eq!(unread(&bob, &room).await, (10, 0));
}

/// What a day in a room does, in an order that a seed decides: what a client has been told bit by bit is what is
/// counted anew after a restart.
#[tokio::test]
async fn memory_and_database_agree_whatever_happened() {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    let (mut server, mut alice, mut bob, room) = two().await;
    let filter = json!({ "room": { "timeline": { "unread_thread_notifications": true } } });
    let mut rng = StdRng::seed_from_u64(7);
    let mut sent = vec![room.say(&alice, "start", "start").await];
    let of = |sync: &Value, what: &str| sync["rooms"]["join"][room.id.as_str()][what].clone();
    let told = |sync: &Value| ["unread_notifications", "unread_thread_notifications"].map(|what| of(sync, what));
    let mut syncing = Syncing { client: bob.clone(), since: String::new(), filter };
    let mut known = told(&syncing.next(0).await);
    for step in 0..120 {
        let transaction = step.to_string();
        let any = sent[rng.random_range(0..sent.len())].clone();
        match rng.random_range(0..12) {
            0..=3 => sent.push(room.say(&alice, &transaction, "hello bob").await),
            4..=6 => {
                let content = json!({
                    "msgtype": "m.text", "body": "x", "m.mentions": { "user_ids": [bob.user_id] },
                    "m.relates_to": { "rel_type": "m.thread", "event_id": sent[0] },
                });
                sent.push(send(&alice, &room, &transaction, content).await);
            }
            7..=8 => {
                alice.put(&room.path(&format!("/redact/{}/{transaction}", encode(&any))), json!({})).await.ok();
            }
            9 => read(&bob, &room, "m.read", &any, json!({})).await,
            10 => read(&bob, &room, "m.read.private", &sent[0], json!({ "thread_id": "main" })).await,
            _ => sent.push(room.say(&bob, &transaction, "me too").await),
        }
        let sync = syncing.next(0).await;
        if !of(&sync, "unread_notifications").is_null() {
            known = told(&sync);
        }
        if step % 30 == 29 {
            server.restart().await;
            (alice, bob) = (alice.at(server.base_url()), bob.at(server.base_url()));
            (syncing.client, syncing.since) = (bob.clone(), String::new());
            assert_eq!(told(&syncing.next(0).await), known, "after step {step}");
        }
    }
}
