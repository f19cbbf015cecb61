//! Journeys through the running lab: what a user sees when objects meet the whole system.

#[path = "cluster/addresses.rs"]
mod addresses;
#[path = "cluster/bad_input.rs"]
mod bad_input;
#[path = "cluster/clean_up.rs"]
mod clean_up;
