//! Servers among others: each test starts some that speak TLS to each other, or one and peers of the test's own.

mod catching_up;
mod devices;
mod discovery;
mod hostile;
mod identity;
mod knocks;
mod media;
mod member;
mod presence;
mod restricted;
mod rooms;
mod spaces;
mod strict;
