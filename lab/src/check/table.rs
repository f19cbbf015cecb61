//! The check's table: a row per path, a column per protocol, and below it why a path does not work. Pure.

use super::{
    cells::{Cell, Protocol},
    probe,
};
use crate::status;

/// Cells and their results stand in the same order.
pub(super) fn render(cells: &[Cell], results: &[probe::Result]) -> String {
    let mut paths: Vec<_> = cells.iter().map(|cell| cell.path).collect();
    paths.dedup();
    let all = || cells.iter().zip(results);
    let rows = paths.iter().map(|&path| {
        let column = |protocol| {
            let found = all().find(|(cell, _)| cell.path == path && cell.protocol == protocol);
            found.map_or_else(String::new, |(_, result)| shown(result))
        };
        let [tcp, udp, icmp] = Protocol::ALL.map(column);
        [path.to_owned(), tcp, udp, icmp]
    });
    let [tcp, udp, icmp] = Protocol::ALL.map(Protocol::name);
    let mut text = status::table(["path", tcp, udp, icmp], rows);
    for (cell, result) in all() {
        if let Err(reason) = result {
            text.push_str(&format!("\n✗ {}: {reason}", cell.title()));
        }
    }
    text
}

fn shown(result: &probe::Result) -> String {
    match result {
        Ok(Some(latency)) => format!("{:.2} ms", latency.as_secs_f64() * 1000.0),
        Ok(None) => "ok".into(),
        Err(_) => "✗".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::{
        Place,
        cells::Probe,
        cut::{Cut, Hook},
        stage::Pod,
    };

    #[test]
    fn rows_are_paths_and_failures_say_why() {
        let cell = |path, protocol| Cell {
            path,
            protocol,
            probe: Probe::Ready(Pod::Near),
            cut: Cut { at: Place::Pod(Pod::Near), hook: Hook::Input, packets: "x".into() },
        };
        let cells =
            [cell("a → b", Protocol::Tcp), cell("a → b", Protocol::Icmp), cell("c", Protocol::Udp)];
        let results = [Ok(Some(Duration::from_micros(1234))), Ok(None), Err("no answer".into())];
        let text = render(&cells, &results);
        let lines: Vec<_> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(lines, ["path TCP UDP ICMP", "a → b 1.23 ms ok", "c ✗", "✗ c, UDP: no answer"]);
    }
}
