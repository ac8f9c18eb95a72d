//! The client-server API as served: one file a module of the spec. A handler decodes, authorises, makes one
//! call into the domain, and encodes.

pub mod account;
pub mod account_data;
pub mod admin;
pub mod admin_register;
pub mod calls;
pub mod capabilities;
pub mod create_room;
pub mod devices;
pub mod directory;
pub mod discovery;
pub mod filter;
pub mod history;
pub mod initial_sync;
pub mod login;
pub mod media;
pub mod membership;
pub mod messages;
pub mod mutual_rooms;
pub mod notifications;
pub mod openid;
pub mod presence;
pub mod profile;
pub mod push_rules;
pub mod pushers;
pub mod receipts;
pub mod register;
pub mod relations;
pub mod reports;
mod session;
pub mod state;
pub mod sync;
pub mod third_party;
pub mod typing;
pub mod upgrade;
pub mod user_directory;
pub mod versions;
