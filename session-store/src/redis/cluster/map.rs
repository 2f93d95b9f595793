use std::sync::Arc;

use super::Master;
use super::slots::{Address, Range, SLOTS};

/// For a slot that no master has, or none that can be used.
const NOBODY: u16 = u16::MAX;

/// Which master has which slot.
pub(super) struct Map {
    masters: Vec<Arc<Master>>,
    /// For each slot, the place of its master.
    slots: Box<[u16]>,
}

impl Map {
    /// Slots whose master isn't among `masters` are nobody's.
    pub(super) fn new(ranges: &[Range], masters: Vec<Arc<Master>>) -> Self {
        let mut slots = vec![NOBODY; SLOTS].into_boxed_slice();
        for range in ranges {
            let place = masters
                .iter()
                .position(|master| master.address == range.master);
            let place = place.and_then(|place| u16::try_from(place).ok());
            slots[usize::from(range.first)..=usize::from(range.last)].fill(place.unwrap_or(NOBODY));
        }
        Self { masters, slots }
    }

    pub(super) fn masters(&self) -> &[Arc<Master>] {
        &self.masters
    }

    pub(super) fn of_slot(&self, slot: u16) -> Option<&Arc<Master>> {
        self.masters.get(usize::from(self.slots[usize::from(slot)]))
    }

    pub(super) fn at(&self, address: &Address) -> Option<&Arc<Master>> {
        self.masters
            .iter()
            .find(|master| master.address == *address)
    }

    /// The first slot that is nobody's.
    pub(super) fn gap(&self) -> Option<usize> {
        self.slots.iter().position(|place| *place == NOBODY)
    }
}

/// The masters that are named in the ranges, each once.
pub(super) fn addresses(ranges: &[Range]) -> Vec<Address> {
    let mut addresses: Vec<_> = ranges.iter().map(|range| range.master.clone()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
