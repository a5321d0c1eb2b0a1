//! Parameters in a query string: numbers bare or quoted, strings in double quotes, bytes as `0x..` or in quotes.

use super::go;
use super::value::{Args, Type, Value};
use crate::json;
use crate::methods::Spec;

/// Names and values of a query string or a form, percent-decoded, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pairs(Vec<(Vec<u8>, Vec<u8>)>);

impl Pairs {
    /// Splits at `&`. As in Go, a pair with `;` or a bad escape is left out.
    pub(crate) fn parse(query: &[u8]) -> Self {
        let pairs = query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty() && !pair.contains(&b';'));
        let decoded = pairs.filter_map(|pair| {
            let (name, value) = match pair.iter().position(|&byte| byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &b""[..]),
            };
            Some((unescape(name)?, unescape(value)?))
        });
        Self(decoded.collect())
    }

    /// The first value under `name`; empty if there is none.
    fn get(&self, name: &str) -> &[u8] {
        self.0.iter().find(|(key, _)| key == name.as_bytes()).map_or(&[], |(_, value)| value)
    }
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
                let (high, low) = (digit(0)?, digit(1)?);
                out.push((high << 4 | low) as u8); // two hex digits
                rest = &tail[2..];
            }
            other => out.push(other),
        }
    }
    Some(out)
}

/// Reads the parameters of a method from the query, or from a form in the body where the query has none.
///
/// # Errors
/// The text behind `error converting http params to arguments: `.
pub(crate) fn from_uri(spec: &Spec, query: &Pairs, form: Option<&Pairs>) -> Result<Args, String> {
    let value = |&(name, kind): &(&str, Type)| {
        let mut text = query.get(name);
        if text.is_empty() {
            text = form.map_or(&[], |form| form.get(name));
        }
        if text.is_empty() { Ok(kind.zero()) } else { read(kind, text) }
    };
    spec.params.iter().map(value).collect::<Result<_, _>>().map(Args::new)
}

fn read(kind: Type, text: &[u8]) -> Result<Value, String> {
    let expects_integer = matches!(kind, Type::OptInt64 | Type::OptInt | Type::Int64 | Type::Uint);
    let expects_bytes = matches!(kind, Type::Hex | Type::Bytes | Type::Tx);
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if expects_integer && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        return kind.read(&[b"\"", text, b"\""].concat());
    }
    if text.len() >= 2 && text[..2].eq_ignore_ascii_case(b"0x") {
        if !expects_bytes && kind != Type::String {
            return Err(format!("got a hex string arg, but expected '{}'", go_kind(kind)));
        }
        let bytes = go::hex(&text[2..])?;
        return Ok(match kind {
            Type::String => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
            _ => Value::Bytes(bytes.into()),
        });
    }
    if expects_bytes && text.starts_with(b"\"") && text.ends_with(b"\"") {
        // Bytes in quotes are taken as they are, neither hex nor base64.
        json::validate(text).map_err(|error| error.to_string())?;
        return Ok(Value::Bytes(json::text(text).into_owned().into_bytes().into()));
    }
    kind.read(text)
}

/// `reflect.Kind` of the Go type.
fn go_kind(kind: Type) -> &'static str {
    match kind {
        Type::OptInt64 | Type::Int64 => "int64",
        Type::OptInt => "int",
        Type::Uint => "uint",
        Type::Bool => "bool",
        Type::String => "string",
        Type::Hex | Type::Bytes | Type::Tx | Type::Strings => "slice",
        Type::Evidence => "interface",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::find;

    fn args(method: &str, query: &str) -> Result<Args, String> {
        from_uri(find(method, true).expect("a method"), &Pairs::parse(query.as_bytes()), None)
    }

    #[test]
    fn query_strings_are_read_as_cometbft_does() {
        let by_hand = args("abci_query", "path=\"/a%20b\"&data=0x0aFF&height=5&prove=true").expect("valid");
        assert_eq!(
            (by_hand.string(0), by_hand.bytes(1).as_ref(), by_hand.int(2), by_hand.bool(3)),
            ("/a b", &b"\x0a\xff"[..], Some(5), true)
        );
        assert_eq!(args("abci_query", "data=\"hi\"").expect("valid").bytes(1).as_ref(), b"hi");
        assert_eq!(args("block", "height=\"7\""), args("block", "height=7"));
        assert_eq!(args("block", "height="), args("block", ""));
        assert_eq!(args("block", "height=1&height=2").expect("valid").int(0), Some(1));
        assert_eq!(args("tx_search", "query=0x61").expect("valid").string(0), "a");
        assert_eq!(args("block", "height=%zz&x;y=1"), args("block", ""));
    }

    #[test]
    fn errors_are_cometbfts() {
        for (method, query, error) in [
            ("block", "height=abc", "invalid 64-bit integer encoding \"abc\", expected string"),
            ("block", "height=0x10", "got a hex string arg, but expected 'int64'"),
            ("abci_query", "path=store", "invalid character 's' looking for beginning of value"),
            ("abci_query", "prove=yes", "invalid character 'y' looking for beginning of value"),
            ("abci_query", "data=ff", "invalid hex string: ff"),
            ("tx", "hash=0xabc", "encoding/hex: odd length hex string"),
            ("genesis_chunked", "chunk=-1", "json: cannot unmarshal number -1 into Go value of type uint"),
        ] {
            assert_eq!(args(method, query), Err(error.to_owned()), "{method}?{query}");
        }
    }

    #[test]
    fn a_form_fills_what_the_query_lacks() {
        let spec = find("block", false).expect("a method");
        let form = Pairs::parse(b"height=3");
        let args = from_uri(spec, &Pairs::default(), Some(&form)).expect("valid");
        assert_eq!(args.int(0), Some(3));
    }
}
