//! Builders and read views: what is written is what is read, and both are what the schema files say.

use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;

use ovsdb::op::{Columns, Op};
use ovsdb::replica::Replica;
use ovsdb::schema::{self, AtomType, Reference};
use ovsdb::value::Uuid;

use crate::WATCH;
use crate::model::Model;
use ovn::nb;
use ovn::record::Record;
use ovn::table::{Base, Database, Shape};
use ovn::{sb, vs};

const ID: Uuid = Uuid::from_u128(1);

/// A database with one row, kept from being collected.
fn with<R: Record>(row: R) -> Replica {
    let mut model = Model::northbound();
    let mut ops = vec![Op::Insert { table: R::TABLE, uuid: ID, row: row.into() }];
    if R::TABLE == "Logical_Switch_Port" || R::TABLE == "QoS" {
        let column = if R::TABLE == "QoS" { "qos_rules" } else { "ports" };
        let (table, row) = ("Logical_Switch", Columns::from([(column, ID.into())]));
        ops.push(Op::Insert { table, uuid: Uuid::from_u128(2), row });
    }
    model.apply(&ops).unwrap();
    model.replica(&WATCH)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_what_is_read(
        name in ".*",
        parent in proptest::option::of(".*"),
        addresses in btree_set(".*", 0..4),
        options in btree_map(".*", ".*", 0..4),
        tag in proptest::option::of(any::<i64>()),
        enabled in proptest::option::of(any::<bool>()),
        mirrors in btree_set(any::<u128>().prop_map(Uuid::from_u128), 0..3),
    ) {
        let replica = with(
            nb::LogicalSwitchPort::new()
                .name(&*name)
                .parent_name(parent.as_deref())
                .addresses(addresses.iter().cloned())
                .options(options.iter().map(|(key, value)| (key.as_str(), value.as_str())))
                .tag(tag)
                .enabled(enabled),
        );
        let row = replica.get("Logical_Switch_Port", &ID).unwrap();
        let row = nb::logical_switch_port::LogicalSwitchPortRow::from(row);
        prop_assert_eq!(row.name(), name);
        prop_assert_eq!(row.parent_name(), parent.as_deref());
        prop_assert!(row.addresses().eq(addresses.iter().map(String::as_str)));
        prop_assert!(row.options().iter().eq(options.iter().map(|(k, v)| (&**k, &**v))));
        for (key, value) in &options {
            prop_assert_eq!(row.options().get(key), Some(&**value));
        }
        prop_assert_eq!((row.tag(), row.enabled(), row.up()), (tag, enabled, None));

        let columns: Columns = nb::LogicalRouterPolicy::new().bfd_sessions(mirrors.clone()).into();
        let value = &columns["bfd_sessions"];
        prop_assert!(value.atoms().iter().filter_map(|atom| atom.as_uuid()).eq(mirrors));
    }
}

#[test]
fn maps_of_numbers_are_read_as_numbers() {
    let replica = with(nb::QoS::new().priority(100).bandwidth([("rate", 1000), ("burst", 10)]));
    let row = nb::qos::QoSRow::from(replica.get("QoS", &ID).unwrap());
    assert_eq!(row.bandwidth().get("rate"), Some(1000));
    assert_eq!(row.bandwidth().get("peak"), None);
    assert_eq!((row.bandwidth().len(), row.action().is_empty()), (2, true));
    assert_eq!((row.priority(), row.direction()), (100, ""));
}

#[test]
fn the_tables_are_those_of_the_schema_files() {
    let files = [
        (&nb::DATABASE, include_str!("../../schema/ovn-nb.ovsschema"), "7.11.0"),
        (&sb::DATABASE, include_str!("../../schema/ovn-sb.ovsschema"), "20.41.0"),
        (&vs::DATABASE, include_str!("../../schema/vswitch.ovsschema"), "8.8.0"),
    ];
    for (database, file, version) in files {
        let schema = schema::Database::parse(file).unwrap();
        assert_eq!((database.name, database.version), (&*schema.name, version));
        assert_eq!(database.tables.len(), schema.tables.len());
        for (name, facts) in &schema.tables {
            check_table(database, name, facts);
        }
    }
}

fn check_table(database: &Database, name: &str, facts: &schema::Table) {
    let table = database.table(name).unwrap();
    assert_eq!((table.root, table.columns.len()), (facts.is_root, facts.columns.len()), "{name}");
    for (column, facts) in &facts.columns {
        let (found, kind) = (table.column(column).unwrap(), &facts.kind);
        let shape = match (kind.is_map(), kind.is_set(), kind.min) {
            (true, ..) => Shape::Map,
            (_, true, _) => Shape::Set,
            (_, _, 0) => Shape::Optional,
            _ => Shape::One,
        };
        assert_eq!(found.shape, shape, "{name}.{column}");
        check_base(found.key, &kind.key);
        assert_eq!(found.value.is_some(), kind.value.is_some());
        found.value.into_iter().zip(&kind.value).for_each(|(found, base)| check_base(found, base));
    }
}

fn check_base(found: Base, base: &schema::Base) {
    let kind = match found {
        Base::Integer => AtomType::Integer,
        Base::Boolean => AtomType::Boolean,
        Base::String => AtomType::String,
        Base::Uuid(_) => AtomType::Uuid,
    };
    assert_eq!(kind, base.kind);
    let to = found.reference().map(|to| (to.table, to.strong));
    let expected = base.reference.as_ref();
    assert_eq!(to, expected.map(|(table, kind)| (&**table, *kind == Reference::Strong)));
}
