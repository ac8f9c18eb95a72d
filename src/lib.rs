//! Salon: a Matrix homeserver in one binary.
