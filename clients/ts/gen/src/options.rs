//! Options of descriptors, by their full names.

use prost_reflect::{DescriptorPool, DynamicMessage, Value};

fn get(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<Value> {
    let extension = pool.get_extension_by_name(name)?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

pub fn text(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> Option<String> {
    get(pool, options, name)?.as_str().map(str::to_owned)
}

pub fn flag(pool: &DescriptorPool, options: &DynamicMessage, name: &str) -> bool {
    get(pool, options, name).and_then(|value| value.as_bool()).unwrap_or(false)
}
