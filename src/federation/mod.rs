//! The server-server API as served: one file a module of the spec. A handler decodes, authorises, makes one
//! call into the domain, and encodes.

pub mod keys;
pub mod openid;
pub mod query;
mod routes;

pub use self::routes::routes;
