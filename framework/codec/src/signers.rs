use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::CodecError;
use crate::schema::{SignerStep, schema};
use crate::wire::{Reader, WireType};

/// Returns the addresses, as the message writes them, whose signatures the message needs: by its option
/// `cosmos.msg.v1.signer`, in the order of that option and of the values, each once.
///
/// Reads only the fields on the way, without decoding the message; a field that is absent counts as empty text, which
/// is no valid address. A transaction needs the signers of all messages in order, each once **by address bytes** (one
/// address can be written in two ways), then the fee payer.
///
/// # Errors
/// [`CodecError::UnknownType`], [`CodecError::NoSigner`], or bytes that are no such message.
pub fn signers(type_url: &str, bytes: &[u8]) -> Result<Vec<String>, CodecError> {
    let plan = schema().resolve(type_url)?;
    if plan.signers.is_empty() {
        return Err(CodecError::NoSigner(plan.name.clone()));
    }
    let mut found = Found::default();
    for path in &plan.signers {
        let path = path.as_ref().ok_or_else(|| CodecError::NoSigner(plan.name.clone()))?;
        collect(&plan.name, bytes, &path.steps, &mut found)?;
    }
    Ok(found.list)
}

/// Texts in order of their first occurrence.
#[derive(Default)]
struct Found {
    list: Vec<String>,
    /// The same texts, once there are so many that going through the list would be slow.
    seen: BTreeSet<String>,
}

impl Found {
    const MANY: usize = 8;

    // # Security
    // A message can name as many signers as fit into a transaction, before anyone pays for it.
    fn add(&mut self, text: &str) {
        if self.list.len() < Self::MANY {
            if !self.list.iter().any(|known| known == text) {
                self.list.push(text.to_owned());
            }
            return;
        }
        if self.seen.is_empty() {
            self.seen.extend(self.list.iter().cloned());
        }
        if self.seen.insert(text.to_owned()) {
            self.list.push(text.to_owned());
        }
    }
}

/// Recursion is as deep as the path, which the descriptors bound, not the bytes.
fn collect(message: &str, bytes: &[u8], steps: &[SignerStep], found: &mut Found) -> Result<(), CodecError> {
    let Some((step, inner)) = steps.split_first() else {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed(message, "signer is not UTF-8"))?;
        found.add(text);
        return Ok(());
    };
    let mut single: Option<Cow<'_, [u8]>> = None;
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let tag = reader.tag()?;
        let value = reader.value(tag)?;
        if tag.number != step.number {
            continue;
        }
        if tag.wire_type != WireType::Bytes {
            return Err(malformed(message, "signer has the wrong wire type"));
        }
        if step.is_list {
            collect(message, value, inner, found)?;
            continue;
        }
        single = match single {
            // A message that occurs twice is merged, and merging is concatenation; of texts the last one counts.
            Some(first) if !inner.is_empty() => Some([&first, value].concat().into()),
            _ => Some(value.into()),
        };
    }
    if step.is_list {
        return Ok(());
    }
    collect(message, single.as_deref().unwrap_or_default(), inner, found)
}

fn malformed(message: &str, reason: &str) -> CodecError {
    CodecError::Malformed { message: message.to_owned(), reason: reason.to_owned() }
}
