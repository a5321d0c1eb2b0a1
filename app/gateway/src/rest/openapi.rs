//! The OpenAPI 3.0 document, made from the routes and the descriptors.

use std::collections::BTreeMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value as Json, json};

use super::comments::Comments;
use super::routes::{RequestBody, Route, RouteTable};

/// Name of the schema of an error.
const ERROR: &str = "Error";

/// The verbs that OpenAPI knows, as far as `google.api.http` can ask for them.
const VERBS: [&str; 7] = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"];

/// The document for `routes`; `title` names the chain.
///
/// Schemas say what [`plume_codec::to_json`] writes: 64-bit integers as text, bytes as base64 or null, unset messages as
/// null, decimals with 18 places, `Any` with `@type`.
pub fn document(routes: &RouteTable, title: &str) -> Json {
    let comments = Comments::of_sources();
    let mut schemas = Schemas { comments: &comments, done: BTreeMap::new() };
    let mut paths = Paths::default();
    let mut services: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for route in routes.reachable().filter(|route| VERBS.contains(&route.verb.as_str())) {
        let (path, names) = paths.of(route);
        let (service, _) = names_of(route);
        services.entry(service).or_insert_with(|| comments.of(service));
        let operation = operation(route, &names, &mut schemas);
        let verb = route.verb.as_str().to_ascii_lowercase();
        paths.add(&path, verb, operation);
    }
    let mut components = schemas.all();
    components.insert(ERROR.to_owned(), error_schema());
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every query of the chain as JSON, by the rules of the Cosmos SDK's gateway.",
        },
        "tags": services.into_iter().map(|(name, text)| described(json!({ "name": name }), text)).collect::<Vec<_>>(),
        "paths": paths.paths,
        "components": {
            "schemas": components,
            "parameters": { "height": height_parameter() },
            "responses": { "error": {
                "description": "What is wrong. Codes are those of gRPC: 3 becomes status 400, 5 becomes 404.",
                "content": { "application/json": { "schema": reference(ERROR) } },
            } },
        },
    })
}

/// Paths by template. OpenAPI takes two that differ only in the names of variables for one.
#[derive(Default)]
struct Paths {
    paths: Map<String, Json>,
    shapes: Vec<(Json, String, Vec<String>)>,
}

impl Paths {
    /// The path of a route, and what its variables are called there.
    fn of(&mut self, route: &Route) -> (String, Vec<String>) {
        let (segments, verb) = route.template.shape();
        let shape = json!([format!("{segments:?}"), verb]);
        if let Some((_, path, names)) = self.shapes.iter().find(|(other, ..)| *other == shape) {
            return (path.clone(), names.clone());
        }
        let names: Vec<_> = route.template.variables().iter().map(|variable| variable.field.clone()).collect();
        let path = route.template.openapi();
        self.shapes.push((shape, path.clone(), names.clone()));
        (path, names)
    }

    fn add(&mut self, path: &str, verb: String, operation: Json) {
        if let Some(item) = self.paths.entry(path).or_insert_with(|| json!({})).as_object_mut() {
            item.insert(verb, operation);
        }
    }
}

/// Service and method of a route.
fn names_of(route: &Route) -> (&str, &str) {
    route.method.trim_start_matches('/').split_once('/').unwrap_or_default()
}

/// With what the sources say about it, if they do.
fn described(mut json: Json, text: Option<String>) -> Json {
    if let Some(text) = text {
        json["description"] = text.into();
    }
    json
}

fn operation(route: &Route, names: &[String], schemas: &mut Schemas<'_>) -> Json {
    let (service, method) = names_of(route);
    let mut parameters = vec![json!({ "$ref": "#/components/parameters/height" })];
    for (variable, name) in route.template.variables().iter().zip(names) {
        let path: Vec<&str> = variable.field.split('.').collect();
        let mut parameter = json!({ "name": name, "in": "path", "required": true });
        let field = leaf(&route.input, &path);
        parameter["schema"] = field.as_ref().map_or_else(|| json!({}), parameter_schema);
        let text = field.and_then(|field| schemas.comments.of(field.full_name()));
        let slashes = route.template.spans_segments(variable).then(|| "May hold slashes.".to_owned());
        let texts: Vec<_> = text.into_iter().chain(slashes).collect();
        parameters.push(described(parameter, (!texts.is_empty()).then(|| texts.join(" "))));
    }
    if route.body != RequestBody::Whole {
        let mut query = Query { comments: schemas.comments, taken: &route.taken, parameters: Vec::new() };
        query.collect(&route.input, &mut Vec::new(), &mut Vec::new());
        parameters.append(&mut query.parameters);
    }
    let response = match &route.response_body {
        None => schemas.message(&route.output),
        Some(field) => schemas.field(field),
    };
    // Each binding has an identity of its own; the first one that of the method.
    let id = match route.binding {
        0 => format!("{service}_{method}"),
        further => format!("{service}_{method}_{}", further + 1),
    };
    let mut operation = json!({
        "operationId": id,
        "tags": [service],
        "summary": method,
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "The answer.",
                "headers": { "Grpc-Metadata-X-Cosmos-Block-Height": {
                    "description": "Height whose state was read.",
                    "schema": { "type": "string", "format": "int64" },
                } },
                "content": { "application/json": { "schema": response } },
            },
            "default": { "$ref": "#/components/responses/error" },
        },
    });
    let body = match &route.body {
        RequestBody::None => None,
        RequestBody::Whole => Some(schemas.message(&route.input)),
        RequestBody::Field(field) => Some(schemas.field(field)),
    };
    if let Some(schema) = body {
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
    }
    described(operation, schemas.comments.of(&format!("{service}.{method}")))
}

fn leaf(message: &MessageDescriptor, path: &[&str]) -> Option<FieldDescriptor> {
    let (name, rest) = path.split_first()?;
    let field = super::fields::find(message, name)?;
    match field.kind() {
        Kind::Message(inner) if !rest.is_empty() => leaf(&inner, rest),
        _ => Some(field),
    }
}

/// The parameters of a query.
struct Query<'a> {
    comments: &'a Comments,
    /// Fields that the path or the body sets.
    taken: &'a [Vec<String>],
    parameters: Vec<Json>,
}

impl Query<'_> {
    /// One parameter for each field that text can set, those of nested messages as `outer.inner`.
    fn collect(&mut self, message: &MessageDescriptor, path: &mut Vec<String>, inside: &mut Vec<String>) {
        inside.push(message.full_name().to_owned());
        for field in message.fields() {
            path.push(field.name().to_owned());
            let is_taken = self.taken.contains(path);
            match field.kind() {
                _ if is_taken || field.is_map() => {}
                Kind::Message(inner) if !is_time(&inner) => {
                    // A message inside itself has no end.
                    if !field.is_list() && !inside.iter().any(|name| name == inner.full_name()) {
                        self.collect(&inner, path, inside);
                    }
                }
                Kind::Message(_) if field.is_list() => {}
                _ => {
                    let schema = parameter_schema(&field);
                    let schema = if field.is_list() { json!({ "type": "array", "items": schema }) } else { schema };
                    let parameter =
                        json!({ "name": path.join("."), "in": "query", "required": false, "schema": schema });
                    self.parameters.push(described(parameter, self.comments.of(field.full_name())));
                }
            }
            path.pop();
        }
        inside.pop();
    }
}

fn is_time(message: &MessageDescriptor) -> bool {
    matches!(message.full_name(), "google.protobuf.Timestamp" | "google.protobuf.Duration")
}

fn height_parameter() -> Json {
    json!({
        "name": "x-cosmos-block-height",
        "in": "header",
        "required": false,
        "description": "Height whose state is asked for; the last one when absent.",
        "schema": { "type": "integer", "format": "int64", "minimum": 0 },
    })
}

fn error_schema() -> Json {
    json!({
        "type": "object",
        "required": ["code", "message", "details"],
        "properties": {
            "code": { "type": "integer", "format": "int32", "description": "Status code of gRPC." },
            "message": { "type": "string" },
            "details": { "type": "array", "items": {} },
        },
    })
}

fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Whether an option of a field has that text.
fn option_is(field: &FieldDescriptor, option: &str, text: &str) -> bool {
    let Some(extension) = field.parent_pool().get_extension_by_name(option) else { return false };
    let options = field.options();
    options.has_extension(&extension) && options.get_extension(&extension).as_str() == Some(text)
}

fn is_nullable(field: &FieldDescriptor) -> bool {
    let Some(extension) = field.parent_pool().get_extension_by_name("gogoproto.nullable") else { return true };
    let options = field.options();
    !options.has_extension(&extension) || options.get_extension(&extension).as_bool() != Some(false)
}

/// A value that stands alone, as text.
fn parameter_schema(field: &FieldDescriptor) -> Json {
    match field.kind() {
        Kind::Enum(values) => enumeration(&values),
        Kind::Message(message) if message.full_name() == "google.protobuf.Timestamp" => {
            json!({ "type": "string", "format": "date-time" })
        }
        Kind::Message(_) => json!({ "type": "string", "format": "duration", "example": "1h30m" }),
        Kind::Bytes => json!({ "type": "string", "format": "byte" }),
        _ => scalar(field),
    }
}

fn enumeration(values: &EnumDescriptor) -> Json {
    let names: Vec<_> = values.values().map(|value| value.name().to_owned()).collect();
    json!({ "type": "string", "enum": names })
}

fn scalar(field: &FieldDescriptor) -> Json {
    let is_decimal = option_is(field, "gogoproto.customtype", "cosmossdk.io/math.LegacyDec");
    let is_integer = option_is(field, "gogoproto.customtype", "cosmossdk.io/math.Int")
        || option_is(field, "cosmos_proto.scalar", "cosmos.Int");
    match field.kind() {
        Kind::String | Kind::Bytes if is_decimal => {
            json!({ "type": "string", "format": "decimal", "example": "0.500000000000000000" })
        }
        Kind::String | Kind::Bytes if is_integer => json!({ "type": "string", "format": "integer", "example": "1000" }),
        Kind::String => json!({ "type": "string" }),
        Kind::Bytes => json!({ "type": "string", "format": "byte", "nullable": true }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({ "type": "integer", "format": "int32" }),
        Kind::Uint32 | Kind::Fixed32 => json!({ "type": "integer", "format": "int64", "minimum": 0 }),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => json!({ "type": "string", "format": "int64" }),
        Kind::Uint64 | Kind::Fixed64 => json!({ "type": "string", "format": "uint64" }),
        Kind::Float => json!({ "type": "number", "format": "float" }),
        Kind::Double => json!({ "type": "number", "format": "double" }),
        Kind::Enum(_) | Kind::Message(_) => json!({}),
    }
}

/// Schemas of messages and enumerations, each once.
struct Schemas<'a> {
    comments: &'a Comments,
    done: BTreeMap<String, Json>,
}

impl Schemas<'_> {
    fn all(self) -> Map<String, Json> {
        self.done.into_iter().collect()
    }

    /// A message where one is always there.
    fn message(&mut self, message: &MessageDescriptor) -> Json {
        match message.full_name() {
            "google.protobuf.Timestamp" => return json!({ "type": "string", "format": "date-time" }),
            "google.protobuf.Duration" => return json!({ "type": "string", "example": "1.500s" }),
            "google.protobuf.Any" => {
                return json!({
                    "type": "object",
                    "required": ["@type"],
                    "properties": { "@type": { "type": "string", "description": "Type URL of what the other fields are." } },
                    "additionalProperties": true,
                });
            }
            _ => {}
        }
        let name = message.full_name().to_owned();
        if !self.done.contains_key(&name) {
            // Before its fields, which may lead back to it.
            self.done.insert(name.clone(), Json::Null);
            let mut fields: Vec<_> = message.fields().collect();
            let order = &message.descriptor_proto().field;
            fields.sort_by_key(|field| order.iter().position(|declared| declared.name() == field.name()));
            let properties: Map<_, _> =
                fields.iter().map(|field| (field.name().to_owned(), self.property(field))).collect();
            let schema = json!({ "type": "object", "properties": properties });
            self.done.insert(name.clone(), described(schema, self.comments.of(&name)));
        }
        reference(&name)
    }

    /// A field with what the sources say about it. Beside a reference nothing else counts, hence the list of one.
    fn property(&mut self, field: &FieldDescriptor) -> Json {
        let schema = self.field(field);
        match self.comments.of(field.full_name()) {
            Some(text) if schema.get("$ref").is_some() => json!({ "allOf": [schema], "description": text }),
            text => described(schema, text),
        }
    }

    fn field(&mut self, field: &FieldDescriptor) -> Json {
        match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let value = self.single(&entry.map_entry_value_field());
                json!({ "type": "object", "additionalProperties": value })
            }
            _ if field.is_list() => json!({ "type": "array", "items": self.single(field) }),
            // Null is what an unset message is; beside a reference nothing else counts, hence the list of one.
            Kind::Message(message) if is_nullable(field) => {
                let schema = self.message(&message);
                match schema.get("$ref") {
                    Some(_) => json!({ "nullable": true, "allOf": [schema] }),
                    None => with(schema, "nullable", true.into()),
                }
            }
            _ => self.single(field),
        }
    }

    fn single(&mut self, field: &FieldDescriptor) -> Json {
        match field.kind() {
            Kind::Message(message) => self.message(&message),
            Kind::Enum(values) => {
                let name = values.full_name().to_owned();
                let comments = self.comments;
                self.done
                    .entry(name.clone())
                    .or_insert_with(|| described(enumeration(&values), comments.of_enumeration(&values)));
                reference(&name)
            }
            _ => scalar(field),
        }
    }
}

fn with(mut schema: Json, name: &str, value: Json) -> Json {
    schema[name] = value;
    schema
}
