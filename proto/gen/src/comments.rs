//! What the comments in the sources say about messages, fields, enumerations, services and methods.

use std::collections::BTreeMap;

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, ServiceDescriptorProto, source_code_info::Location,
};

/// One line for each symbol that has a comment, sorted by name: the full name, a tab, and the comment with `\n` between
/// paragraphs. A value of an enumeration stands behind its enumeration, `cosmos.tx.v1beta1.OrderBy.ORDER_BY_ASC`.
pub(crate) fn table<'a>(files: impl Iterator<Item = &'a FileDescriptorProto>) -> String {
    let mut found = BTreeMap::new();
    for file in files {
        let info = file.source_code_info.iter().flat_map(|info| &info.location);
        let comments = info.filter_map(|location| Some((location.path.as_slice(), text(location)?))).collect();
        let mut symbols = Symbols { comments, found: &mut found };
        let inside = |name: &str| format!("{}.{name}", file.package());
        for (index, message) in (0..).zip(&file.message_type) {
            symbols.message(&[4, index], &inside(message.name()), message);
        }
        for (index, values) in (0..).zip(&file.enum_type) {
            symbols.enumeration(&[5, index], &inside(values.name()), values);
        }
        for (index, service) in (0..).zip(&file.service) {
            symbols.service(&[6, index], &inside(service.name()), service);
        }
    }
    found.into_iter().map(|(name, comment)| format!("{name}\t{comment}\n")).collect()
}

/// Lines of a paragraph become one; list items and paragraphs stay apart.
fn text(location: &Location) -> Option<String> {
    let comment = location.leading_comments.as_deref().or(location.trailing_comments.as_deref())?;
    let mut paragraphs: Vec<String> = vec![String::new()];
    for line in comment.lines().map(str::trim) {
        let starts_anew = line.is_empty() || line.starts_with("- ") || line.starts_with("* ");
        if starts_anew && paragraphs.last().is_some_and(|paragraph| !paragraph.is_empty()) {
            paragraphs.push(String::new());
        }
        if let Some(paragraph) = paragraphs.last_mut().filter(|_| !line.is_empty()) {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(&line.replace('\t', " "));
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    (!paragraphs.is_empty()).then(|| paragraphs.join("\\n"))
}

/// Walks over a file by the paths of `SourceCodeInfo`: numbers of fields in the descriptor, and places in lists.
struct Symbols<'a> {
    comments: BTreeMap<&'a [i32], String>,
    found: &'a mut BTreeMap<String, String>,
}

impl Symbols<'_> {
    fn note(&mut self, path: &[i32], name: String) {
        if let Some(comment) = self.comments.get(path) {
            self.found.insert(name, comment.clone());
        }
    }

    fn message(&mut self, path: &[i32], name: &str, message: &DescriptorProto) {
        self.note(path, name.to_owned());
        for (index, field) in (0..).zip(&message.field) {
            self.note(&[path, &[2, index]].concat(), format!("{name}.{}", field.name()));
        }
        for (index, inner) in (0..).zip(&message.nested_type) {
            self.message(&[path, &[3, index]].concat(), &format!("{name}.{}", inner.name()), inner);
        }
        for (index, values) in (0..).zip(&message.enum_type) {
            self.enumeration(&[path, &[4, index]].concat(), &format!("{name}.{}", values.name()), values);
        }
    }

    fn enumeration(&mut self, path: &[i32], name: &str, values: &EnumDescriptorProto) {
        self.note(path, name.to_owned());
        for (index, value) in (0..).zip(&values.value) {
            self.note(&[path, &[2, index]].concat(), format!("{name}.{}", value.name()));
        }
    }

    fn service(&mut self, path: &[i32], name: &str, service: &ServiceDescriptorProto) {
        self.note(path, name.to_owned());
        for (index, method) in (0..).zip(&service.method) {
            self.note(&[path, &[2, index]].concat(), format!("{name}.{}", method.name()));
        }
    }
}
