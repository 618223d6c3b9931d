//! Running other programs. An error names the whole command, so that it can be typed again.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

/// Runs to the end; its output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed with {status}", shown(command));
    }
    Ok(())
}

/// Hands over to the program for good, so that a signal for this process reaches it.
pub(crate) fn hand_over(command: &mut Command) -> Result<ExitCode> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        Err(command.exec()).with_context(|| format!("cannot start `{}`", shown(command)))
    }
    #[cfg(not(unix))]
    run(command).map(|()| ExitCode::SUCCESS)
}

/// Runs to the end and returns its stdout; its stderr goes to the terminal.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String> {
    command.stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    if !output.status.success() {
        bail!("`{}` failed with {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", shown(command)))
}

/// Runs to the end, however that is, and returns its stdout and its exit code.
pub(crate) fn stdout_and_code(command: &mut Command) -> Result<(String, Option<i32>)> {
    let output = command.output().with_context(|| format!("cannot start `{}`", shown(command)))?;
    let text =
        String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", shown(command)))?;
    Ok((text, output.status.code()))
}

/// What a program left behind.
pub(crate) struct Captured {
    /// Its stdout; what is no UTF-8 is replaced.
    pub(crate) stdout: String,
    /// Its stderr, the same way.
    pub(crate) stderr: String,
    /// Its exit code, if it had one.
    pub(crate) code: Option<i32>,
}

/// Runs to the end, however that is, without input.
pub(crate) fn captured(command: &mut Command) -> Result<Captured> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start `{}`", shown(command)))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Captured { stdout: text(&output.stdout), stderr: text(&output.stderr), code: output.status.code() })
}

/// Asks a program something it may not know, or that may not exist: trimmed stdout, or `None`.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where a program stands on PATH. Debian keeps some tools in folders that only root has on it.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join(program)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    file.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("apt-get");
        command.args(["install", "a b", "", "--x=1"]);
        assert_eq!(shown(&command), "apt-get install 'a b' '' --x=1");
    }

    #[test]
    fn a_failing_command_is_named_in_the_error() {
        let error = run(Command::new("/nonexistent/tool").arg("x")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `/nonexistent/tool x`");
        assert_eq!(ask(&mut Command::new("/nonexistent/tool")), None);
    }
}
