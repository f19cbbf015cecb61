//! Journeys through the whole system: what a user sees when objects meet it.

mod addresses;
mod bad_input;
mod clean_up;
