//! The endpoints of the server-server API. Their paths stand whole, since requests are signed with them.

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post, put},
};

use super::{devices, events, keys, media, membership, openid, public_rooms, query, send, spaces, third_party};
use crate::app::App;

/// All of them.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/.well-known/matrix/server", get(keys::well_known))
        .route("/_matrix/key/v2/server", get(keys::own))
        // Old servers name one of the keys.
        .route("/_matrix/key/v2/server/{keyId}", get(keys::own))
        .route("/_matrix/key/v2/query/{serverName}", get(keys::query))
        .route("/_matrix/key/v2/query", post(keys::query_many))
        .route("/_matrix/federation/v1/version", get(keys::version))
        .route("/_matrix/federation/v1/openid/userinfo", get(openid::userinfo))
        .route("/_matrix/federation/v1/query/profile", get(query::profile))
        .route("/_matrix/federation/v1/query/directory", get(query::directory))
        .route("/_matrix/federation/v1/user/devices/{userId}", get(devices::list))
        .route("/_matrix/federation/v1/user/keys/query", post(devices::query_keys))
        .route("/_matrix/federation/v1/user/keys/claim", post(devices::claim_keys))
        .route("/_matrix/federation/v1/publicRooms", get(public_rooms::list).post(public_rooms::search))
        .route("/_matrix/federation/v1/media/download/{mediaId}", get(media::download))
        .route("/_matrix/federation/v1/media/thumbnail/{mediaId}", get(media::thumbnail))
        .route("/_matrix/federation/v1/send/{txnId}", put(send::send))
        .merge(memberships())
        .merge(room_events())
}

/// Who is in a room.
fn memberships() -> Router<Arc<App>> {
    Router::new()
        .route("/_matrix/federation/v1/make_join/{roomId}/{userId}", get(membership::make_join))
        .route("/_matrix/federation/v1/make_leave/{roomId}/{userId}", get(membership::make_leave))
        .route("/_matrix/federation/v1/make_knock/{roomId}/{userId}", get(membership::make_knock))
        .route("/_matrix/federation/v1/send_join/{roomId}/{eventId}", put(membership::send_join_v1))
        .route("/_matrix/federation/v2/send_join/{roomId}/{eventId}", put(membership::send_join))
        .route("/_matrix/federation/v1/send_leave/{roomId}/{eventId}", put(membership::send_leave_v1))
        .route("/_matrix/federation/v2/send_leave/{roomId}/{eventId}", put(membership::send_leave))
        .route("/_matrix/federation/v1/send_knock/{roomId}/{eventId}", put(membership::send_knock))
        .route("/_matrix/federation/v1/invite/{roomId}/{eventId}", put(membership::invite_v1))
        .route("/_matrix/federation/v2/invite/{roomId}/{eventId}", put(membership::invite))
        .route("/_matrix/federation/v1/exchange_third_party_invite/{roomId}", put(third_party::exchange))
        .route("/_matrix/federation/v1/3pid/onbind", put(third_party::on_bind))
}

/// What is in a room.
fn room_events() -> Router<Arc<App>> {
    Router::new()
        .route("/_matrix/federation/v1/hierarchy/{roomId}", get(spaces::hierarchy))
        .route("/_matrix/federation/v1/timestamp_to_event/{roomId}", get(events::timestamp_to_event))
        .route("/_matrix/federation/v1/event/{eventId}", get(events::event))
        .route("/_matrix/federation/v1/event_auth/{roomId}/{eventId}", get(events::event_auth))
        .route("/_matrix/federation/v1/state/{roomId}", get(events::state))
        .route("/_matrix/federation/v1/state_ids/{roomId}", get(events::state_ids))
        .route("/_matrix/federation/v1/backfill/{roomId}", get(events::backfill))
        .route("/_matrix/federation/v1/get_missing_events/{roomId}", post(events::missing))
}
