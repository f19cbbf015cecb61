//! A set of addresses as sorted runs.

use std::net::IpAddr;

use super::{Family, IpRange, number};

/// Addresses as disjoint runs, sorted, neighbours joined: two sets are equal when they have the same addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpRanges(Vec<IpRange>);

impl IpRanges {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The runs, IPv4 first, ascending.
    pub fn iter(&self) -> impl Iterator<Item = IpRange> + '_ {
        self.0.iter().copied()
    }

    pub fn insert(&mut self, range: IpRange) {
        // Neighbours count as overlapping, so that they are joined.
        let touches = |other: &IpRange| {
            let ((a, b), (c, d)) = (range.ends(), other.ends());
            other.family() == range.family() && a <= d.saturating_add(1) && c <= b.saturating_add(1)
        };
        let mut ends = range.ends();
        self.0.retain(|other| {
            let joined = touches(other);
            if joined {
                ends = (ends.0.min(other.ends().0), ends.1.max(other.ends().1));
            }
            !joined
        });
        let joined = IpRange::of(range.family(), ends.0, ends.1);
        let place = self.0.partition_point(|other| *other < joined);
        self.0.insert(place, joined);
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let (family, wanted) = (Family::of(address), number(address));
        let after =
            self.0.partition_point(|range| (range.family(), range.ends().0) <= (family, wanted));
        after > 0 && self.0[after - 1].contains(address)
    }

    pub fn overlaps(&self, range: IpRange) -> bool {
        self.iter().any(|other| other.overlaps(range))
    }

    /// The addresses of `range` that are not in this set.
    #[must_use]
    pub fn complement_in(&self, range: IpRange) -> Self {
        let mut rest = Vec::new();
        let (mut from, last) = range.ends();
        for taken in self.iter().filter_map(|other| other.intersection(range)) {
            let (first, end) = taken.ends();
            if from < first {
                rest.push(IpRange::of(range.family(), from, first - 1));
            }
            if end == last {
                return Self(rest);
            }
            from = end + 1;
        }
        rest.push(IpRange::of(range.family(), from, last));
        Self(rest)
    }

    /// How many addresses of `family`; saturates at the whole of IPv6.
    pub fn count(&self, family: Family) -> u128 {
        self.iter()
            .filter(|range| range.family() == family)
            .fold(0, |sum, range| sum.saturating_add(range.count()))
    }

    /// The runs of `family` as a subnet's status writes them: `10.16.0.2-10.16.0.9,10.16.0.11`.
    pub fn status_text(&self, family: Family) -> String {
        let runs = self.iter().filter(|range| range.family() == family).map(|range| {
            if range.count() == 1 {
                range.first().to_string()
            } else {
                format!("{}-{}", range.first(), range.last())
            }
        });
        runs.collect::<Vec<_>>().join(",")
    }
}

impl FromIterator<IpRange> for IpRanges {
    fn from_iter<I: IntoIterator<Item = IpRange>>(ranges: I) -> Self {
        let mut set = Self::default();
        ranges.into_iter().for_each(|range| set.insert(range));
        set
    }
}
