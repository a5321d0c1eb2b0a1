//! Requests made from arguments by their descriptors.

use anyhow::{Context, Result, bail, ensure};
use plume_codec::{from_json, pool};
use prost_reflect::{Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::table::Entry;
use crate::cli::PageArgs;

/// A query ready to be asked.
pub struct Request {
    /// ABCI path.
    pub path: String,
    /// Encoded request.
    pub data: Vec<u8>,
    /// Type URL of the response.
    pub response: String,
}

/// Makes the request of `entry`.
pub fn build(entry: &Entry, arguments: &[String], page: &PageArgs) -> Result<Request> {
    let (service, method) = entry.method.split_once('/').context("a method is SERVICE/NAME")?;
    let service = pool().get_service_by_name(service).with_context(|| format!("no service {service}"))?;
    let method = service.methods().find(|m| m.name() == method).with_context(|| format!("no method {method}"))?;
    let input = method.input();
    let mut fields = fill(&input, entry, arguments)?;
    if input.get_field_by_name("pagination").is_some() {
        fields.insert("pagination".to_owned(), pagination(page));
    }
    let data = from_json(&format!("/{}", input.full_name()), &Value::Object(fields))?;
    Ok(Request { path: format!("/{}", entry.method), data, response: format!("/{}", method.output().full_name()) })
}

fn fill(input: &MessageDescriptor, entry: &Entry, arguments: &[String]) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    let mut left = arguments.iter();
    for name in entry.arguments {
        let field = input.get_field_by_name(name).with_context(|| format!("no field {name}"))?;
        if field.is_list() {
            fields.insert((*name).to_owned(), left.by_ref().map(|text| json!(text)).collect());
            continue;
        }
        let Some(text) = left.next() else {
            bail!(
                "`{} {}` needs {} arguments, has {}: {}",
                entry.module,
                entry.name,
                entry.arguments.len(),
                arguments.len(),
                entry.arguments.join(" ")
            );
        };
        let value = match field.kind() {
            Kind::Bool => json!(text.parse::<bool>().with_context(|| format!("{name} is true or false, not {text}"))?),
            _ => json!(text),
        };
        fields.insert((*name).to_owned(), value);
    }
    let extra = left.count();
    ensure!(
        extra == 0,
        "`{} {}` takes {} arguments, has {}",
        entry.module,
        entry.name,
        entry.arguments.len(),
        arguments.len()
    );
    Ok(fields)
}

fn pagination(page: &PageArgs) -> Value {
    json!({
        "key": page.page_key.as_deref().unwrap_or_default(),
        "offset": page.page_offset.to_string(),
        "limit": page.page_limit.to_string(),
        "count_total": page.page_count_total,
        "reverse": page.page_reverse,
    })
}

#[cfg(test)]
mod tests {
    use super::super::table::find;
    use super::*;
    use plume_proto::Message;
    use plume_proto::cosmos::bank::v1beta1::{QueryAllBalancesRequest, QuerySendEnabledRequest};

    #[test]
    fn arguments_and_page_fill_the_request() {
        let page = PageArgs { page_limit: 5, page_count_total: true, ..PageArgs::default() };
        let request = build(find("bank", "balances").unwrap(), &["plume1x".into()], &page).unwrap();
        assert_eq!(request.path, "/cosmos.bank.v1beta1.Query/AllBalances");
        assert_eq!(request.response, "/cosmos.bank.v1beta1.QueryAllBalancesResponse");
        let decoded = QueryAllBalancesRequest::decode(request.data.as_slice()).unwrap();
        assert_eq!(decoded.address, "plume1x");
        let page = decoded.pagination.unwrap();
        assert_eq!((page.limit, page.count_total, page.offset), (5, true, 0));
    }

    #[test]
    fn repeated_last_field_takes_the_rest() {
        let request =
            build(find("bank", "send-enabled").unwrap(), &["a".into(), "b".into()], &PageArgs::default()).unwrap();
        assert_eq!(QuerySendEnabledRequest::decode(request.data.as_slice()).unwrap().denoms, ["a", "b"]);
    }

    #[test]
    fn wrong_number_of_arguments_says_both_sides() {
        let few = build(find("bank", "balance").unwrap(), &["plume1x".into()], &PageArgs::default())
            .err()
            .unwrap()
            .to_string();
        assert_eq!(few, "`bank balance` needs 2 arguments, has 1: address denom");
        let many =
            build(find("bank", "params").unwrap(), &["x".into()], &PageArgs::default()).err().unwrap().to_string();
        assert_eq!(many, "`bank params` takes 0 arguments, has 1");
    }
}
