//! What is no method: the page at `/swagger/`, and redirects to clean paths.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use bytes::Bytes;

use super::answer::with_type;

const PAGE: &str = include_str!("page.html");

/// What lies under `/swagger/`. The SDK has its document at `swagger.yaml`; ours is JSON, which every reader of YAML
/// reads.
pub(super) fn swagger(name: &str, openapi: &Bytes) -> Option<Response<Body>> {
    match name {
        "" | "index.html" => Some(with_type(StatusCode::OK, "text/html; charset=utf-8", PAGE)),
        "openapi.json" => Some(with_type(StatusCode::OK, "application/json", openapi.clone())),
        "swagger.yaml" => Some(with_type(StatusCode::OK, "application/yaml", openapi.clone())),
        _ => None,
    }
}

/// The path without empty segments and dots, if it has any: the SDK's router (gorilla/mux) redirects there. A slash at
/// the end stays.
pub(super) fn clean(path: &str) -> Option<String> {
    let inner = path.strip_prefix('/')?;
    let unclean = |segment: &str| matches!(segment, "" | "." | "..");
    let mut segments = inner.split('/');
    let last = segments.next_back()?;
    if !segments.any(unclean) && !matches!(last, "." | "..") {
        return None;
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in inner.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    Some(format!("/{}{end}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_by_the_sdks_router() {
        for (path, expected) in [
            ("/", None),
            ("/a/b", None),
            ("/a/b/", None),
            ("/a/.b/..c", None),
            ("//a", Some("/a")),
            ("/a//b/", Some("/a/b/")),
            ("/a/./b", Some("/a/b")),
            ("/a/../../b", Some("/b")),
            ("/a/..", Some("/")),
            ("//", Some("/")),
        ] {
            assert_eq!(clean(path).as_deref(), expected, "{path}");
        }
    }

    /// A redirect to `//host` would lead a browser to another server.
    #[test]
    fn a_clean_path_never_names_a_host() {
        for path in ["//evil.example/a", "///evil.example", "/.//evil.example", "/a/..//evil.example"] {
            let clean = clean(path).expect("unclean");
            assert!(clean.starts_with('/') && !clean.starts_with("//"), "{path} -> {clean}");
        }
    }
}
