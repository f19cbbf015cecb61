//! Which tables and columns of the northbound database the replica holds.

use ovn::monitor::Watch;
use ovn::nb;

/// Columns that others write and nobody reads here: northd's answers, the administrator's connections.
const LEFT_OUT: &[(&str, &[&str])] = &[
    ("BFD", &["status"]),
    ("Logical_Router_Port", &["status"]),
    ("Logical_Switch_Port", &["dynamic_addresses", "up"]),
    (
        "NB_Global",
        &[
            "connections",
            "hv_cfg",
            "hv_cfg_timestamp",
            "nb_cfg",
            "nb_cfg_timestamp",
            "sb_cfg",
            "sb_cfg_timestamp",
            "ssl",
        ],
    ),
];

/// Tables that are the administrator's alone.
const NOT_OURS: &[&str] = &["Connection", "SSL"];

/// All tables the controller may write, with the columns it may write.
pub fn tables() -> Watch {
    let ours = nb::DATABASE.tables.iter().filter(|table| !NOT_OURS.contains(&table.name));
    ours.fold(Watch::default(), |watch, table| {
        let left_out =
            LEFT_OUT.iter().find(|(name, _)| *name == table.name).map_or(&[][..], |(_, c)| *c);
        let columns = table.columns.iter().map(|column| column.name);
        watch.table(table, columns.filter(|column| !left_out.contains(column)))
    })
}

/// The table of the rows in a column of `table`, where they are rows.
pub(super) fn member_table(table: &str, column: &str) -> Option<&'static str> {
    let column = nb::DATABASE.table(table)?.column(column)?;
    Some(column.key.reference()?.table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_exists() {
        for (table, columns) in LEFT_OUT {
            let table = nb::DATABASE.table(table).expect("a table of the schema");
            for column in *columns {
                assert!(table.column(column).is_some(), "{}.{column}", table.name);
            }
        }
        assert!(NOT_OURS.iter().all(|table| nb::DATABASE.table(table).is_some()));
    }

    #[test]
    fn members_are_found_in_the_table_they_are_rows_of() {
        assert_eq!(member_table("Port_Group", "ports"), Some("Logical_Switch_Port"));
        assert_eq!(member_table("Address_Set", "addresses"), None);
    }
}
