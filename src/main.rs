//! The command line of Salon.

fn main() {}
