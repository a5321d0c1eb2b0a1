//! The SDK's events, attribute by attribute in its order (`x/bank/types/events.go`).

use plume_kit::Event;

pub(crate) fn coin_spent(spender: &str, amount: &str) -> Event {
    Event::new("coin_spent").with("spender", spender).with("amount", amount)
}

pub(crate) fn coin_received(receiver: &str, amount: &str) -> Event {
    Event::new("coin_received").with("receiver", receiver).with("amount", amount)
}

pub(crate) fn transfer(recipient: &str, sender: &str, amount: &str) -> Event {
    Event::new("transfer").with("recipient", recipient).with("sender", sender).with("amount", amount)
}

pub(crate) fn message(sender: &str) -> Event {
    Event::new("message").with("sender", sender)
}

pub(crate) fn minted(minter: &str, amount: &str) -> Event {
    Event::new("coinbase").with("minter", minter).with("amount", amount)
}

pub(crate) fn burnt(burner: &str, amount: &str) -> Event {
    Event::new("burn").with("burner", burner).with("amount", amount)
}
