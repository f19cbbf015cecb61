//! Other programs: run to the end, with an error that says what was run and what it said.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read, Write},
    process::{Command, Output, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};

/// How much of a failed program's output an error repeats.
const LINES: usize = 30;

/// A command from a program and its arguments.
pub(crate) fn command<I: IntoIterator<Item: AsRef<OsStr>>>(
    program: impl AsRef<OsStr>,
    arguments: I,
) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Runs to the end; what it wrote to standard output.
///
/// # Errors
/// It cannot be started, or its exit code is not 0: with what it wrote to standard error.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    finish(command, output)
}

/// [`run`], with `input` on its standard input.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Result<String> {
    run_with_writer(command, |pipe| pipe.write_all(input))
}

/// [`run`], with what `write` writes on its standard input.
///
/// # Errors
/// As [`run`], and those of `write`, the program's own reason first.
pub(crate) fn run_with_writer(
    command: &mut Command,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send,
) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| cannot_start(command))?;
    let mut pipe = child.stdin.take().expect("standard input is piped");
    let (written, output) = thread::scope(|scope| {
        let writer = scope.spawn(move || write(&mut pipe));
        let output = child.wait_with_output();
        (writer.join(), output)
    });
    let text = finish(command, output)?;
    match written {
        Ok(result) => result.with_context(|| format!("{} stopped reading", shown(command)))?,
        Err(panic) => std::panic::resume_unwind(panic),
    }
    Ok(text)
}

/// Runs to the end and hands over each line of both outputs as it comes; `line` says whether a line is
/// news worth repeating when the program fails.
///
/// # Errors
/// As [`run`], with the last lines.
pub(crate) fn stream(command: &mut Command, mut line: impl FnMut(&str)) -> Result<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| cannot_start(command))?;
    let mut stdout = child.stdout.take().expect("standard output is piped");
    let stderr = child.stderr.take().expect("standard error is piped");
    let mut last = VecDeque::new();
    let out = thread::scope(|scope| {
        let out = scope.spawn(move || {
            let mut text = Vec::new();
            stdout.read_to_end(&mut text).map(|_| text)
        });
        for bytes in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            line(&text);
            if last.len() == LINES {
                last.pop_front();
            }
            last.push_back(text);
        }
        out.join().expect("the reader does not panic")
    });
    let status = child.wait().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("{}: {status}\n{}", shown(command), Vec::from(last).join("\n"));
    }
    Ok(String::from_utf8_lossy(&out?).into_owned())
}

fn finish(command: &Command, output: io::Result<Output>) -> Result<String> {
    let output = output.with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<_> = stderr.trim().lines().collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        bail!("{}: {}\n{}", shown(command), output.status, last.join("\n"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where a program comes from, for the ones a fresh machine may lack.
fn cannot_start(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let hint = match program.as_ref() {
        "go" => ": install Go, as the README says",
        "cargo" => ": install Rust, as the README says",
        "ip" => ": install the package iproute2",
        "nsenter" => ": install the package util-linux",
        _ => "",
    };
    format!("cannot run {program}{hint}")
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_ran_and_what_it_said() {
        let error = run(&mut command("sh", ["-c", "echo no >&2; exit 3"])).unwrap_err().to_string();
        assert!(
            error.contains("exit 3") && error.contains("exit status: 3") && error.ends_with("no"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_program_is_named_with_its_cure() {
        let mut go = command("go", ["version"]);
        let error = format!("{:#}", run(go.env("PATH", "/nowhere")).unwrap_err());
        assert!(error.contains("cannot run go: install Go"), "{error}");
    }

    #[test]
    fn a_stream_hands_over_lines_and_keeps_the_output() {
        let mut lines = Vec::new();
        let script = "echo one >&2; echo result; echo two >&2";
        let out =
            stream(&mut command("sh", ["-c", script]), |line| lines.push(line.to_owned())).unwrap();
        assert_eq!((lines, out.as_str()), (vec!["one".to_owned(), "two".to_owned()], "result\n"));
    }

    #[test]
    fn a_program_that_ends_before_reading_all_reports_its_own_reason() {
        let write = |pipe: &mut dyn Write| pipe.write_all(&vec![0; 1 << 20]);
        let error = run_with_writer(&mut command("sh", ["-c", "echo full >&2; exit 1"]), write)
            .unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
    }
}
