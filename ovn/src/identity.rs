//! The uuid of a row, known before the row exists: the same wish always makes the same row.

use uuid::Uuid;

use crate::owner::{Owner, Role};

/// The name space of our row identities (RFC 9562 section 5.5). It never changes: rows would all be
/// replaced.
const SPACE: Uuid = Uuid::from_u128(0x5ac6_4f0e_86c1_4d2b_9f57_3a1e_b0d4_07c9);

/// The version 5 uuid of the row that `owner` has in `table` for `role`. `owner_uid` tells an object from
/// a later one of its name; empty for what is not an object.
pub fn uuid_v5(table: &str, owner: &Owner, owner_uid: &str, role: &Role) -> Uuid {
    // NUL is in no part, so different parts never join to equal names.
    let name = format!("{table}\0{owner}\0{owner_uid}\0{role}");
    Uuid::new_v5(&SPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_makes_another_row() {
        let pod = Owner::new("port", "default", "web");
        let of = |table, owner: &Owner, uid, role: &str| uuid_v5(table, owner, uid, &role.into());
        let row = of("Logical_Switch_Port", &pod, "1", "port");
        assert_eq!(row, of("Logical_Switch_Port", &pod, "1", "port"));
        assert_eq!(row.get_version_num(), 5);
        let others = [
            of("ACL", &pod, "1", "port"),
            of("Logical_Switch_Port", &Owner::new("port", "default", "api"), "1", "port"),
            of("Logical_Switch_Port", &pod, "2", "port"),
            of("Logical_Switch_Port", &pod, "1", "vip"),
        ];
        assert!(!others.contains(&row));
    }

    #[test]
    fn identities_do_not_change_between_versions_of_the_project() {
        let subnet = Owner::cluster("subnet", "ovn-default");
        let row = uuid_v5("Logical_Switch", &subnet, "5f3a", &"switch".into());
        assert_eq!(row.to_string(), "b2be46c3-e703-52b6-9a0b-2ffcf2d05005");
    }
}
