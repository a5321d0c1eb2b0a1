//! One connection to each door, no more than a measurement needs.

use axum::http::Request;
use bytes::{Buf as _, Bytes, BytesMut};
use h2::client::SendRequest;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const METHOD: &str = "/cosmos.bank.v1beta1.Query/Balance";
const REQUEST: &str = "cosmos.bank.v1beta1.QueryBalanceRequest";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Grpc,
    Rest,
}

impl Door {
    pub fn name(self) -> &'static str {
        match self {
            Self::Grpc => "gRPC",
            Self::Rest => "REST",
        }
    }
}

/// A query in the form of its door: a frame, or a whole HTTP request.
#[derive(Clone)]
pub struct Question(Bytes);

impl Question {
    pub fn new(door: Door, host: &str, address: &str, denom: &str) -> Result<Self, String> {
        match door {
            Door::Grpc => {
                let message = plume_codec::from_json(REQUEST, &json!({ "address": address, "denom": denom }));
                let message = message.map_err(|error| error.to_string())?;
                let length = u32::try_from(message.len()).map_err(|error| error.to_string())?;
                Ok(Self(Bytes::from([&[0][..], &length.to_be_bytes(), &message].concat())))
            }
            Door::Rest => {
                let target = format!("/cosmos/bank/v1beta1/balances/{address}/by_denom?denom={denom}");
                Ok(Self(Bytes::from(get(host, &target))))
            }
        }
    }
}

fn get(host: &str, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n")
}

/// Addresses of the first thousand accounts.
pub async fn accounts(host: &str) -> Result<Vec<String>, String> {
    let mut connection = Rest::connect(host).await?;
    let body = connection.exchange(get(host, "/cosmos/auth/v1beta1/accounts?pagination.limit=1000").as_bytes()).await?;
    let json: Json = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    let accounts = json["accounts"].as_array().ok_or_else(|| format!("no accounts: {json}"))?;
    // Module accounts have their address one level further in, and nobody asks for their balance.
    let addresses: Vec<_> =
        accounts.iter().filter_map(|account| account["address"].as_str()).map(str::to_owned).collect();
    if addresses.is_empty() { Err("the chain has no accounts".to_owned()) } else { Ok(addresses) }
}

pub enum Connection {
    Grpc { send: SendRequest<Bytes>, uri: String },
    Rest(Rest),
}

impl Connection {
    pub async fn open(door: Door, host: &str) -> Result<Self, String> {
        match door {
            Door::Grpc => {
                let stream = TcpStream::connect(host).await.map_err(|error| format!("{host}: {error}"))?;
                stream.set_nodelay(true).map_err(|error| error.to_string())?;
                let (send, connection) = h2::client::handshake(stream).await.map_err(|error| error.to_string())?;
                // Its end shows in the calls.
                tokio::spawn(async move { drop(connection.await) });
                Ok(Self::Grpc { send, uri: format!("http://{host}{METHOD}") })
            }
            Door::Rest => Rest::connect(host).await.map(Self::Rest),
        }
    }

    /// Asks, and waits for an answer that holds a balance.
    pub async fn ask(&mut self, question: &Question) -> Result<(), String> {
        match self {
            Self::Rest(rest) => rest.exchange(&question.0).await.map(drop),
            Self::Grpc { send, uri } => {
                let failed = |error: h2::Error| error.to_string();
                let request =
                    Request::post(uri.as_str()).header("content-type", "application/grpc").header("te", "trailers");
                let request = request.body(()).map_err(|error| error.to_string())?;
                let mut ready = send.clone().ready().await.map_err(failed)?;
                let (response, mut body) = ready.send_request(request, false).map_err(failed)?;
                body.send_data(question.0.clone(), true).map_err(failed)?;
                let response = response.await.map_err(failed)?;
                let head = response.headers().clone();
                let mut body = response.into_body();
                let mut received = 0;
                while let Some(data) = body.data().await {
                    let data = data.map_err(failed)?;
                    received += data.len();
                    body.flow_control().release_capacity(data.len()).map_err(failed)?;
                }
                let trailers = body.trailers().await.map_err(failed)?.unwrap_or(head);
                match trailers.get("grpc-status").map(|status| status.as_bytes()) {
                    Some(b"0") if received > 5 => Ok(()),
                    _ => Err(format!("{trailers:?}")),
                }
            }
        }
    }
}

pub struct Rest {
    stream: TcpStream,
    received: BytesMut,
}

impl Rest {
    async fn connect(host: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(host).await.map_err(|error| format!("{host}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { stream, received: BytesMut::new() })
    }

    /// Sends a request, and returns the body of its answer.
    async fn exchange(&mut self, request: &[u8]) -> Result<Bytes, String> {
        self.stream.write_all(request).await.map_err(|error| error.to_string())?;
        let end = loop {
            match self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end,
                None => self.read().await?,
            }
        };
        let head = String::from_utf8_lossy(&self.received[..end]).into_owned();
        self.received.advance(end + 4);
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length: usize =
            length.and_then(|(_, value)| value.trim().parse().ok()).ok_or_else(|| format!("no length: {head}"))?;
        while self.received.len() < length {
            self.read().await?;
        }
        let body = self.received.split_to(length).freeze();
        if head.starts_with("HTTP/1.1 200") {
            Ok(body)
        } else {
            Err(format!("{head}\n{}", String::from_utf8_lossy(&body)))
        }
    }

    async fn read(&mut self) -> Result<(), String> {
        match self.stream.read_buf(&mut self.received).await {
            Ok(0) => Err("the node closed the connection".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}
