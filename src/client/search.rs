//! Full-text search (client-server API, "Server Side Search").

mod parts;

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;

use self::parts::{RoomStates, write_groups, write_highlights};
use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::RawJson,
        extract::{self, QueryParams},
    },
    ids::{Position, RoomNum, UserNum},
    json::{ArrayWriter, ObjectWriter},
    rooms::{
        context::Around,
        history::SeenEvent,
        search::{Field, Found, Order, Part, Place, Results, SearchRequest, Token},
        select::EventSelector,
    },
    users::{Session, filters::RoomEventFilter},
};

/// Results of a page if the client doesn't say, and at the most.
const DEFAULT_LIMIT: u64 = 10;
const MAX_LIMIT: u64 = 100;
/// Events before and after a result if the client doesn't say, and at the most.
const DEFAULT_CONTEXT: usize = 5;
const MAX_CONTEXT: usize = 20;

/// The query of `POST /_matrix/client/v3/search`.
#[derive(Deserialize)]
pub struct SearchQuery {
    next_batch: Option<String>,
}

/// The body of `POST /_matrix/client/v3/search`.
#[derive(Deserialize)]
pub struct SearchBody {
    search_categories: Categories,
}

#[derive(Deserialize)]
struct Categories {
    room_events: Option<Criteria>,
}

#[derive(Deserialize)]
struct Criteria {
    search_term: String,
    keys: Option<Vec<Key>>,
    #[serde(default)]
    filter: RoomEventFilter,
    #[serde(default)]
    order_by: OrderBy,
    event_context: Option<ContextWanted>,
    include_state: Option<bool>,
    groupings: Option<Groupings>,
}

#[derive(Clone, Copy, Deserialize)]
enum Key {
    #[serde(rename = "content.body")]
    Body,
    #[serde(rename = "content.name")]
    Name,
    #[serde(rename = "content.topic")]
    Topic,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderBy {
    #[default]
    Rank,
    Recent,
}

#[derive(Deserialize)]
struct ContextWanted {
    before_limit: Option<usize>,
    after_limit: Option<usize>,
    include_profile: Option<bool>,
}

#[derive(Deserialize)]
struct Groupings {
    #[serde(default)]
    group_by: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    key: GroupKey,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GroupKey {
    RoomId,
    Sender,
}

/// `POST /_matrix/client/v3/search`
pub async fn search(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(query): QueryParams<SearchQuery>,
    extract::Json(body): extract::Json<SearchBody>,
) -> Result<RawJson> {
    let Some(criteria) = body.search_categories.room_events else {
        return Ok(RawJson(br#"{"search_categories":{}}"#.to_vec()));
    };
    let from = query.next_batch.as_deref().map(parse_token).transpose()?;
    app.rooms.search_caught_up().await;
    // A common word has many rows: nobody else waits for them to be read.
    let answer = move || answer(&app, &session, criteria, from);
    tokio::task::spawn_blocking(answer).await.map_err(Error::internal)?.map(RawJson)
}

fn answer(app: &App, session: &Session, criteria: Criteria, from: Option<Token>) -> Result<Vec<u8>> {
    let limit = criteria.filter.events.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let request = SearchRequest {
        term: criteria.search_term,
        fields: criteria.keys.map_or(vec![Field::Body, Field::Name, Field::Topic], |keys| fields(&keys)),
        order: match criteria.order_by {
            OrderBy::Rank => Order::Rank,
            OrderBy::Recent => Order::Recent,
        },
        filter: criteria.filter,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
        from,
    };
    let snapshot = app.store.snapshot();
    let mut results = app.rooms.search(&snapshot, &app.users, session, &request)?;
    let mut out = Vec::with_capacity(4096);
    let mut outer = ObjectWriter::open(&mut out);
    let mut categories = outer.object("search_categories");
    let mut answer = categories.object("room_events");
    answer.integer("count", results.count as u64);
    if let Some(groupings) = &criteria.groupings {
        write_groups(app, answer.key("groups"), &groupings.group_by, &results)?;
    }
    write_highlights(answer.array("highlights"), &results, &request.term);
    if let Some(place) = results.next {
        // The next page of a part is of that part too.
        answer.text("next_batch", &token_text(&Token { place, part: from.and_then(|from| from.part) }));
    }
    write_results(answer.array("results"), &mut results, criteria.event_context.as_ref())?;
    if criteria.include_state.unwrap_or_default() {
        let state = RoomStates { app, snapshot: &snapshot, session, lazy: request.filter.lazy_load_members };
        state.write(answer.key("state"), &results)?;
    }
    answer.close();
    categories.close();
    outer.close();
    Ok(out)
}

fn fields(keys: &[Key]) -> Vec<Field> {
    let field = |key: &Key| match key {
        Key::Body => Field::Body,
        Key::Name => Field::Name,
        Key::Topic => Field::Topic,
    };
    keys.iter().map(field).collect()
}

fn write_results(mut array: ArrayWriter<'_>, results: &mut Results<'_>, context: Option<&ContextWanted>) -> Result<()> {
    let everything = RoomEventFilter::default();
    for Found { room, rank, seen } in &results.events {
        let Some(history) = results.rooms.get_mut(room) else { continue };
        let mut object = ObjectWriter::open(array.item());
        if let Some(wanted) = context {
            let limit = |asked: Option<usize>| asked.unwrap_or(DEFAULT_CONTEXT).min(MAX_CONTEXT);
            let limits = (limit(wanted.before_limit), limit(wanted.after_limit));
            let around = history.around(seen, limits, EventSelector::new(&everything))?;
            let mut context = object.object("context");
            context.text("end", &around.end.to_string());
            history.render_all(context.key("events_after"), &around.after)?;
            history.render_all(context.key("events_before"), &around.before)?;
            if wanted.include_profile.unwrap_or_default() {
                let profiles = history.profiles_then(shown(&around, seen))?;
                context.json("profile_info", &serde_json::to_vec(&profiles).map_err(Error::internal)?);
            }
            context.text("start", &around.start.to_string());
            context.close();
        }
        object.json("rank", format!("{rank:.6}").as_bytes());
        history.render(object.key("result"), seen)?;
        object.close();
    }
    array.close();
    Ok(())
}

fn shown<'e>(around: &'e Around, seen: &'e SeenEvent) -> impl Iterator<Item = &'e SeenEvent> {
    around.before.iter().chain([seen]).chain(&around.after)
}

/// `w<rank>_<position>`, and `_r<room>` or `_u<user>` for a part.
fn token_text(Token { place, part }: &Token) -> String {
    let part = match part {
        None => String::new(),
        Some(Part::Room(room)) => format!("_r{}", room.0),
        Some(Part::Sender(user)) => format!("_u{}", user.0),
    };
    format!("w{:x}_{}{part}", place.rank.to_bits(), place.position)
}

fn parse_token(token: &str) -> Result<Token> {
    let parse = || {
        let mut parts = token.strip_prefix('w')?.split('_');
        let rank = f32::from_bits(u32::from_str_radix(parts.next()?, 16).ok()?);
        let position = Position(parts.next()?.parse().ok()?);
        let part = match parts.next().map(|part| part.split_at_checked(1)) {
            None => None,
            Some(Some(("r", room))) => Some(Part::Room(RoomNum(room.parse().ok()?))),
            Some(Some(("u", user))) => Some(Part::Sender(UserNum(user.parse().ok()?))),
            Some(_) => return None,
        };
        Some(Token { place: Place { rank, position }, part })
    };
    parse().ok_or_else(|| Error::invalid_param("`next_batch` is no token that this server gave out."))
}
