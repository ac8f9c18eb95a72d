//! Relations in a room that forks: one may come before what it points at.

use ruma::owned_device_id;
use salon::users::{Restrictions, Session};

use super::*;

/// What is told of an event's relations to Alice.
fn bundled(app: &App, room: RoomNum, id: &OwnedEventId) -> Value {
    let alice = user("alice");
    let number = app.store.user_num(&alice).unwrap().unwrap();
    let session = Session {
        user_id: alice,
        user: number,
        device_id: owned_device_id!("TEST"),
        is_guest: false,
        token: Default::default(),
        restrictions: Restrictions::default(),
    };
    let snapshot = app.store.snapshot();
    let room_id = app.store.room_id(room).unwrap();
    let mut history = app.rooms.history(&snapshot, &app.users, &session, &room_id).unwrap();
    let seen = history.event(id).unwrap();
    let mut out = Vec::new();
    history.render(&mut out, &seen).unwrap();
    serde_json::from_slice::<Value>(&out).unwrap()["unsigned"]["m.relations"].clone()
}

fn relating<'a>(sender: &'a str, rel_type: &str, parent: &Arc<Pdu>) -> New<'a> {
    let relates_to = json!({ "rel_type": rel_type, "event_id": parent.event_id() });
    New { content: json!({ "m.new_content": {}, "m.relates_to": relates_to }), ..message(sender, "") }
}

#[tokio::test]
async fn relations_may_come_before_what_they_point_at() {
    let (server, room, mut world, tip) = forking(RoomVersionId::V12).await;
    let app = &server.app;
    // Three branches: the message on one, an edit and two replies on others that know of it all the same.
    let parent = world.add(message("alice", "parent"), &[&tip]);
    let edit = world.add(relating("alice", "m.replace", &parent), &[&tip]);
    let first = world.add(relating("bob", "m.thread", &parent), &[&tip]);
    let second = world.add(relating("carol", "m.thread", &parent), &[&first]);
    for event in [&first, &second, &edit, &parent] {
        assert_eq!(deliver(app, room, event).await, Verdict::Accepted);
    }
    let told = bundled(app, room, parent.event_id());
    assert_eq!(told["m.replace"]["event_id"], json!(edit.event_id()));
    assert_eq!(
        (&told["m.thread"]["count"], &told["m.thread"]["latest_event"]["event_id"]),
        (&json!(2), &json!(second.event_id()))
    );
    server.assert_whole();
    server.stop();
}
