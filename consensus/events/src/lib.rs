//! CometBFT's event queries and the bus that carries events to subscribers.
