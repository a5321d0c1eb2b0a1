//! The document against the rules of OpenAPI 3.0.3.

use std::collections::BTreeSet;

use plume_gateway::observe::Telemetry;
use plume_gateway::rest::{RestSettings, RouteTable, openapi_document};
use serde_json::{Value as Json, json};

use crate::world::World;

fn document() -> Json {
    plume_tests_toy::register();
    let routes = RouteTable::compile(plume_codec::pool(), |_| true).expect("the rules are well formed");
    openapi_document(&routes, "toy-1")
}

fn operations(document: &Json) -> Vec<(&str, &str, &Json)> {
    let paths = document["paths"].as_object().expect("paths");
    let items = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("an item");
        item.iter().map(move |(verb, operation)| (path.as_str(), verb.as_str(), operation))
    });
    items.collect()
}

fn resolve<'a>(document: &'a Json, value: &'a Json) -> &'a Json {
    match value.get("$ref").and_then(Json::as_str) {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("in this document");
            document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
        None => value,
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn visit(document: &Json, value: &Json, seen: &mut usize) {
        resolve(document, value);
        match value {
            Json::Object(object) => {
                // Beside a reference OpenAPI 3.0 reads nothing.
                if object.contains_key("$ref") {
                    assert_eq!(object.len(), 1, "{value}");
                    *seen += 1;
                }
                object.values().for_each(|value| visit(document, value, seen));
            }
            Json::Array(items) => items.iter().for_each(|value| visit(document, value, seen)),
            _ => {}
        }
    }
    let document = document();
    let mut seen = 0;
    visit(&document, &document, &mut seen);
    assert!(seen > 100, "{seen} references");
}

#[test]
fn operations_are_complete_and_have_names_of_their_own() {
    let document = document();
    assert_eq!(document["openapi"], "3.0.3");
    assert_eq!(document["info"]["title"], "toy-1");
    assert!(document["info"]["version"].is_string());
    let mut ids = BTreeSet::new();
    let mut shapes = BTreeSet::new();
    for (path, verb, operation) in operations(&document) {
        let place = format!("{verb} {path}");
        assert!(path.starts_with('/'), "{place}");
        let verbs = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
        assert!(verbs.contains(&verb), "{place}");
        assert!(ids.insert(operation["operationId"].as_str().expect("an id").to_owned()), "{place}");
        // Two paths that differ in names of variables only are one.
        let shape: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
        shapes.insert((shape.join("/"), path.to_owned()));
        let parameters = operation["parameters"].as_array().expect("parameters");
        let mut names = BTreeSet::new();
        for parameter in parameters.iter().map(|parameter| resolve(&document, parameter)) {
            let (name, place_in) = (parameter["name"].as_str().expect("a name"), parameter["in"].as_str().expect("in"));
            assert!(names.insert((place_in.to_owned(), name.to_owned())), "{place}: {name} twice");
            assert!(parameter["schema"].is_object(), "{place} {name}");
            assert_eq!(parameter["required"], json!(place_in == "path"), "{place} {name}");
        }
        let in_template: BTreeSet<_> = path
            .split('/')
            .filter_map(|part| part.split(':').next()?.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| ("path".to_owned(), name.to_owned()))
            .collect();
        let declared: BTreeSet<_> = names.into_iter().filter(|(place_in, _)| place_in == "path").collect();
        assert_eq!(declared, in_template, "{place}");
        assert!(operation["responses"]["200"]["description"].is_string(), "{place}");
        assert!(operation["responses"]["200"]["content"]["application/json"]["schema"].is_object(), "{place}");
        let failed = resolve(&document, &operation["responses"]["default"]);
        assert_eq!(failed["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Error", "{place}");
    }
    let only: BTreeSet<_> = shapes.iter().map(|(shape, _)| shape).collect();
    assert_eq!(only.len(), shapes.len(), "{shapes:?}");
    assert!(ids.len() > 40, "{} operations", ids.len());
}

#[test]
fn names_of_schemas_are_those_that_openapi_allows() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for (name, schema) in schemas {
        assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter)), "{name}");
        assert!(schema.is_object(), "{name}");
    }
}

#[test]
fn schemas_say_what_the_encoder_writes() {
    let document = document();
    let schema = |name: &str| document["components"]["schemas"]["toy.v1.Everything"]["properties"][name].clone();
    let leaf = json!({ "$ref": "#/components/schemas/toy.v1.Leaf" });
    for (name, expected) in [
        ("int32_field", json!({ "type": "integer", "format": "int32" })),
        ("int64_field", json!({ "type": "string", "format": "int64" })),
        ("uint32_field", json!({ "type": "integer", "format": "int64", "minimum": 0 })),
        ("uint64_field", json!({ "type": "string", "format": "uint64" })),
        ("double_field", json!({ "type": "number", "format": "double" })),
        ("bytes_field", json!({ "type": "string", "format": "byte", "nullable": true })),
        ("time", json!({ "type": "string", "format": "date-time", "nullable": true })),
        ("rate", json!({ "type": "string", "format": "decimal", "example": "0.500000000000000000" })),
        ("leaf", json!({ "nullable": true, "allOf": [leaf] })),
        ("always", leaf.clone()),
        ("leaves", json!({ "type": "array", "items": leaf })),
        ("labels", json!({ "type": "object", "additionalProperties": { "type": "string" } })),
        ("by_number", json!({ "type": "object", "additionalProperties": leaf })),
        ("color", json!({ "$ref": "#/components/schemas/toy.v1.Color" })),
        ("inner", json!({ "nullable": true, "allOf": [{ "$ref": "#/components/schemas/toy.v1.Everything" }] })),
    ] {
        assert_eq!(schema(name), expected, "{name}");
    }
    let colors = &document["components"]["schemas"]["toy.v1.Color"];
    assert_eq!(colors, &json!({ "type": "string", "enum": ["COLOR_UNSPECIFIED", "COLOR_RED", "COLOR_BLUE"] }));
}

#[test]
fn comments_of_the_sources_are_the_descriptions() {
    let document = document();
    let balance = &document["paths"]["/cosmos/bank/v1beta1/balances/{address}/by_denom"]["get"];
    let sources =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/cosmos/bank/v1beta1/query.proto"));
    let sources = sources.expect("a source");
    let of_method =
        sources.split_once("  rpc Balance(").expect("the method").0.rsplit_once("// ").expect("a comment").1;
    assert_eq!(balance["description"], of_method.trim());

    let schemas = &document["components"]["schemas"];
    let message = &schemas["cosmos.bank.v1beta1.MsgMultiSend"];
    assert!(message.is_null(), "no route has it");
    let metadata = &schemas["cosmos.bank.v1beta1.Metadata"];
    assert!(metadata["description"].as_str().is_some_and(|text| !text.is_empty()), "{metadata}");
    let tags = document["tags"].as_array().expect("tags");
    assert!(tags.iter().any(|tag| tag["name"] == "cosmos.bank.v1beta1.Query"), "{tags:?}");
    let used: BTreeSet<_> =
        operations(&document).iter().map(|(.., operation)| operation["tags"][0].clone().to_string()).collect();
    let declared: BTreeSet<_> = tags.iter().map(|tag| tag["name"].to_string()).collect();
    assert_eq!(used, declared);

    // Every method of the chain's own interfaces says what it does, with its parameters.
    let own = operations(&document).into_iter().filter(|(_, _, operation)| {
        let tag = operation["tags"][0].as_str().expect("a service");
        tag.starts_with("plume.") || tag.starts_with("cosmos.bank.") || tag.starts_with("cosmos.auth.")
    });
    for (path, verb, operation) in own {
        let text = operation["description"].as_str().unwrap_or_else(|| panic!("{verb} {path} has no description"));
        assert!(!text.is_empty() && !text.contains("\\n") && !text.contains('\t'), "{verb} {path}: {text}");
    }
    // Beside a reference, a description would not count.
    let texts = document.to_string().matches("\"description\":").count();
    assert!(texts > 300, "{texts} descriptions");
}

#[test]
fn the_page_shows_what_the_document_says() {
    let page = include_str!("../../src/rest/page.html");
    for shown in ["operation.description", "parameter.description", "spec.tags", "openapi.json"] {
        assert!(page.contains(shown), "{shown}");
    }
}

/// The schema of a message has exactly the fields that its JSON has.
#[tokio::test]
async fn the_answer_has_the_fields_of_its_schema() {
    let world = World::with(RestSettings { swagger: true, ..RestSettings::default() }, Telemetry::default(), None);
    let document = world.get("/swagger/openapi.json").await.json();
    let answer = world.get("/toy/v1/echo?number_choice=1").await.json();
    let properties = document["components"]["schemas"]["toy.v1.Everything"]["properties"].as_object().expect("fields");
    let shown: Vec<_> = answer.as_object().expect("an object").keys().cloned().collect();
    let declared: Vec<_> =
        properties.keys().filter(|name| !["text_choice", "leaf_choice"].contains(&name.as_str())).cloned().collect();
    assert_eq!(shown, declared);
    assert!(document["paths"].get("/toy/v1/absent").is_none(), "nobody answers it");
}

#[test]
fn parameters_of_the_query_are_those_that_can_be_set() {
    let document = document();
    let echo = &document["paths"]["/toy/v1/echo"]["get"];
    let names: BTreeSet<_> =
        echo["parameters"].as_array().expect("parameters").iter().filter_map(|p| p["name"].as_str()).collect();
    for name in ["int32_field", "pagination.limit", "leaf.size_bytes", "strings", "time", "duration", "color"] {
        assert!(names.contains(name), "{name}");
    }
    for name in ["leaf", "leaves", "labels", "inner", "pagination", "inner.int32_field"] {
        assert!(!names.contains(name), "{name}");
    }
    let body = &document["paths"]["/toy/v1/echo"]["post"];
    assert_eq!(body["parameters"].as_array().map(Vec::len), Some(1), "the height alone");
    let schema = &body["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["$ref"], "#/components/schemas/toy.v1.Everything");
    let field = &document["paths"]["/toy/v1/leaf/{string_field}"]["put"];
    let schema = &field["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["allOf"][0]["$ref"], "#/components/schemas/toy.v1.Leaf");
}
