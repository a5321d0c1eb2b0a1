//! Whole nodes on a network in memory, in paused time; hostile peers speak the protocol by hand.

mod auth;
mod garbage;
mod hostile;
mod lifecycle;
mod messages;
mod simulation;
mod support;
mod tcp;
