//! Runs the host's own tools (`ip`, `nft`, `mount`, …) and turns what they say into errors.
//!
//! Owns how a tool is started and how its failure reads; which tool to run, and what its output means, belongs to the
//! callers. Arguments are never passed through a shell.

use std::io;
use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Why a tool of the host gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("run `{line}`: {said}")]
    Failed { line: String, said: String },
}

/// Runs a tool to its end and returns what it wrote to its standard output.
pub async fn run(program: &str, arguments: &[&str]) -> Result<String, Error> {
    run_with_input(program, arguments, "").await
}

/// Runs a tool with text on its standard input and returns what it wrote to its standard output.
pub async fn run_with_input(
    program: &str,
    arguments: &[&str],
    input: &str,
) -> Result<String, Error> {
    let output = finish(program, arguments, input)
        .await
        .map_err(|source| Error::Start {
            program: program.to_owned(),
            source,
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Failed {
        line: line(program, arguments),
        said: said(&output),
    })
}

async fn finish(program: &str, arguments: &[&str], input: &str) -> io::Result<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()).await {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => drop(stdin),
        }
    }
    child.wait_with_output().await
}

fn line(program: &str, arguments: &[&str]) -> String {
    std::iter::once(program)
        .chain(arguments.iter().copied())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last lines of what a failed tool wrote, or its exit status when it was silent.
fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return output.status.to_string();
    }
    lines[lines.len().saturating_sub(3)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn output_and_input_pass_through() {
        assert_eq!(
            run_with_input("cat", &[], "three\nlines\nhere\n")
                .await
                .unwrap(),
            "three\nlines\nhere\n"
        );
    }

    #[tokio::test]
    async fn a_failure_names_the_line_and_what_was_said() {
        let error = run("ls", &["/no/such/folder"])
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("run `ls /no/such/folder`: "), "{error}");
        assert!(error.contains("No such file"), "{error}");
    }

    #[tokio::test]
    async fn a_silent_failure_says_its_exit_status() {
        let error = run("false", &[]).await.unwrap_err().to_string();
        assert_eq!(error, "run `false`: exit status: 1");
    }

    #[tokio::test]
    async fn a_missing_tool_is_named() {
        assert_eq!(
            run("no-such-tool", &[]).await.unwrap_err().to_string(),
            "start `no-such-tool`"
        );
    }

    #[tokio::test]
    async fn input_that_nobody_reads_is_no_error() {
        assert_eq!(
            run_with_input("true", &[], &"x".repeat(1 << 20))
                .await
                .unwrap(),
            ""
        );
    }
}
