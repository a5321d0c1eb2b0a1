use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::LoadError;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Largest answer, bytes: the results of a full block.
const LARGEST: usize = 1 << 30;

/// `host:port` of an address such as `http://host:port` or `tcp://host:port`.
pub fn host_of(url: &str) -> &str {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("tcp://")).unwrap_or(url);
    rest.trim_end_matches('/')
}

/// One HTTP/1.1 connection that stays open. No agent, no pool: a load generator wants to know which connection it uses, and
/// shares the machine with what it measures.
#[derive(Debug)]
pub struct Connection {
    host: String,
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to `host:port` (also written as a URL).
    ///
    /// # Errors
    /// [`LoadError::Io`].
    pub fn open(url: &str) -> Result<Self, LoadError> {
        let host = host_of(url).to_owned();
        let open = || {
            let stream = TcpStream::connect(&host)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            Ok(stream)
        };
        match open() {
            Ok(stream) => Ok(Self { host, reader: BufReader::with_capacity(1 << 16, stream) }),
            Err(error) => Err(LoadError::Io { url: host, error }),
        }
    }

    /// Where it leads, `host:port`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Posts JSON and reads the answer's body, whatever its status.
    ///
    /// # Errors
    /// [`LoadError::Io`].
    pub fn post(&mut self, body: &[u8]) -> Result<Vec<u8>, LoadError> {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        self.exchange(&request).map(|(_, body)| body).map_err(|error| self.io(error))
    }

    /// Gets a path; status and body.
    ///
    /// # Errors
    /// [`LoadError::Io`].
    pub fn get(&mut self, path: &str) -> Result<(u16, Vec<u8>), LoadError> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.exchange(request.as_bytes()).map_err(|error| self.io(error))
    }

    /// Calls a JSON-RPC method with named parameters; `result` of the answer.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn call<T: DeserializeOwned>(&mut self, method: &str, params: &Value) -> Result<T, LoadError> {
        #[derive(serde::Deserialize)]
        struct Answer<T> {
            result: Option<T>,
            #[serde(default)]
            error: Option<Value>,
        }
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let body = self.post(request.as_bytes())?;
        let answer: Answer<T> =
            serde_json::from_slice(&body).map_err(|error| self.unexpected(method, &error.to_string()))?;
        match answer {
            Answer { error: Some(error), .. } => Err(self.unexpected(method, &error.to_string())),
            Answer { result: Some(result), .. } => Ok(result),
            Answer { .. } => Err(self.unexpected(method, "neither result nor error")),
        }
    }

    pub(crate) fn unexpected(&self, method: &str, reason: &str) -> LoadError {
        LoadError::Answer { url: self.host.clone(), method: method.to_owned(), reason: reason.to_owned() }
    }

    fn io(&self, error: io::Error) -> LoadError {
        LoadError::Io { url: self.host.clone(), error }
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        self.reader.get_mut().write_all(request)?;
        let status = self.line()?;
        let status: u16 = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(malformed)?;
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse().map_err(|_| malformed())?);
            }
            chunked |= line.starts_with("transfer-encoding:") && line.ends_with("chunked");
        }
        let body = if chunked { self.chunks()? } else { self.bytes(length.ok_or_else(malformed)?)? };
        Ok((status, body))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > LARGEST {
            return Err(malformed());
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok(body)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| malformed())?;
            if body.len().saturating_add(size) > LARGEST {
                return Err(malformed());
            }
            body.extend_from_slice(&self.bytes(size)?);
            // After each chunk, and after the last one, comes an empty line; nobody sends trailers here.
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not an HTTP/1.1 answer")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn answers_with_a_length_and_in_chunks_are_read_over_one_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("tcp://{}", listener.local_addr().expect("bound"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut seen = [0; 4096];
            let answers: [&[u8]; 3] = [
                b"HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n{\"jsonrpc\":\"2.0\",\"result\":7}\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"res\r\nA;x=y\r\nult\":\"ok\"}\r\n0\r\n\r\n",
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno",
            ];
            for answer in answers {
                assert!(stream.read(&mut seen).expect("a request") > 0);
                stream.write_all(answer).expect("it reads");
            }
        });
        let mut connection = Connection::open(&url).expect("it listens");
        assert_eq!(connection.call::<u8>("a", &json!({})).expect("a number"), 7);
        assert_eq!(connection.call::<String>("b", &json!({})).expect("text"), "ok");
        assert_eq!(connection.get("/nothing").expect("an answer"), (404, b"no".to_vec()));
        server.join().expect("no assertion failed");
        assert!(matches!(connection.get("/").expect_err("it is gone"), LoadError::Io { .. }));
    }
}
