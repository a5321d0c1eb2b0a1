//! Pages of a range of keys (`types/query/pagination.go` of SDK 0.50).

use core::ops::Bound;

use bytes::Bytes;
use plume_proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};
use plume_state::{Direction, KvRead, Store, bound_ref, prefix_end};

use crate::QueryFailure;

/// Entries in a page when the client names no limit.
pub const DEFAULT_LIMIT: u64 = 100;

/// What a page asks for, with the SDK's defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// First key, relative to the range's prefix; empty to start at `offset`.
    pub key: Vec<u8>,
    /// Entries to skip; 0 when a key is given.
    pub offset: u64,
    /// Entries to return at most.
    pub limit: u64,
    /// Whether the total is wanted. A request without a limit asks for it.
    pub count_total: bool,
    /// Whether to go from the last key to the first.
    pub reverse: bool,
}

impl Page {
    /// Reads a request.
    ///
    /// # Errors
    /// A request with both offset and key.
    pub fn of(request: Option<PageRequest>) -> Result<Self, QueryFailure> {
        let request = request.unwrap_or_default();
        if request.offset > 0 && !request.key.is_empty() {
            return Err(QueryFailure::plain("invalid request, either offset or key is expected, got both"));
        }
        let (limit, count_total) =
            if request.limit == 0 { (DEFAULT_LIMIT, true) } else { (request.limit, request.count_total) };
        Ok(Self { key: request.key, offset: request.offset, limit, count_total, reverse: request.reverse })
    }
}

/// One page of the entries under `prefix` that `accept` turns into something.
///
/// `accept` sees the key without the prefix; an entry for which it gives `None` counts neither
/// for the offset nor for the limit nor for the total (`FilteredPaginate`).
///
/// # Errors
/// A malformed request, a failure of `accept`, state that cannot be read.
pub fn paginate<T>(
    state: &impl KvRead,
    store: Store,
    prefix: &[u8],
    request: Option<PageRequest>,
    mut accept: impl FnMut(&[u8], &Bytes) -> Result<Option<T>, QueryFailure>,
) -> Result<(Vec<T>, PageResponse), QueryFailure> {
    let page = Page::of(request)?;
    let end = prefix_end(prefix);
    let end = bound_ref(&end);
    let by_key = !page.key.is_empty();
    let from = [prefix, &page.key].concat();
    let entries = if page.reverse {
        // The key of a reverse page is its first, so it is included.
        let last = if by_key { Bound::Included(from.as_slice()) } else { end };
        state.range(store, Bound::Included(prefix), last, Direction::Descending)?
    } else {
        state.range(store, Bound::Included(from.as_slice()), end, Direction::Ascending)?
    };

    let mut found = Vec::new();
    let mut next_key: Option<Vec<u8>> = None;
    let mut seen: u64 = 0;
    let last_wanted = page.offset.saturating_add(page.limit);
    for entry in entries {
        let (key, value) = entry?;
        let key = key.get(prefix.len()..).unwrap_or_default();
        let Some(item) = accept(key, &value)? else { continue };
        seen = seen.saturating_add(1);
        if seen > last_wanted {
            next_key.get_or_insert_with(|| key.to_vec());
            if by_key || !page.count_total {
                break;
            }
        } else if seen > page.offset {
            found.push(item);
        }
    }
    let total = if page.count_total && !by_key { seen } else { 0 };
    Ok((found, PageResponse { next_key: next_key.unwrap_or_default(), total }))
}

/// One page of the entries of a collection under `prefix`, all of which count (`CollectionPaginate`).
///
/// Unlike [`paginate`] it reads no value beyond the page, a reverse page starts at the last key that begins with the
/// given one, and an offset beyond the last entry has a total of 0: so the SDK answers.
///
/// # Errors
/// A malformed request, a failure of `read`, state that cannot be read.
pub fn paginate_collection<T>(
    state: &impl KvRead,
    store: Store,
    prefix: &[u8],
    request: Option<PageRequest>,
    mut read: impl FnMut(&[u8], &Bytes) -> Result<Option<T>, QueryFailure>,
) -> Result<(Vec<T>, PageResponse), QueryFailure> {
    let page = Page::of(request)?;
    let by_key = !page.key.is_empty();
    let from = [prefix, &page.key].concat();
    let entries = if page.reverse {
        state.range(store, Bound::Included(prefix), bound_ref(&prefix_end(&from)), Direction::Descending)?
    } else {
        state.range(store, Bound::Included(from.as_slice()), bound_ref(&prefix_end(prefix)), Direction::Ascending)?
    };

    let mut found = Vec::new();
    let mut response = PageResponse::default();
    let mut seen: u64 = 0;
    let last_wanted = page.offset.saturating_add(page.limit);
    for entry in entries {
        let (key, value) = entry?;
        let key = key.get(prefix.len()..).unwrap_or_default();
        seen = seen.saturating_add(1);
        if seen > page.offset && seen <= last_wanted {
            found.extend(read(key, &value)?);
        } else if seen > last_wanted {
            if response.next_key.is_empty() {
                response.next_key = key.to_vec();
            }
            if by_key || !page.count_total {
                break;
            }
        }
    }
    if page.count_total && !by_key && seen >= page.offset {
        response.total = seen;
    }
    Ok((found, response))
}
