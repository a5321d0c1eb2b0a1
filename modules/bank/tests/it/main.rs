//! Bank through its messages, queries and the interface that other modules use.

mod conservation;
mod genesis;
mod hooks;
mod messages;
mod module_accounts;
mod queries;
mod recorded_queries;
mod recorded_transactions;
mod recording;
mod world;
