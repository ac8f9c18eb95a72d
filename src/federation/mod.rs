//! The server-server API as served: one file a module of the spec. A handler decodes, authorises, makes one
//! call into the domain, and encodes.

pub mod devices;
pub mod events;
pub mod keys;
pub mod media;
pub mod membership;
pub mod openid;
pub mod public_rooms;
pub mod query;
mod routes;
pub mod send;
pub mod spaces;
pub mod third_party;

pub use self::routes::routes;
