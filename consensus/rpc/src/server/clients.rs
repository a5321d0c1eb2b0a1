//! Who holds subscriptions, and the limits on that.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Subscriptions by client. A client is a connection, named by its remote address, as in CometBFT.
#[derive(Debug)]
pub(crate) struct Clients {
    max_clients: usize,
    max_per_client: usize,
    queries: Mutex<HashMap<SocketAddr, Vec<String>>>,
}

/// One counted subscription; dropping it frees its place.
#[derive(Debug)]
pub(crate) struct Place {
    clients: Arc<Clients>,
    client: SocketAddr,
    query: String,
}

impl Clients {
    pub(crate) fn new(max_clients: usize, max_per_client: usize) -> Arc<Self> {
        Arc::new(Self { max_clients, max_per_client, queries: Mutex::new(HashMap::new()) })
    }

    /// Whether this client may have one more subscription. CometBFT counts before it reads the query, and counts a
    /// client that has subscriptions already as one that wants to come in.
    ///
    /// # Errors
    /// CometBFT's text.
    pub(crate) fn admit(&self, client: SocketAddr) -> Result<(), String> {
        self.limits(&self.queries.lock(), client)
    }

    fn limits(&self, queries: &HashMap<SocketAddr, Vec<String>>, client: SocketAddr) -> Result<(), String> {
        if queries.len() >= self.max_clients {
            return Err(format!("max_subscription_clients {} reached", self.max_clients));
        }
        if queries.get(&client).map_or(0, Vec::len) >= self.max_per_client {
            return Err(format!("max_subscriptions_per_client {} reached", self.max_per_client));
        }
        Ok(())
    }

    /// Takes a place for a query in its text form.
    ///
    /// # Errors
    /// CometBFT's text if this client has the same query already; the limits again, since another client may have come
    /// in since [`Self::admit`].
    pub(crate) fn enter(self: &Arc<Self>, client: SocketAddr, query: String) -> Result<Place, String> {
        let mut queries = self.queries.lock();
        self.limits(&queries, client)?;
        let own = queries.entry(client).or_default();
        if own.contains(&query) {
            return Err("already subscribed".to_owned());
        }
        own.push(query.clone());
        Ok(Place { clients: self.clone(), client, query })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queries = self.clients.queries.lock();
        if let Some(own) = queries.get_mut(&self.client) {
            own.retain(|query| *query != self.query);
            if own.is_empty() {
                queries.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn limits_hold_and_places_are_freed() {
        let clients = Clients::new(2, 2);
        let first = clients.enter(client(1), "a".to_owned()).expect("room");
        assert_eq!(clients.enter(client(1), "a".to_owned()).expect_err("twice"), "already subscribed");
        let _second = clients.enter(client(1), "b".to_owned()).expect("room");
        assert_eq!(
            clients.enter(client(1), "c".to_owned()).expect_err("third"),
            "max_subscriptions_per_client 2 reached"
        );
        let other = clients.enter(client(2), "a".to_owned()).expect("room");
        assert_eq!(clients.admit(client(3)), Err("max_subscription_clients 2 reached".to_owned()));
        drop(other);
        assert_eq!(clients.admit(client(3)), Ok(()));
        drop(first);
        clients.enter(client(1), "a".to_owned()).expect("the place is free again");
    }
}
