//! The table of routes, compiled once from the `google.api.http` options of all methods.

use std::fmt;

use axum::http::Method as Verb;
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
    Value,
};

use super::fields::find;
use super::template::{Template, TemplateError};

/// Every route, in the order in which they are tried.
#[derive(Debug, Default)]
pub struct RouteTable {
    routes: Vec<Route>,
}

/// One binding of a method to a path.
#[derive(Debug)]
pub struct Route {
    pub(crate) verb: Verb,
    pub(crate) template: Template,
    /// Full path of the method: `/pkg.Service/Method`.
    pub(crate) method: String,
    /// Position among the bindings of the method, from 0.
    pub(crate) binding: usize,
    pub(crate) input: MessageDescriptor,
    pub(crate) output: MessageDescriptor,
    pub(crate) body: RequestBody,
    /// The field of the response that is the answer; the whole when `None`.
    pub(crate) response_body: Option<FieldDescriptor>,
    /// Fields that query parameters do not set, since the path or the body does.
    pub(crate) taken: Vec<Vec<String>>,
}

/// What the body of a request holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RequestBody {
    /// Nothing: what the path does not say, the query does.
    None,
    /// The whole request; there are no query parameters.
    Whole,
    /// One field.
    Field(FieldDescriptor),
}

/// What a request leads to.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// A route, with the values of its variables.
    Route(&'a Route, Vec<String>),
    /// A route for another verb.
    OtherVerb(&'a Route, Vec<String>),
    Nothing,
}

/// A `google.api.http` option that makes no route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteError {
    method: String,
    problem: String,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "google.api.http of {}: {}", self.method, self.problem)
    }
}

impl std::error::Error for RouteError {}

impl RouteTable {
    /// Compiles the routes of the methods in `pool` that `has` knows by their paths. Streams have none.
    ///
    /// # Errors
    /// [`RouteError`] for an option that cannot be followed.
    pub fn compile(pool: &DescriptorPool, has: impl Fn(&str) -> bool) -> Result<Self, RouteError> {
        let Some(option) = pool.get_extension_by_name("google.api.http") else { return Ok(Self::default()) };
        let mut routes = Vec::new();
        for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            if method.is_client_streaming() || method.is_server_streaming() || !has(&path) {
                continue;
            }
            for (binding, rule) in rules(&method, &option).iter().enumerate() {
                let route = Route::compile(&method, &path, binding, rule);
                routes.push(route.map_err(|problem| RouteError { method: path.clone(), problem })?);
            }
        }
        // Stable: routes of the same shape stay in the order of their declaration.
        routes.sort_by(|a, b| a.template.precedence().cmp(&b.template.precedence()));
        Ok(Self { routes })
    }

    pub(crate) fn find(&self, verb: &Verb, parts: &[&str]) -> Found<'_> {
        let mut other = None;
        for route in &self.routes {
            if let Some(values) =
                (route.verb == *verb || other.is_none()).then(|| route.template.matches(parts)).flatten()
            {
                if route.verb == *verb {
                    return Found::Route(route, values);
                }
                other = Some((route, values));
            }
        }
        other.map_or(Found::Nothing, |(route, values)| Found::OtherVerb(route, values))
    }

    /// All routes, those left out that another one of the same shape always precedes.
    pub(crate) fn reachable(&self) -> impl Iterator<Item = &Route> {
        let same = |a: &Route, b: &Route| a.verb == b.verb && a.template.shape() == b.template.shape();
        let before = move |index: usize, route: &Route| self.routes.iter().take(index).any(|other| same(other, route));
        self.routes.iter().enumerate().filter(move |(index, route)| !before(*index, route)).map(|(_, route)| route)
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}

/// The rules of a method: the first one and its additional bindings.
fn rules(method: &MethodDescriptor, option: &ExtensionDescriptor) -> Vec<DynamicMessage> {
    let options = method.options();
    let rule = options.get_extension(option);
    let Some(rule) = options.has_extension(option).then(|| rule.as_message()).flatten() else { return Vec::new() };
    let more = rule.get_field_by_name("additional_bindings");
    let more = more.as_deref().and_then(Value::as_list).unwrap_or_default();
    core::iter::once(rule).chain(more.iter().filter_map(Value::as_message)).cloned().collect()
}

fn text(rule: &DynamicMessage, name: &str) -> String {
    let value = rule.get_field_by_name(name);
    value.as_deref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Route {
    fn compile(method: &MethodDescriptor, path: &str, binding: usize, rule: &DynamicMessage) -> Result<Self, String> {
        let (verb, template) = pattern(rule)?;
        let compiled = Template::parse(&template);
        let template = compiled.map_err(|problem: TemplateError| format!("{template} {problem}"))?;
        let input = method.input();
        let mut taken = Vec::new();
        for variable in template.variables() {
            let path: Vec<_> = variable.field.split('.').map(str::to_owned).collect();
            require_value(&input, &path).ok_or_else(|| format!("{} cannot be set from a path", variable.field))?;
            taken.push(path);
        }
        let body = match text(rule, "body").as_str() {
            "" => RequestBody::None,
            "*" => RequestBody::Whole,
            name => {
                taken.push(vec![name.to_owned()]);
                let field = input.get_field_by_name(name);
                RequestBody::Field(field.ok_or_else(|| format!("body {name} is no field of the request"))?)
            }
        };
        let output = method.output();
        let response_body = match text(rule, "response_body").as_str() {
            "" => None,
            name => {
                let field = output.get_field_by_name(name);
                Some(field.ok_or_else(|| format!("response_body {name} is no field of the response"))?)
            }
        };
        Ok(Self { verb, template, method: path.to_owned(), binding, input, output, body, response_body, taken })
    }
}

fn pattern(rule: &DynamicMessage) -> Result<(Verb, String), String> {
    let verbs = [
        ("get", Verb::GET),
        ("put", Verb::PUT),
        ("post", Verb::POST),
        ("delete", Verb::DELETE),
        ("patch", Verb::PATCH),
    ];
    for (name, verb) in verbs {
        if rule.has_field_by_name(name) {
            return Ok((verb, text(rule, name)));
        }
    }
    let custom = rule.get_field_by_name("custom");
    let custom = custom.as_deref().and_then(Value::as_message).filter(|_| rule.has_field_by_name("custom"));
    let custom = custom.ok_or_else(|| "has no pattern".to_owned())?;
    let kind = text(custom, "kind");
    let verb = Verb::from_bytes(kind.as_bytes()).map_err(|_| format!("{kind:?} is no HTTP method"))?;
    Ok((verb, text(custom, "path")))
}

/// A variable leads through messages to a single value.
fn require_value(message: &MessageDescriptor, path: &[String]) -> Option<()> {
    let (name, rest) = path.split_first()?;
    let field = find(message, name).filter(|field| !field.is_list() && !field.is_map())?;
    match (field.kind(), rest.is_empty()) {
        (Kind::Message(inner), false) => require_value(&inner, rest),
        (Kind::Message(_), true) | (_, false) => None,
        (_, true) => Some(()),
    }
}
