//! QEMU as a second opinion: the same kernel, disk and options on another implementation of the board.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use faultline_abi::scenario::MachineSettings;

use crate::{
    packages,
    process::{self, Captured},
    workspace,
};

const QEMU: &str = "qemu-system-riscv64";

/// What to boot, apart from the images.
pub(crate) struct Boot {
    pub(crate) memory_mib: u32,
    /// The kernel's options, as on its command line.
    pub(crate) append: String,
}

impl Boot {
    /// The default board with these kernel options.
    pub(crate) fn with_options(append: String) -> Self {
        Self { memory_mib: MachineSettings::default().memory_mib, append }
    }
}

/// QEMU, installed if that is allowed.
pub(crate) fn ensure() -> Result<PathBuf> {
    if let Some(qemu) = process::find(QEMU) {
        return Ok(qemu);
    }
    packages::install(&["qemu-system-misc"], "booting the kernel on QEMU")?;
    process::find(QEMU).with_context(|| format!("{QEMU} is still missing after its package was installed"))
}

/// The command that boots the guest images on the board that Faultline's machine is modelled on.
pub(crate) fn command(qemu: &Path, boot: &Boot) -> Command {
    let guest = workspace::guest_images();
    let mut command = Command::new(qemu);
    command.args(["-machine", "virt", "-bios", "none", "-nographic", "-smp", "1"]);
    command.args(["-m", &format!("{}M", boot.memory_mib)]);
    command.arg("-kernel").arg(guest.join("kernel.elf"));
    command.args(["-append", &boot.append]);
    command.args(["-global", "virtio-mmio.force-legacy=false"]);
    // A snapshot: what the guest writes is forgotten, so that the image stays what it was.
    command
        .arg("-drive")
        .arg(format!("file={},if=none,format=raw,id=disk,snapshot=on", guest.join("disk.img").display()));
    command.args(["-device", "virtio-blk-device,drive=disk,bus=virtio-mmio-bus.0"]);
    command
}

/// Runs to the guest's end; its console and its exit code.
pub(crate) fn finished(boot: &Boot, limit: Duration) -> Result<Captured> {
    let folder = workspace::target().join("qemu");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let file = folder.join("console.txt");
    let (stdout, code) = to_the_end(&mut command(&ensure()?, boot), &file, limit)?;
    Ok(Captured { stdout, stderr: String::new(), code })
}

/// What a traced run left behind.
pub(crate) struct Traced {
    /// QEMU's log of traps.
    pub(crate) log: String,
    /// The guest's console.
    pub(crate) console: String,
    /// The guest's exit code.
    pub(crate) code: Option<i32>,
}

/// Runs to the guest's end with a log of every trap.
pub(crate) fn traced(boot: &Boot, limit: Duration) -> Result<Traced> {
    let folder = workspace::target().join("qemu");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let (log, console) = (folder.join("traps.log"), folder.join("console.txt"));
    let mut command = command(&ensure()?, boot);
    command.args(["-d", "int", "-D"]).arg(&log);
    // Time by instructions, as in Faultline: 8 ns for each, so the timer fires at the same ones in every run,
    // however busy the host is.
    command.args(["-icount", "shift=3,sleep=off"]);
    let (console, code) = to_the_end(&mut command, &console, limit)?;
    Ok(Traced { log: text(&log)?, console, code })
}

/// Runs QEMU with the guest's console in `file`; what it printed, and the exit code.
fn to_the_end(command: &mut Command, file: &Path, limit: Duration) -> Result<(String, Option<i32>)> {
    let output = fs::File::create(file).with_context(|| format!("creating {}", file.display()))?;
    command.stdin(Stdio::null()).stdout(output);
    let shown = process::shown(command);
    let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let Some(status) = wait(&mut child, limit)? else {
        bail!("the guest did not end within {} s on QEMU: `{shown}`", limit.as_secs());
    };
    Ok((text(file)?, status.code()))
}

fn text(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Waits for the end; past the limit the child is ended and `None` returned.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Result<Option<std::process::ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_that_does_not_end_is_ended() {
        let mut sleeper = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(wait(&mut sleeper, Duration::from_millis(50)).unwrap().is_none());
        let mut quick = Command::new("true").spawn().unwrap();
        assert!(wait(&mut quick, Duration::from_secs(20)).unwrap().unwrap().success());
    }
}
