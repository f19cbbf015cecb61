//! What must not occur where: the design's invariants, stated as absences.

use regex_lite::Regex;

use super::{Finding, Source};

/// A thing that is absent from some part of the tree.
struct Ban {
    /// What a line of code may not contain.
    pattern: &'static str,
    /// Path prefixes the ban covers; empty for all that ships.
    within: &'static [&'static str],
    /// Path prefixes where it is allowed.
    except: &'static [&'static str],
    why: &'static str,
}

/// Decisions are functions of their arguments: the same input gives the same rows, plans and addresses.
const PURE: &[&str] = &[
    "api/src/",
    "ovn/src/",
    "ovsdb/src/value",
    "ovsdb/src/schema",
    "ovsdb/src/op",
    "ovsdb/src/replica",
    "controller/src/index",
    "controller/src/ipam",
    "controller/src/desired",
    "controller/src/model",
    "controller/src/scope",
    "daemon/src/plan",
];

const BANS: &[Ban] = &[
    Ban {
        pattern: r"\b(Instant|SystemTime|Timestamp|Utc|Zoned)::now\b",
        within: PURE,
        except: &[],
        why: "pure code takes the time as an argument",
    },
    Ban {
        pattern: r"\bnew_v4\b|\brand::|\bgetrandom\b|\bRandomState\b",
        within: PURE,
        except: &[],
        why: "pure code takes randomness as an argument",
    },
    Ban {
        pattern: r"\basync\b|\.await\b|\btokio::",
        within: PURE,
        except: &[],
        why: "pure code does not wait",
    },
    Ban {
        pattern: r"\b(UnixStream|TcpStream)::connect\b",
        within: &[],
        except: &["ovsdb/src/", "cni/src/"],
        why: "only `ovsdb` opens a database; the plugin alone dials the daemon",
    },
    Ban {
        pattern: r"\brtnetlink\b|\bnetlink_(sys|packet_\w+)\b|\bnftables::",
        within: &[],
        except: &["daemon/src/kernel", "supervise/src/kernel"],
        why: "only the `kernel` modules open netlink or start nft",
    },
    Ban {
        pattern: r"\bprocess::(\{[^}]*\b)?Command\b",
        within: &[],
        except: &["supervise/src/", "daemon/src/kernel/nft"],
        why: "no process is started in the path of a pod; only nft batches and `supervise` start any",
    },
    Ban {
        pattern: r"\b(sleep|sleep_ms)\(",
        within: &[],
        except: &["supervise/src/"],
        why: "wait for a state by its event, not by time; a pause between tries uses `sleep_until`",
    },
    Ban {
        pattern: r"\bunbounded(_channel)?\b|\bmpsc::channel\(\)",
        within: &[],
        except: &[],
        why: "a channel without bound hides a consumer that is too slow",
    },
    Ban {
        pattern: r"\bset_var\(",
        within: &[],
        except: &[],
        why: "the environment is read once, at the start",
    },
    Ban {
        pattern: r"\bTODO\b|\bFIXME\b|\btodo!\(|\bunimplemented!\(",
        within: &[],
        except: &[],
        why: "finish it, or leave it out",
    },
];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    if !source.ships() {
        return Vec::new();
    }
    let code = code_only(source);
    let mut findings = Vec::new();
    for ban in BANS.iter().filter(|ban| ban.covers(&source.path)) {
        let pattern = Regex::new(ban.pattern).expect("patterns are constants, tried by the tests");
        let lines = code.iter().filter(|(_, line)| pattern.is_match(line));
        findings.extend(lines.map(|(at, _)| Finding::new(&source.path, *at, ban.why)));
    }
    findings
}

impl Ban {
    fn covers(&self, path: &str) -> bool {
        let under = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
        (self.within.is_empty() || under(self.within)) && !under(self.except)
    }
}

/// Numbered lines without comments, and without the test module at the end of a file.
fn code_only(source: &Source) -> Vec<(usize, String)> {
    let end = source.syntax.items.iter().find_map(test_module).unwrap_or(usize::MAX);
    let comment = Regex::new(r"(^|\s)//.*$").expect("a constant pattern");
    source
        .text
        .lines()
        .enumerate()
        .map(|(i, line)| (i + 1, comment.replace(line, "").into_owned()))
        .take_while(|(at, _)| *at < end)
        .collect()
}

/// The first line of an inline `#[cfg(test)] mod …`.
fn test_module(item: &syn::Item) -> Option<usize> {
    let syn::Item::Mod(module) = item else { return None };
    let is_test = module.attrs.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    });
    (is_test && module.content.is_some()).then(|| module.mod_token.span.start().line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whys(path: &str, text: &str) -> Vec<String> {
        let source = Source::parse(path, text).unwrap();
        check(&source).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_clock_is_found_in_pure_code_and_allowed_at_the_edge() {
        let text = "//! Doc.\nfn f() { let _ = std::time::Instant::now(); }\n";
        assert_eq!(whys("ovn/src/diff.rs", text), ["pure code takes the time as an argument"]);
        assert_eq!(whys("controller/src/apply.rs", text), Vec::<String>::new());
    }

    #[test]
    fn waiting_and_processes_are_found() {
        let waits = "//! Doc.\nasync fn f() { tokio::time::sleep(d).await; }\n";
        assert_eq!(whys("controller/src/apply.rs", waits).len(), 1);
        assert_eq!(whys("controller/src/index/pod.rs", waits).len(), 2);
        let starts = "//! Doc.\nuse std::process::{Child, Command};\n";
        assert_eq!(whys("daemon/src/server.rs", starts).len(), 1);
        assert_eq!(whys("supervise/src/child.rs", starts), Vec::<String>::new());
    }

    #[test]
    fn comments_and_tests_are_free() {
        let text = "//! Never Instant::now here.\n// sleep(\n#[cfg(test)]\nmod tests {\n    fn f() { sleep(1) }\n}\n";
        assert_eq!(whys("ovn/src/diff.rs", text), Vec::<String>::new());
        assert_eq!(
            whys("daemon/tests/add.rs", "//! T.\nfn f() { sleep(1) }\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn every_channel_has_a_bound() {
        let text = "//! Doc.\nfn f() { tokio::sync::mpsc::unbounded_channel(); }\n";
        assert_eq!(whys("controller/src/watch.rs", text).len(), 1);
    }
}
