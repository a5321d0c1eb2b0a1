//! JSON of every type of field.

mod json;
