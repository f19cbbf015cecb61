use harness::Schema;

use super::*;

#[test]
fn the_schemas_of_ovn_and_ovs_are_read_whole() {
    for schema in [Schema::Nb, Schema::Sb, Schema::Vswitch] {
        let json: serde_json::Value = serde_json::from_str(&schema.text()).unwrap();
        let database = Database::parse(&schema.text()).unwrap();
        assert_eq!(&*database.name, schema.database());
        assert_eq!(Database::from_json(&json).unwrap(), database);
        for (name, table) in json["tables"].as_object().unwrap() {
            let columns = table["columns"].as_object().unwrap();
            assert!(
                columns
                    .keys()
                    .map(String::as_str)
                    .eq(database.tables[&**name].columns.keys().map(|c| &**c))
            );
        }
    }
}

#[test]
fn a_column_is_what_its_schema_says() {
    let nb = Database::parse(&Schema::Nb.text()).unwrap();
    let port = &nb.tables["Logical_Switch_Port"];
    assert!(!port.is_root && nb.tables["Logical_Switch"].is_root);
    assert_eq!(port.indexes, [[Arc::from("name")]]);
    let kind = |column: &str| nb.column("Logical_Switch_Port", column).unwrap();
    assert_eq!(*kind("name"), ColumnType::scalar(AtomType::String));
    assert!(kind("addresses").is_set() && !kind("up").is_set() && kind("options").is_map());
    let tag = &kind("tag_request").key;
    assert_eq!((tag.min_integer, tag.max_integer), (Some(0), Some(4095)));
    let group = kind("ha_chassis_group").key.reference.clone();
    assert_eq!(group, Some(("HA_Chassis_Group".into(), Reference::Strong)));
    let action = nb.column("ACL", "action").unwrap().key.choices.clone().unwrap();
    assert!(action.contains(&"allow-related".into()), "{action:?}");
    assert_eq!(nb.tables["NB_Global"].max_rows, Some(1));
}

#[test]
fn a_column_nobody_set_has_its_types_default() {
    let nb = Database::parse(&Schema::Nb.text()).unwrap();
    let default = |table, column| nb.column(table, column).unwrap().default();
    assert_eq!(default("Logical_Switch_Port", "name"), "".into());
    assert_eq!(default("Logical_Switch_Port", "up"), Value::empty());
    assert!(matches!(default("Logical_Switch_Port", "options"), Value::Map(_)));
    assert_eq!(default("ACL", "priority"), 0.into());
    assert_eq!(default("ACL", "log"), false.into());
}

#[test]
fn a_text_that_is_no_schema_is_an_error() {
    for text in
        ["", "null", "{}", r#"{"name":"x","tables":{"T":{"columns":{"c":{"type":"blob"}}}}}"#]
    {
        assert!(matches!(Database::parse(text), Err(Error::Protocol(_))), "{text}");
    }
}
