//! Whole servers, spoken to over HTTP: one binary, since linking is what costs.

#[path = "../common/mod.rs"]
mod common;

mod accounts;
mod admin;
mod answers;
mod check;
mod directory;
mod forks;
mod history;
mod hostile;
mod lifecycle;
mod limits;
mod member_profiles;
mod membership;
mod messages;
mod mutual_rooms;
mod notes;
mod notifications;
mod openid;
mod options;
mod panics;
mod patience;
mod presence;
mod push_rules;
mod pushers;
mod receipts;
mod registration_tokens;
mod relations;
mod room_state;
mod rooms_create;
mod secrets;
mod sessions;
mod sync;
mod sync_filters;
mod third_party;
mod transactions;
mod typing;
mod unread;
mod upgrade;
mod user_data;
mod user_directory;
mod web;
