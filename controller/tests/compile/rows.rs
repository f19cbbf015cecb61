//! States as people read them: tables, columns, and members by their names.

use std::collections::BTreeMap;
use std::fmt::Write;

use controller::model::Scope;
use ovn::state::State;
use ovsdb::value::{Atom, Uuid, Value};

/// One line a row and one a membership; rows are called by their scope and role.
pub(crate) fn text(rows: &BTreeMap<Scope, State>) -> String {
    let all = rows.values().flat_map(|state| &state.rows);
    let names: BTreeMap<Uuid, String> =
        all.map(|((_, uuid), row)| (*uuid, format!("<{} {}>", row.owner, row.role))).collect();
    let mut out = String::new();
    for (scope, state) in rows {
        writeln!(out, "{scope}").unwrap();
        for ((table, _), row) in &state.rows {
            write!(out, "  {table} {}:", row.role).unwrap();
            let set = row
                .columns
                .iter()
                .filter(|(_, value)| !value.is_empty() && value.as_str() != Some(""));
            set.for_each(|(column, value)| {
                write!(out, " {column}={}", show(value, &names)).unwrap()
            });
            out.push('\n');
        }
        for edge in &state.edges {
            let member = atom(&edge.member, &names);
            writeln!(out, "  {} {} += {member}", named(edge.container, &names), edge.column)
                .unwrap();
        }
        for (edge, value) in &state.entries {
            let (key, value) = (atom(&edge.member, &names), atom(value, &names));
            writeln!(
                out,
                "  {} {} += {key} -> {value}",
                named(edge.container, &names),
                edge.column
            )
            .unwrap();
        }
    }
    out
}

fn show(value: &Value, names: &BTreeMap<Uuid, String>) -> String {
    let pair = |(key, value): &(Atom, Atom)| format!("{}={}", atom(key, names), atom(value, names));
    match value {
        Value::One(one) => atom(one, names),
        Value::Set(all) => {
            let all: Vec<_> = all.iter().map(|one| atom(one, names)).collect();
            format!("{{{}}}", all.join(", "))
        }
        Value::Map(pairs) => {
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
    }
}

fn atom(atom: &Atom, names: &BTreeMap<Uuid, String>) -> String {
    match atom {
        Atom::String(text) if text.contains([' ', ',']) || text.is_empty() => format!("{text:?}"),
        Atom::String(text) => text.to_string(),
        Atom::Integer(number) => number.to_string(),
        Atom::Boolean(truth) => truth.to_string(),
        Atom::Real(real) => real.0.to_string(),
        Atom::Uuid(uuid) => named(*uuid, names),
    }
}

fn named(uuid: Uuid, names: &BTreeMap<Uuid, String>) -> String {
    names.get(&uuid).cloned().unwrap_or_else(|| format!("<nobody's {uuid}>"))
}
