//! The one route table: every endpoint that is served, grouped as the spec groups them.

use std::sync::Arc;

use axum::{
    Extension, Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{delete, get, post, put},
};
use tower_http::catch_panic::CatchPanicLayer;

use super::{
    compress, cors,
    rate_limit::{self, RateLimits},
    web,
};
use crate::{app::App, client::*, error::Error, federation};

/// The whole server as one service.
pub fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/_matrix/client/versions", get(versions::versions))
        .nest("/_matrix/client/r0", client_v3().layer(compress::compress()))
        .nest("/_matrix/client/v3", client_v3().layer(compress::compress()))
        .nest("/_matrix/client/v1", client_v1().layer(compress::compress()).merge(media_v1()))
        .nest("/_matrix/client/unstable", client_unstable())
        .nest("/.well-known/matrix", well_known())
        .merge(federation::routes())
        .nest("/_matrix/media/r0", media_v3())
        .nest("/_matrix/client/unstable/org.matrix.msc3814.v1", dehydrated_devices())
        .nest("/_matrix/media/v1", media_v3().route("/create", post(media::create)))
        .nest("/_matrix/media/v3", media_v3())
        .route("/_matrix/static/client/login/", get(fallback::login))
        .route("/_matrix/static/client/login", get(fallback::login))
        .route("/_salon/admin/reports", get(admin::reports))
        .route("/_salon/admin/reports/{id}", delete(admin::dismiss_report))
        .route("/_synapse/admin/v1/register", get(admin_register::nonce).post(admin_register::register))
        .merge(web::routes())
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(web::fallback);
    protected(app, routes)
}

/// What stands before all routes: rate limits, an answer where a handler panics, and word to browsers that they may ask.
pub fn protected(app: Arc<App>, mut routes: Router<Arc<App>>) -> Router {
    if app.config.rate_limits.enabled {
        routes = routes.layer(from_fn_with_state((app.clone(), RateLimits::new()), rate_limit::limit));
    }
    routes
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            // The panic hook has logged it already.
            axum::response::IntoResponse::into_response(Error::internal("a handler panicked"))
        }))
        .layer(from_fn(cors::allow_browsers))
        .with_state(app)
}

/// Endpoints that have been there since r0, under both of their prefixes.
fn client_v3() -> Router<Arc<App>> {
    Router::new()
        .merge(accounts())
        .merge(room_events())
        .merge(user_data())
        .merge(push())
        .merge(memberships())
        .merge(room_state())
        .merge(syncing())
        .merge(encryption())
        .merge(beyond())
        .merge(moderation())
}

/// What is out of place, and what administrators see.
fn moderation() -> Router<Arc<App>> {
    Router::new()
        .route("/rooms/{roomId}/report", post(reports::room))
        .route("/rooms/{roomId}/report/{eventId}", post(reports::event))
        .route("/users/{userId}/report", post(reports::user))
        .route("/admin/whois/{userId}", get(admin::whois))
}

/// Services and networks beside this server.
fn beyond() -> Router<Arc<App>> {
    Router::new()
        .route("/voip/turnServer", get(calls::turn_server))
        .route("/thirdparty/protocols", get(third_party::protocols))
        .route("/thirdparty/protocol/{protocol}", get(third_party::protocol))
        .route("/thirdparty/location", get(third_party::locations))
        .route("/thirdparty/location/{protocol}", get(third_party::protocol))
        .route("/thirdparty/user", get(third_party::users))
        .route("/thirdparty/user/{protocol}", get(third_party::protocol))
}

/// What is known by the server's name alone.
fn well_known() -> Router<Arc<App>> {
    Router::new()
        .route("/client", get(discovery::client))
        .route("/support", get(discovery::support))
        .route("/policy_server", get(discovery::policy_server))
}

/// What clients poll.
fn syncing() -> Router<Arc<App>> {
    Router::new()
        .route("/sync", get(sync::get_sync))
        .route("/events", get(events::stream))
        .route("/events/{eventId}", get(events::one))
        .route("/initialSync", get(initial_sync::all))
}

/// Keys, and what devices tell each other.
fn encryption() -> Router<Arc<App>> {
    Router::new()
        .route("/keys/upload", post(keys::upload))
        .route("/keys/query", post(keys::query))
        .route("/keys/claim", post(keys::claim))
        .route("/keys/changes", get(keys::changes))
        .route("/keys/device_signing/upload", post(keys::upload_cross_signing))
        .route("/keys/signatures/upload", post(keys::upload_signatures))
        .route("/sendToDevice/{eventType}/{txnId}", put(to_device::send))
        .merge(key_backup())
}

/// Devices that are nowhere logged in.
fn dehydrated_devices() -> Router<Arc<App>> {
    let device = get(dehydrated::get).put(dehydrated::put).delete(dehydrated::delete);
    let events = get(dehydrated::get_events).post(dehydrated::events);
    Router::new().route("/dehydrated_device", device).route("/dehydrated_device/{deviceId}/events", events)
}

/// Backups of keys.
fn key_backup() -> Router<Arc<App>> {
    let version = get(key_backup::version).put(key_backup::change_version).delete(key_backup::delete_version);
    let all = get(key_backup::all).put(key_backup::put_all).delete(key_backup::delete_all);
    let room = get(key_backup::room).put(key_backup::put_room).delete(key_backup::delete_room);
    let session = get(key_backup::session).put(key_backup::put_session).delete(key_backup::delete_session);
    Router::new()
        .route("/room_keys/version", get(key_backup::current_version).post(key_backup::create_version))
        .route("/room_keys/version/{version}", version)
        .route("/room_keys/keys", all)
        .route("/room_keys/keys/{roomId}", room)
        .route("/room_keys/keys/{roomId}/{sessionId}", session)
}

/// Accounts and sessions.
fn accounts() -> Router<Arc<App>> {
    Router::new()
        .route("/register", post(register::register))
        .route("/register/available", get(register::available))
        .route("/login", get(login::flows).post(login::login))
        .route("/auth/{authType}/fallback/web", get(fallback::stage).post(fallback::complete))
        .route("/refresh", post(login::refresh))
        .route("/logout", post(login::logout))
        .route("/logout/all", post(login::logout_all))
        .route("/account/whoami", get(account::whoami))
        .route("/account/password", post(account::change_password))
        .route("/account/deactivate", post(account::deactivate))
        .route("/account/3pid", get(account::threepids))
        .route("/devices", get(devices::list))
        .route("/devices/{deviceId}", get(devices::get).put(devices::update).delete(devices::delete))
        .route("/delete_devices", post(devices::delete_many))
        .route("/capabilities", get(capabilities::capabilities))
}

/// What users show of themselves, and what their clients keep here.
fn user_data() -> Router<Arc<App>> {
    let field = get(profile::get_field).put(profile::set_field).delete(profile::delete_field);
    let in_room = get(account_data::get_in_room).put(account_data::set_in_room);
    Router::new()
        .route("/user_directory/search", post(user_directory::search))
        .route("/profile/{userId}", get(profile::get))
        .route("/profile/{userId}/{keyName}", field)
        .route("/user/{userId}/account_data/{type}", get(account_data::get).put(account_data::set))
        .route("/user/{userId}/rooms/{roomId}/account_data/{type}", in_room)
        .route("/user/{userId}/rooms/{roomId}/tags", get(account_data::tags))
        .route("/user/{userId}/rooms/{roomId}/tags/{tag}", put(account_data::set_tag).delete(account_data::delete_tag))
        .route("/user/{userId}/openid/request_token", post(openid::request_token))
        .route("/user/{userId}/filter", post(filter::define))
        .route("/user/{userId}/filter/{filterId}", get(filter::get))
}

/// Of what users want to hear.
fn push() -> Router<Arc<App>> {
    let rule = get(push_rules::get).put(push_rules::put).delete(push_rules::delete);
    let enabled = get(push_rules::is_enabled).put(push_rules::enable);
    let actions = get(push_rules::actions).put(push_rules::set_actions);
    Router::new()
        .route("/pushrules/", get(push_rules::all))
        .route("/pushrules/global/", get(push_rules::global))
        // As some clients write them.
        .route("/pushrules", get(push_rules::all))
        .route("/pushrules/global", get(push_rules::global))
        .route("/pushrules/global/{kind}/{ruleId}", rule)
        .route("/pushrules/global/{kind}/{ruleId}/enabled", enabled)
        .route("/pushrules/global/{kind}/{ruleId}/actions", actions)
        .route("/notifications", get(notifications::list))
        .route("/pushers", get(pushers::list))
        .route("/pushers/set", post(pushers::set))
}

/// Events of rooms.
fn room_events() -> Router<Arc<App>> {
    Router::new()
        .route("/rooms/{roomId}/send/{eventType}/{txnId}", put(messages::send))
        .route("/rooms/{roomId}/redact/{eventId}/{txnId}", put(messages::redact))
        .route("/rooms/{roomId}/messages", get(history::messages))
        .route("/search", post(search::search))
        .route("/rooms/{roomId}/initialSync", get(initial_sync::room))
        .route("/rooms/{roomId}/event/{eventId}", get(history::event))
        .route("/rooms/{roomId}/context/{eventId}", get(history::context))
        .route("/rooms/{roomId}/typing/{userId}", put(typing::set))
        .route("/rooms/{roomId}/receipt/{receiptType}/{eventId}", post(receipts::set))
        .route("/rooms/{roomId}/read_markers", post(receipts::set_markers))
        .route("/presence/{userId}/status", get(presence::get).put(presence::set))
}

/// Making rooms, and who is in them.
fn memberships() -> Router<Arc<App>> {
    Router::new()
        .route("/createRoom", post(create_room::create))
        .route("/join/{roomIdOrAlias}", post(membership::join_by_alias))
        .route("/knock/{roomIdOrAlias}", post(membership::knock))
        .route("/joined_rooms", get(membership::joined_rooms))
        .route("/rooms/{roomId}/join", post(membership::join))
        .route("/rooms/{roomId}/invite", post(membership::invite))
        .route("/rooms/{roomId}/leave", post(membership::leave))
        .route("/rooms/{roomId}/forget", post(membership::forget))
        .route("/rooms/{roomId}/kick", post(membership::kick))
        .route("/rooms/{roomId}/ban", post(membership::ban))
        .route("/rooms/{roomId}/unban", post(membership::unban))
        .route("/rooms/{roomId}/members", get(state::members))
        .route("/rooms/{roomId}/joined_members", get(state::joined_members))
}

/// What rooms are: state, names, the directory.
fn room_state() -> Router<Arc<App>> {
    let alias = get(directory::resolve_alias).put(directory::add_alias).delete(directory::remove_alias);
    Router::new()
        .route("/rooms/{roomId}/state", get(state::get_all))
        .route("/rooms/{roomId}/state/{eventType}", get(state::get).put(state::set))
        // With an empty state key the last slash may stay.
        .route("/rooms/{roomId}/state/{eventType}/", get(state::get).put(state::set))
        .route("/rooms/{roomId}/state/{eventType}/{stateKey}", get(state::get).put(state::set))
        .route("/rooms/{roomId}/upgrade", post(upgrade::upgrade))
        .route("/rooms/{roomId}/aliases", get(directory::aliases))
        .route("/directory/room/{roomAlias}", alias)
        .route("/directory/list/room/{roomId}", get(directory::visibility).put(directory::set_visibility))
        .route("/publicRooms", get(directory::public_rooms).post(directory::search_public_rooms))
}

/// Endpoints that came with v1.
fn client_v1() -> Router<Arc<App>> {
    Router::new()
        .route("/register/m.login.registration_token/validity", get(register::token_validity))
        .route("/admin/lock/{userId}", get(admin::is_locked).put(admin::lock))
        .route("/admin/suspend/{userId}", get(admin::is_suspended).put(admin::suspend))
        .route("/login/get_token", post(login::get_token))
        .route("/mutual_rooms", get(mutual_rooms::get))
        .route("/rooms/{roomId}/hierarchy", get(spaces::hierarchy))
        .route("/rooms/{roomId}/timestamp_to_event", get(history::timestamp_to_event))
        .route("/rooms/{roomId}/relations/{eventId}", get(relations::all))
        .route("/rooms/{roomId}/relations/{eventId}/{relType}", get(relations::by_rel_type))
        .route("/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}", get(relations::by_event_type))
        .route("/rooms/{roomId}/threads", get(relations::threads))
        .route("/room_summary/{roomIdOrAlias}", get(directory::room_summary))
}

/// Downloads, for which one has to be signed in.
fn media_v1() -> Router<Arc<App>> {
    Router::new()
        .route("/media/config", get(media::config))
        .route("/media/preview_url", get(media::preview))
        .route("/media/download/{serverName}/{mediaId}", get(media::download))
        .route("/media/download/{serverName}/{mediaId}/{fileName}", get(media::download_as))
        .route("/media/thumbnail/{serverName}/{mediaId}", get(media::thumbnail))
}

/// What is still a proposal, under its own name.
fn client_unstable() -> Router<Arc<App>> {
    const DELAYED: &str = "/org.matrix.msc4140";
    Router::new()
        .route("/org.matrix.msc4143/rtc/transports", get(calls::rtc_transports))
        .route(&format!("{DELAYED}/rooms/{{roomId}}/delayed_event/{{eventType}}/{{txnId}}"), put(delayed::schedule))
        .route(&format!("{DELAYED}/delayed_events"), get(delayed::list))
        .route(&format!("{DELAYED}/delayed_events/{{delayId}}"), get(delayed::get).post(delayed::manage_by_body))
        .route(&format!("{DELAYED}/delayed_events/{{delayId}}/{{action}}"), post(delayed::manage))
}

/// Uploads, under all of their prefixes; and what is readable without an access token, if the operator wants it.
fn media_v3() -> Router<Arc<App>> {
    let without_token = Router::new()
        .route("/download/{serverName}/{mediaId}", get(media::download))
        .route("/download/{serverName}/{mediaId}/{fileName}", get(media::download_as))
        .route("/thumbnail/{serverName}/{mediaId}", get(media::thumbnail))
        .layer(Extension(media::WithoutToken));
    Router::new()
        .route("/upload", post(media::upload))
        .route("/upload/{serverName}/{mediaId}", put(media::upload_announced))
        .route("/config", get(media::config))
        .route("/preview_url", get(media::preview))
        .merge(without_token)
}

async fn method_not_allowed() -> Error {
    Error::new(405, "M_UNRECOGNIZED", "This endpoint is not used with this method.")
}
