//! From bytes to a call: JSON-RPC bodies, query strings, and typed parameters.

pub(crate) mod evidence;
pub(crate) mod go;
mod rpc;
mod uri;
mod value;

pub(crate) use rpc::{Id, Request, first_request, parse_body};
pub(crate) use uri::{Pairs, from_uri};
pub(crate) use value::{Args, Type, from_json};

/// Reads a JSON-RPC body as the server does: every request, and the parameters of each method by name and by position.
/// Gives the number of calls that would be made. A target for fuzzing.
pub fn parse_request(body: &[u8]) -> usize {
    let _ = first_request(body);
    let Ok(body) = parse_body(body) else { return 0 };
    let calls = body.requests.iter().flatten();
    calls
        .filter(|request| {
            let Some(spec) = crate::methods::find(&request.method, true) else { return false };
            request.params.is_some_and(|params| from_json(spec, params).is_ok())
        })
        .count()
}

/// Reads a query string as the server does, for every method. Gives the number of methods that accept it. A target for
/// fuzzing.
pub fn parse_uri_params(query: &str) -> usize {
    let pairs = Pairs::parse(query.as_bytes());
    crate::methods::METHODS.iter().filter(|spec| from_uri(spec, &pairs, None).is_ok()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: [&str; 6] = [
        r#"{"jsonrpc":"2.0","id":1,"method":"abci_query","params":{"path":"/a","data":"0AFF","height":"5","prove":true}}"#,
        r#"[{"id":"\u00e4\ud83d\ude00","method":"tx_search","params":["a.b='c'",false,"1","2","asc"]},{"id":-1.5e3}]"#,
        r#"{"id":{"a":[1,null]},"method":"broadcast_evidence","params":{"evidence":{"type":"tendermint/DuplicateVoteEvidence",
            "value":{"vote_a":{"type":2,"height":"1","timestamp":"2024-01-01T00:00:00Z","signature":"AAAA"}}}}}"#,
        r#"{"id":1,"method":"dial_peers","params":{"peers":["a","b"],"persistent":false}}"#,
        r#"path="/a%20b"&data=0x0aff&height=5&prove=true&hash="text"&tx=0x&page=-1&per_page="7"&query="a.b='c'""#,
        r#"evidence={"type":"tendermint/DuplicateVoteEvidence","value":{}}&chunk=1&seeds=["a"]&x;y=%zz"#,
    ];

    /// Seeds changed at random places, always the same ones: nothing panics, whole seeds are read.
    #[test]
    fn broken_requests_are_refused_without_panic() {
        assert_eq!(SEEDS[..4].iter().map(|seed| parse_request(seed.as_bytes())).sum::<usize>(), 3);
        assert!(parse_uri_params(SEEDS[4]) > 20);
        let mut random = 1_u64;
        let mut below = |bound: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % bound.max(1)
        };
        for round in 0..20_000 {
            let mut bytes = SEEDS[round % SEEDS.len()].as_bytes().to_vec();
            for _ in 0..=below(4) {
                let (at, other) = (below(bytes.len()), below(bytes.len()));
                match below(5) {
                    0 => bytes[at] = below(256) as u8,
                    1 => bytes.truncate(at),
                    2 => bytes.insert(at, b"\"\\{}[]:,0%=&;x"[below(14)]),
                    3 => drop(bytes.remove(at)),
                    _ => bytes.swap(at, other),
                }
                if bytes.is_empty() {
                    bytes.push(b'{');
                }
            }
            parse_request(&bytes);
            parse_uri_params(&String::from_utf8_lossy(&bytes));
        }
    }
}
