//! What all terms have in common, page by page.

use std::collections::VecDeque;

use super::{
    Found, Order, SearchView,
    plan::{Kind, Plan},
    streams::{Place, Stream},
};
use crate::StoreError;

/// Results that are remembered while counting, so that the last page needs no second reading.
const MAX_REMEMBERED: usize = 100_000;

/// One page of an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) order: Order,
    pub(crate) page: usize,
    pub(crate) per_page: usize,
}

impl Window {
    /// Results before the page, once it is known how many there are.
    fn start(self, total: usize) -> Result<usize, StoreError> {
        let pages = total.div_ceil(self.per_page).max(1);
        if self.page == 0 || self.page > pages {
            return Err(StoreError::Page { pages, given: self.page });
        }
        Ok((self.page - 1) * self.per_page) // below the total
    }

    /// The page of a list that is in memory already, in ascending order.
    pub(crate) fn of_all<T>(self, mut all: Vec<T>) -> Result<Found<T>, StoreError> {
        let total = all.len();
        let start = self.start(total)?;
        if self.order == Order::Descending {
            all.reverse();
        }
        Ok(Found { items: all.into_iter().skip(start).take(self.per_page).collect(), total })
    }
}

/// The page's transactions or blocks: places with the event's number 0.
pub(crate) fn matches(
    view: &SearchView<'_>,
    kind: Kind,
    plan: &Plan,
    window: Window,
) -> Result<Found<Place>, StoreError> {
    let mut search = Search::open(view, kind, plan)?;
    // Counting comes first: which page exists depends on it. The page itself is kept on the way where that is cheap.
    let wanted = window.page.saturating_mul(window.per_page);
    let mut total = 0_usize;
    let mut kept = VecDeque::new();
    search.each(|place| {
        match window.order {
            Order::Ascending if total < wanted && total >= wanted.saturating_sub(window.per_page) => {
                kept.push_back(place);
            }
            Order::Ascending => {}
            Order::Descending => {
                kept.push_back(place);
                if kept.len() > wanted.min(MAX_REMEMBERED) {
                    kept.pop_front();
                }
            }
        }
        total += 1;
        true
    })?;
    let start = window.start(total)?;
    let items = match window.order {
        Order::Ascending => kept.into(),
        Order::Descending if wanted <= MAX_REMEMBERED => {
            kept.into_iter().rev().skip(start).take(window.per_page).collect()
        }
        // Far from the end: what precedes the page is passed over once more.
        Order::Descending => {
            let end = total - start; // start is below the total, or both are 0
            let first = end.saturating_sub(window.per_page);
            let mut at = 0;
            let mut page = Vec::new();
            search.each(|place| {
                if at >= first {
                    page.push(place);
                }
                at += 1;
                at < end
            })?;
            page.reverse();
            page
        }
    };
    Ok(Found { items, total })
}

struct Search<'a> {
    view: &'a SearchView<'a>,
    kind: Kind,
    streams: Vec<Stream<'a>>,
    lowest: u64,
}

impl<'a> Search<'a> {
    fn open(view: &'a SearchView<'a>, kind: Kind, plan: &'a Plan) -> Result<Self, StoreError> {
        let Plan::Terms { heights, terms } = plan else {
            return Ok(Self { view, kind, streams: Vec::new(), lowest: 0 });
        };
        let mut collected = 0;
        let mut streams = Vec::with_capacity(terms.len());
        for term in terms {
            streams.push(Stream::open(view, kind, term, heights, &mut collected)?);
        }
        Ok(Self { view, kind, streams, lowest: heights.limits().0.max(view.floor) })
    }

    /// Calls with each result in ascending order until it is told to stop.
    fn each(&mut self, mut found: impl FnMut(Place) -> bool) -> Result<(), StoreError> {
        let mut from = Place { height: self.lowest, index: 0, event: 0 };
        while let Some(place) = self.common(from)? {
            let place = match self.kind {
                Kind::Tx => Place { event: 0, ..place },
                Kind::Block => Place { height: place.height, index: 0, event: 0 },
            };
            if !found(place) {
                return Ok(());
            }
            // Further events of the same transaction or block are no further results.
            let next = match self.kind {
                Kind::Tx => place.index.checked_add(1).map(|index| Place { index, ..place }),
                Kind::Block => None,
            };
            let next = next.or_else(|| place.height.checked_add(1).map(|height| Place { height, index: 0, event: 0 }));
            match next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// The first place from `from` on that every stream has.
    fn common(&mut self, from: Place) -> Result<Option<Place>, StoreError> {
        let mut candidate = from;
        let mut agreed = 0;
        if self.streams.is_empty() {
            return Ok(None);
        }
        for at in (0..self.streams.len()).cycle() {
            let Some(stream) = self.streams.get_mut(at) else { return Ok(None) };
            match stream.seek(candidate)? {
                None => return Ok(None),
                Some(place) if place.height > self.view.indexed => return Ok(None),
                Some(place) if place == candidate && agreed > 0 => agreed += 1,
                Some(place) => {
                    candidate = place;
                    agreed = 1;
                }
            }
            if agreed == self.streams.len() {
                return Ok(Some(candidate));
            }
        }
        Ok(None)
    }
}
