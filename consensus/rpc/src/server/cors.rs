//! Cross-origin requests, with the rules of `rs/cors` (which CometBFT uses).

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::RpcSettings;

/// Which origins may do what.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Origins,
    methods: Vec<String>,
    headers: Headers,
}

#[derive(Debug)]
enum Origins {
    All,
    /// Exact origins, and patterns as what stands before and behind their `*`; lower case.
    Some {
        exact: Vec<String>,
        patterns: Vec<(String, String)>,
    },
}

#[derive(Debug)]
enum Headers {
    All,
    /// Lower case.
    Some(Vec<String>),
}

impl Cors {
    /// `None` if no origin is configured: then no header is ever added.
    pub(crate) fn new(settings: &RpcSettings) -> Option<Self> {
        if settings.cors_allowed_origins.is_empty() {
            return None;
        }
        let lower = |names: &[String]| -> Vec<String> { names.iter().map(|name| name.to_lowercase()).collect() };
        let origins = lower(&settings.cors_allowed_origins);
        let origins = if origins.iter().any(|origin| origin == "*") {
            Origins::All
        } else {
            let (patterns, exact): (Vec<_>, Vec<_>) = origins.into_iter().partition(|origin| origin.contains('*'));
            let split = |pattern: String| pattern.split_once('*').map(|(a, b)| (a.to_owned(), b.to_owned()));
            Origins::Some { exact, patterns: patterns.into_iter().filter_map(split).collect() }
        };
        let headers = lower(&settings.cors_allowed_headers);
        let headers = match headers.len() {
            0 => Headers::Some(["accept", "content-type", "x-requested-with"].map(str::to_owned).to_vec()),
            _ if headers.iter().any(|header| header == "*") => Headers::All,
            _ => Headers::Some(headers),
        };
        let methods = match settings.cors_allowed_methods.len() {
            0 => ["GET", "POST", "HEAD"].map(str::to_owned).to_vec(),
            _ => settings.cors_allowed_methods.clone(),
        };
        Some(Self { origins, methods, headers })
    }

    /// Whether this request only asks what it may do; it is answered with 204 and [`Self::preflight`]'s headers.
    pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS
            && headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).is_some_and(|value| !value.is_empty())
    }

    /// Headers of the answer to a preflight request.
    pub(crate) fn preflight(&self, request: &HeaderMap) -> HeaderMap {
        let mut answer = HeaderMap::new();
        answer.insert(
            header::VARY,
            HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
        );
        let Some(origin) = self.allowed_origin(request) else { return answer };
        let Some(method) = request.get(header::ACCESS_CONTROL_REQUEST_METHOD) else { return answer };
        if !self.allows_method(method.to_str().unwrap_or_default()) {
            return answer;
        }
        let wanted: Vec<_> = request.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter().collect();
        if !wanted.iter().all(|list| self.allows_headers(list)) {
            return answer;
        }
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        if wanted.first().is_some_and(|list| !list.is_empty()) {
            for list in wanted {
                append(&mut answer, header::ACCESS_CONTROL_ALLOW_HEADERS, list.clone());
            }
        }
        answer
    }

    /// Headers to add to the answer of any other request.
    pub(crate) fn actual(&self, method: &Method, request: &HeaderMap) -> HeaderMap {
        let mut answer = HeaderMap::new();
        answer.insert(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.allowed_origin(request)
            && self.allows_method(method.as_str())
        {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        answer
    }

    /// What to answer as the allowed origin, if the request names one that is.
    fn allowed_origin(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(header::ORIGIN).filter(|origin| !origin.is_empty())?;
        match &self.origins {
            Origins::All => Some(HeaderValue::from_static("*")),
            Origins::Some { exact, patterns } => {
                let lower = origin.to_str().ok()?.to_lowercase();
                let matches = |(start, end): &(String, String)| {
                    lower.len() >= start.len() + end.len() && lower.starts_with(start) && lower.ends_with(end)
                };
                (exact.contains(&lower) || patterns.iter().any(matches)).then(|| origin.clone())
            }
        }
    }

    fn allows_method(&self, method: &str) -> bool {
        method == "OPTIONS" || self.methods.iter().any(|allowed| allowed == method)
    }

    fn allows_headers(&self, list: &HeaderValue) -> bool {
        match &self.headers {
            Headers::All => true,
            Headers::Some(allowed) => list.to_str().is_ok_and(|list| {
                let mut names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
                names.all(|name| allowed.iter().any(|allowed| allowed == name))
            }),
        }
    }
}

fn append(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.append(name, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let cors_allowed_origins = origins.iter().map(|&origin| origin.to_owned()).collect();
        Cors::new(&RpcSettings { cors_allowed_origins, ..RpcSettings::default() }).expect("origins are configured")
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn origin_of(cors: &Cors, origin: &'static str) -> Option<HeaderValue> {
        cors.actual(&Method::GET, &headers(&[("origin", origin)])).remove(header::ACCESS_CONTROL_ALLOW_ORIGIN)
    }

    #[test]
    fn origins_are_exact_or_patterns() {
        assert!(Cors::new(&RpcSettings::default()).is_none());
        assert_eq!(origin_of(&cors(&["*"]), "https://a.example"), Some(HeaderValue::from_static("*")));
        let some = cors(&["https://a.example", "https://*.b.example"]);
        for allowed in ["https://a.example", "https://A.example", "https://x.y.b.example"] {
            assert_eq!(origin_of(&some, allowed), Some(HeaderValue::from_static(allowed)));
        }
        for refused in ["https://b.example", "http://a.example", "https://a.example.evil"] {
            assert_eq!(origin_of(&some, refused), None, "{refused}");
        }
    }

    #[test]
    fn preflights_check_method_and_headers() {
        let cors = cors(&["*"]);
        let request = |method, wanted| {
            headers(&[
                ("origin", "https://a.example"),
                ("access-control-request-method", method),
                ("access-control-request-headers", wanted),
            ])
        };
        let answer = cors.preflight(&request("POST", "content-type"));
        assert_eq!(answer.get(header::ACCESS_CONTROL_ALLOW_METHODS), Some(&HeaderValue::from_static("POST")));
        assert_eq!(answer.get(header::ACCESS_CONTROL_ALLOW_HEADERS), Some(&HeaderValue::from_static("content-type")));
        for (method, wanted) in [("DELETE", "content-type"), ("POST", "authorization")] {
            let answer = cors.preflight(&request(method, wanted));
            assert_eq!(answer.get(header::ACCESS_CONTROL_ALLOW_ORIGIN), None, "{method} {wanted}");
        }
    }
}
