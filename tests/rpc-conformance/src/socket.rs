//! A WebSocket client.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use crate::Endpoint;

/// Longest wait for a message.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open WebSocket.
pub struct Socket(WebSocket<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects to `/websocket`.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn open(endpoint: Endpoint) -> Self {
        let (mut socket, _) =
            tokio_tungstenite::tungstenite::connect(format!("ws://{}/websocket", endpoint.0)).expect("a WebSocket");
        if let MaybeTlsStream::Plain(stream) = socket.get_mut() {
            stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        }
        Self(socket)
    }

    /// Sends a text as it stands.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).expect("an open WebSocket");
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn request(&mut self, id: &Value, method: &str, params: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string());
    }

    /// The next message.
    ///
    /// # Panics
    /// When none comes.
    pub fn message(&mut self) -> Value {
        loop {
            match self.0.read().expect("a message") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected message: {other:?}"),
            }
        }
    }

    /// Sends a ping and waits for its pong; other messages are skipped.
    ///
    /// # Panics
    /// When none comes.
    pub fn ping(&mut self) {
        self.0.send(Message::Ping(b"are you there".to_vec().into())).expect("an open WebSocket");
        while self.0.read().expect("a pong") != Message::Pong(b"are you there".to_vec().into()) {}
    }

    /// Whether the server ends the connection now.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    pub fn is_closed(&mut self) -> bool {
        loop {
            match self.0.read() {
                Ok(Message::Close(_)) | Err(tokio_tungstenite::tungstenite::Error::ConnectionClosed) => return true,
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(other) => panic!("unexpected message: {other:?}"),
                Err(tokio_tungstenite::tungstenite::Error::Io(error)) => {
                    return error.kind() != std::io::ErrorKind::WouldBlock;
                }
                Err(_) => return true,
            }
        }
    }
}
