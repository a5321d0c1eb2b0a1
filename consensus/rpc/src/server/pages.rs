//! What a browser sees at `/`.

use std::fmt::Write as _;

use crate::methods;

/// The list of methods as links. CometBFT counts a hidden first argument of every method, so all of them stand under the
/// second heading.
pub(super) fn endpoints(host: &str, unsafe_methods: bool) -> String {
    let host = escape(host);
    let mut page = String::from("<html><body><br>Available endpoints:<br><br>Endpoints that require arguments:<br>");
    for spec in methods::offered(unsafe_methods) {
        let args: Vec<String> = spec.params.iter().map(|(name, _)| format!("{name}=_")).collect();
        let link = format!("//{host}/{}?{}", spec.name, args.join("&"));
        let _ = write!(page, "<a href=\"{link}\">{link}</a></br>");
    }
    page.push_str("</body></html>");
    page
}

/// # Security
/// The host comes from the request. CometBFT writes it as it is; only characters that no host has are changed here.
fn escape(host: &str) -> String {
    host.chars().filter(|character| !matches!(character, '<' | '>' | '"' | '\'' | '&')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_is_a_link() {
        let page = endpoints("h:1\"><script>", false);
        assert!(page.contains("<a href=\"//h:1script/abci_query?path=_&data=_&height=_&prove=_\">"));
        assert!(page.contains("//h:1script/health?</a>"));
        assert!(!page.contains("unsafe_flush_mempool"));
    }
}
