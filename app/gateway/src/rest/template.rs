//! Path templates of `google.api.http`.

/// `/cosmos/bank/v1beta1/denom_owners/{denom=**}`, ready to be matched.
///
/// Grammar (`google/api/http.proto`): segments between slashes, each a literal, `*` (one segment), `**` (any number, at
/// most once) or a variable `{field.path}` or `{field.path=segments}`; then perhaps `:verb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    segments: Vec<Segment>,
    variables: Vec<Variable>,
    verb: String,
}

/// Ordered by precedence: what is more literal is tried first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    Literal(String),
    One,
    Rest,
}

/// A field of the request that some of the segments are the value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// `pagination.limit`.
    pub(crate) field: String,
    from: usize,
    to: usize,
}

/// Why a template is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    #[error("does not begin with a slash")]
    NoSlash,
    #[error("has an empty segment")]
    EmptySegment,
    #[error("has braces that do not pair")]
    Braces,
    #[error("has more than one **")]
    TwoRests,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let text = text.strip_prefix('/').ok_or(TemplateError::NoSlash)?;
        // A colon inside braces belongs to a variable's own segments, which have no verbs.
        let end_of_variables = text.rfind('}').map_or(0, |at| at + 1);
        let colon = text.get(end_of_variables..).and_then(|tail| tail.rfind(':')).map(|at| at + end_of_variables);
        let (path, verb) = colon.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
        let mut template = Self { segments: Vec::new(), variables: Vec::new(), verb: verb.to_owned() };
        for part in split_outside_braces(path)? {
            match part.strip_prefix('{') {
                None => template.push(part)?,
                Some(variable) => {
                    let variable = variable.strip_suffix('}').ok_or(TemplateError::Braces)?;
                    let (field, segments) = variable.split_once('=').unwrap_or((variable, "*"));
                    let from = template.segments.len();
                    segments.split('/').try_for_each(|segment| template.push(segment))?;
                    let to = template.segments.len();
                    template.variables.push(Variable { field: field.trim().to_owned(), from, to });
                }
            }
        }
        match template.segments.iter().filter(|segment| **segment == Segment::Rest).count() {
            0 | 1 => Ok(template),
            _ => Err(TemplateError::TwoRests),
        }
    }

    fn push(&mut self, segment: &str) -> Result<(), TemplateError> {
        self.segments.push(match segment {
            "" => return Err(TemplateError::EmptySegment),
            "*" => Segment::One,
            "**" => Segment::Rest,
            literal if literal.contains(['{', '}']) => return Err(TemplateError::Braces),
            literal => Segment::Literal(literal.to_owned()),
        });
        Ok(())
    }

    /// Values of the variables, in their order, if the path matches. `parts` is the decoded path after its first slash,
    /// split at slashes. An empty part is a value too: `/accounts/` is an account without a name.
    pub(crate) fn matches(&self, parts: &[&str]) -> Option<Vec<String>> {
        let mut parts = parts.to_vec();
        if !self.verb.is_empty() {
            let last = parts.last_mut()?;
            let (before, verb) = last.rsplit_once(':')?;
            if verb != self.verb || before.is_empty() {
                return None;
            }
            *last = before;
        }
        // Where each segment begins among the parts, and where the last one ends.
        let mut starts = Vec::with_capacity(self.segments.len() + 1);
        let mut at = 0;
        for (index, segment) in self.segments.iter().enumerate() {
            starts.push(at);
            at = match segment {
                Segment::Literal(literal) if parts.get(at).is_some_and(|part| part == literal) => at + 1,
                Segment::One if at < parts.len() => at + 1,
                Segment::Rest => {
                    let behind = self.segments.len() - index - 1;
                    parts.len().checked_sub(behind).filter(|end| *end >= at)?
                }
                Segment::Literal(_) | Segment::One => return None,
            };
        }
        starts.push(at);
        let value =
            |variable: &Variable| Some(parts.get(*starts.get(variable.from)?..*starts.get(variable.to)?)?.join("/"));
        if at == parts.len() { self.variables.iter().map(value).collect() } else { None }
    }

    pub(crate) fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Templates are tried in this order where several match: one with `**` last, then the more literal one first from
    /// the left. Generated gateways try them in the order of their declaration, which differs only where a literal path
    /// could never be reached, such as `denoms_metadata` behind `denoms_metadata/{denom=**}`.
    pub(crate) fn precedence(&self) -> (bool, bool, &[Segment]) {
        (self.segments.contains(&Segment::Rest), self.verb.is_empty(), &self.segments)
    }

    /// The same for templates that match the same paths.
    pub(crate) fn shape(&self) -> (&[Segment], &str) {
        (&self.segments, &self.verb)
    }

    /// The path as OpenAPI writes it: a variable of one or more segments is `{field}`.
    pub(crate) fn openapi(&self) -> String {
        let mut path = String::new();
        let mut index = 0;
        while index < self.segments.len() {
            path.push('/');
            let variable = self.variables.iter().find(|variable| variable.from == index);
            match (variable, &self.segments[index]) {
                (Some(variable), _) => {
                    path.push_str(&format!("{{{}}}", variable.field));
                    index = variable.to;
                    continue;
                }
                (None, Segment::Literal(literal)) => path.push_str(literal),
                // Nothing in OpenAPI matches a segment without naming it.
                (None, Segment::One) => path.push('*'),
                (None, Segment::Rest) => path.push_str("**"),
            }
            index += 1;
        }
        if !self.verb.is_empty() {
            path.push(':');
            path.push_str(&self.verb);
        }
        path
    }

    /// Whether the value of a variable may hold slashes.
    pub(crate) fn spans_segments(&self, variable: &Variable) -> bool {
        variable.to - variable.from != 1 || self.segments.get(variable.from) == Some(&Segment::Rest)
    }
}

fn split_outside_braces(path: &str) -> Result<Vec<&str>, TemplateError> {
    let mut parts = Vec::new();
    let (mut start, mut inside) = (0, false);
    for (at, letter) in path.char_indices() {
        match letter {
            '{' | '}' if inside == (letter == '{') => return Err(TemplateError::Braces),
            '{' | '}' => inside = !inside,
            '/' if !inside => {
                parts.push(&path[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&path[start..]);
    if inside { Err(TemplateError::Braces) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(template: &str, path: &str) -> Option<Vec<String>> {
        let parts: Vec<_> = path.strip_prefix('/').expect("a path").split('/').collect();
        Template::parse(template).expect("a template").matches(&parts)
    }

    #[test]
    fn variables_take_what_they_match() {
        for (template, path, expected) in [
            ("/v1/params", "/v1/params", Some(vec![])),
            ("/v1/params", "/v1/params/", None),
            ("/v1/params", "/v1", None),
            ("/v1/a/{id}", "/v1/a/x", Some(vec!["x"])),
            ("/v1/a/{id}", "/v1/a/", Some(vec![""])),
            ("/v1/a/{id}", "/v1/a", None),
            ("/v1/a/{id}", "/v1/a/x/y", None),
            ("/v1/a/{id}/b", "/v1/a/x/b", Some(vec!["x"])),
            ("/v1/a/{b.c}/{d}", "/v1/a/x/y", Some(vec!["x", "y"])),
            ("/v1/d/{denom=**}", "/v1/d/ibc/AB", Some(vec!["ibc/AB"])),
            ("/v1/d/{denom=**}", "/v1/d/uplume", Some(vec!["uplume"])),
            ("/v1/d/{denom=**}", "/v1/d", Some(vec![""])),
            ("/v1/d/{denom=**}/owners", "/v1/d/ibc/AB/owners", Some(vec!["ibc/AB"])),
            ("/v1/d/{denom=**}/owners", "/v1/d/ibc/AB", None),
            ("/v1/{name=shelves/*/books/*}", "/v1/shelves/1/books/2", Some(vec!["shelves/1/books/2"])),
            ("/v1/{name=shelves/*/books/*}", "/v1/shelves/1/films/2", None),
            ("/v1/*/x", "/v1/any/x", Some(vec![])),
            ("/v1/a:run", "/v1/a:run", Some(vec![])),
            ("/v1/a:run", "/v1/a", None),
            ("/v1/{id}:run", "/v1/x:y:run", Some(vec!["x:y"])),
            ("/v1/{id}", "/v1/x:run", Some(vec!["x:run"])),
            ("/v1/{id}:run", "/v1/:run", None),
        ] {
            let expected = expected.map(|values| values.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(values(template, path), expected, "{template} {path}");
        }
    }

    #[test]
    fn malformed_templates_are_refused() {
        for (template, error) in [
            ("v1", TemplateError::NoSlash),
            ("", TemplateError::NoSlash),
            ("/v1//a", TemplateError::EmptySegment),
            ("/v1/{a", TemplateError::Braces),
            ("/v1/a}", TemplateError::Braces),
            ("/v1/{a{b}}", TemplateError::Braces),
            ("/v1/x{a}", TemplateError::Braces),
            ("/v1/{a=**}/{b=**}", TemplateError::TwoRests),
        ] {
            assert_eq!(Template::parse(template), Err(error), "{template}");
        }
    }

    #[test]
    fn literal_segments_take_precedence() {
        let mut templates = ["/a/{x=**}", "/a/{x}", "/a/{x}/b", "/a/b", "/a/b/{x}", "/a/{x}/{y}", "/a/{x}:run"]
            .map(|text| (Template::parse(text).expect("a template"), text));
        templates.sort_by(|(a, _), (b, _)| a.precedence().cmp(&b.precedence()));
        let order = templates.map(|(_, text)| text);
        assert_eq!(order, ["/a/{x}:run", "/a/b", "/a/b/{x}", "/a/{x}", "/a/{x}/b", "/a/{x}/{y}", "/a/{x=**}"]);
    }

    #[test]
    fn openapi_names_variables_without_their_segments() {
        for (template, path) in
            [("/v1/d/{denom=**}", "/v1/d/{denom}"), ("/v1/{name=shelves/*/books/*}/x:run", "/v1/{name}/x:run")]
        {
            assert_eq!(Template::parse(template).expect("a template").openapi(), path);
        }
    }
}
