//! Pages of results (`rpc/core/env.go`).

use plume_engine::MAX_PER_PAGE;

/// Entries of a page when the request does not say.
const DEFAULT_PER_PAGE: usize = 30;

/// Entries of a page.
pub(super) fn per_page(asked: Option<i64>) -> usize {
    match asked.and_then(|asked| usize::try_from(asked).ok()) {
        None | Some(0) => DEFAULT_PER_PAGE,
        Some(asked) => asked.min(usize::from(MAX_PER_PAGE)),
    }
}

/// The page that was asked for, from 1.
///
/// # Errors
/// CometBFT's text for a page that is not there. No results make one empty page.
pub(super) fn page(asked: Option<i64>, per_page: usize, total: usize) -> Result<usize, String> {
    let Some(asked) = asked else { return Ok(1) };
    let pages = total.div_ceil(per_page.max(1)).max(1);
    match usize::try_from(asked) {
        Ok(page) if (1..=pages).contains(&page) => Ok(page),
        _ => Err(format!("page should be within [1, {pages}] range, given {asked}")),
    }
}

/// The entries of a page.
pub(super) fn slice<T>(items: &[T], page: usize, per_page: usize) -> &[T] {
    let start = page.saturating_sub(1).saturating_mul(per_page).min(items.len());
    let end = start.saturating_add(per_page).min(items.len());
    &items[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_cometbft() {
        assert_eq!([None, Some(-1), Some(0), Some(1), Some(100), Some(101)].map(per_page), [30, 30, 30, 1, 100, 100]);
        assert_eq!(page(None, 30, 0), Ok(1));
        assert_eq!(page(Some(1), 30, 0), Ok(1));
        assert_eq!(page(Some(2), 30, 31), Ok(2));
        assert_eq!(page(Some(2), 30, 30), Err("page should be within [1, 1] range, given 2".to_owned()));
        assert_eq!(page(Some(0), 30, 61), Err("page should be within [1, 3] range, given 0".to_owned()));
        assert_eq!(slice(&[1, 2, 3, 4, 5], 2, 2), [3, 4]);
        assert_eq!(slice(&[1, 2, 3, 4, 5], 3, 2), [5]);
        assert!(slice(&[1], 9, 30).is_empty());
    }
}
