//! What is believed after a start.

use proptest::prelude::*;

use super::*;

fn claim(port: &str, uid: &str, text: &str, last: u8, source: Source) -> Claim {
    Claim {
        port: port.into(),
        uid: uid.into(),
        subnet: "net".into(),
        addresses: addresses(text),
        mac: mac(&format!("02:00:00:00:00:{last:02x}")),
        source,
        since: 0,
    }
}

fn held(ipam: &Ipam, port: &str) -> Option<String> {
    ipam.lease(port).map(|lease| format!("{} {}", lease.addresses, lease.mac))
}

/// The row is written first, so it knows: annotation and IP object follow it.
#[test]
fn ko5172_the_row_wins_over_an_annotation_with_another_mac() {
    let mut ipam = small();
    let conflicts = ipam.recover(vec![
        claim("a", "1", "10.0.0.3", 0xaa, Source::Annotation),
        claim("a", "1", "10.0.0.3", 0xbb, Source::Row),
    ]);
    assert_eq!(held(&ipam, "a").unwrap(), "10.0.0.3 02:00:00:00:00:bb");
    let [Conflict { claim, reason: Reason::Outvoted { kept } }] = &conflicts[..] else {
        panic!("one claim should be outvoted: {conflicts:?}");
    };
    assert_eq!(
        (claim.source, kept.as_str()),
        (Source::Annotation, "02:00:00:00:00:bb 10.0.0.3 in net")
    );
}

/// A pod was deleted and made anew while no controller ran: the row and the IP object of the
/// old one are still there, and another pod may not get their address before they are gone.
#[test]
fn ko4304_what_a_vanished_pod_left_is_held_until_it_is_released() {
    let mut ipam = small();
    ipam.recover(vec![
        claim("old", "1", "10.0.0.2", 1, Source::StaleRow),
        claim("old", "", "10.0.0.2", 1, Source::Object),
    ]);
    assert_eq!(first(&mut ipam, "new"), "10.0.0.3");
    ipam.release("old");
    assert_eq!(ipam.usage("net").unwrap().v4.using_ranges, "10.0.0.3");
}

#[test]
fn ko3181_of_two_rows_with_one_address_the_elder_object_keeps_it() {
    let younger = Claim { since: 20, ..claim("a", "1", "10.0.0.6", 1, Source::Row) };
    let elder = Claim { since: 10, ..claim("b", "2", "10.0.0.6", 2, Source::Row) };
    let mut ipam = small();
    let conflicts = ipam.recover(vec![younger.clone(), elder]);
    assert_eq!(held(&ipam, "b").unwrap(), "10.0.0.6 02:00:00:00:00:02");
    assert_eq!(held(&ipam, "a"), None);
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0].claim, younger);
    assert_eq!(conflicts[0].reason.to_string(), "address 10.0.0.6 of subnet net is held by b");
}

#[test]
fn ko2026_the_loser_of_a_duplicate_gets_a_new_address() {
    let mut ipam = small();
    ipam.recover(vec![
        claim("a", "1", "10.0.0.2", 1, Source::Row),
        claim("b", "2", "10.0.0.2", 2, Source::Annotation),
    ]);
    assert_eq!(first(&mut ipam, "b"), "10.0.0.3");
    assert_eq!(first(&mut ipam, "a"), "10.0.0.2");
}

#[test]
fn a_row_of_an_earlier_object_yields_to_every_other_witness() {
    let mut ipam = small();
    ipam.recover(vec![
        claim("a", "old", "10.0.0.2", 1, Source::StaleRow),
        claim("a", "new", "10.0.0.5", 2, Source::Annotation),
    ]);
    assert_eq!(held(&ipam, "a").unwrap(), "10.0.0.5 02:00:00:00:00:02");
    let mut alone = small();
    alone.recover(vec![claim("a", "old", "10.0.0.2", 1, Source::StaleRow)]);
    assert_eq!(held(&alone, "a").unwrap(), "10.0.0.2 02:00:00:00:00:01");
}

#[test]
fn an_address_the_block_lost_is_believed_and_only_once() {
    let mut ipam = small();
    let conflicts = ipam.recover(vec![
        claim("a", "1", "10.7.0.2", 1, Source::Row),
        claim("b", "2", "10.7.0.2", 2, Source::Row),
    ]);
    assert_eq!(held(&ipam, "a").unwrap(), "10.7.0.2 02:00:00:00:00:01");
    assert_eq!((held(&ipam, "b"), conflicts.len()), (None, 1));
    ipam.release("a");
    assert!(!ipam.in_use("net"));
}

#[test]
fn claims_on_a_subnet_that_is_not_valid_yet_wait_for_it() {
    let mut ipam = Ipam::default();
    assert_eq!(ipam.recover(vec![claim("a", "1", "10.0.0.4", 1, Source::Row)]), []);
    assert_eq!(held(&ipam, "a"), None);
    ipam.set_subnet(&"net".into(), networks("10.0.0.0/29", &[]));
    assert_eq!(held(&ipam, "a").unwrap(), "10.0.0.4 02:00:00:00:00:01");
}

proptest! {
    /// Whatever witnesses survived, in whatever order they are read, the outcome is one.
    #[test]
    fn the_order_of_witnesses_does_not_matter(
        (claims, shuffled) in prop::collection::vec(
            (0..6_u8, 0..3_u8, 2..7_u8, 0..6_u8, 0..4_usize, 0..3_i64),
            0..14,
        )
        .prop_map(|all| {
            let sources = [Source::Row, Source::Object, Source::Annotation, Source::StaleRow];
            let make = |(port, uid, at, last, source, since): (u8, u8, u8, u8, usize, i64)| Claim {
                since,
                ..claim(&format!("p{port}"), &uid.to_string(), &format!("10.0.0.{at}"), last + 1, sources[source])
            };
            all.into_iter().map(make).collect::<Vec<_>>()
        })
        .prop_flat_map(|claims| (Just(claims.clone()), Just(claims).prop_shuffle())),
    ) {
        let (mut one, mut other) = (small(), small());
        prop_assert_eq!(one.recover(claims), other.recover(shuffled));
        let sorted = |ipam: &Ipam| {
            let mut all: Vec<_> = ipam.leases().map(|(port, lease)| (port.clone(), lease.clone())).collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        prop_assert_eq!(sorted(&one), sorted(&other));
        prop_assert_eq!(one.usage("net"), other.usage("net"));
    }
}
