//! An image on both machines.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::{Plan, image};
use crate::{process, qemu, workspace};

/// QEMU's processor with the extensions that our machine has, and no others.
const QEMU_CPU: &str = "rv64,h=off,Zfh=off,Zfhmin=off,zba=on,zbb=on,zbc=off,zbs=on,svinval=on";

/// Instructions after which our machine gives an image up.
const INSTRUCTIONS_MAX: &str = "400000000";

/// How long either machine may take for an image, which is a second or two.
const PATIENCE: Duration = Duration::from_secs(180);

/// What the two wrote.
pub(super) struct Outputs {
    pub(super) ours: Vec<u8>,
    pub(super) theirs: Vec<u8>,
}

/// The two machines, and where their files go.
pub(super) struct Machines {
    qemu: PathBuf,
    faultline: PathBuf,
    folder: PathBuf,
}

impl Machines {
    pub(super) fn new(plan: &Plan) -> Result<Self> {
        let folder = plan.folder.clone();
        fs::create_dir_all(&folder).with_context(|| workspace::shown(&folder))?;
        Ok(Self { qemu: plan.qemu.clone(), faultline: plan.faultline.clone(), folder })
    }

    /// Where a file with this name goes.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Boots the image on both, at the same time.
    pub(super) fn both(&self, image: &image::Plan) -> Result<Outputs> {
        let elf = self.file("cases.elf");
        fs::write(&elf, image::build(image)).with_context(|| workspace::shown(&elf))?;
        let mut faultline = Command::new(&self.faultline);
        faultline.arg("boot").arg(&elf).args(["--max-instructions", INSTRUCTIONS_MAX]);
        let mut qemu = qemu_command(&self.qemu);
        qemu.arg(&elf);
        std::thread::scope(|scope| {
            let theirs = scope.spawn(|| output(&mut qemu, &self.file("qemu.out")));
            let ours = output(&mut faultline, &self.file("faultline.out"))?;
            let theirs = theirs.join().map_err(|_| anyhow::anyhow!("waiting for QEMU failed"))??;
            ensure!(!theirs.is_empty(), "`{}` wrote nothing", process::shown(&qemu_command(&self.qemu)));
            Ok(Outputs { ours, theirs })
        })
    }
}

/// QEMU with its serial line on stdout; what to boot comes last.
fn qemu_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["-machine", "virt", "-bios", "none", "-m", "128M", "-display", "none"]);
    command.args(["-monitor", "none", "-serial", "stdio", "-cpu", QEMU_CPU, "-kernel"]);
    command
}

/// What a machine writes before it ends; one that does not end is ended.
fn output(command: &mut Command, to: &Path) -> Result<Vec<u8>> {
    let file = File::create(to).with_context(|| workspace::shown(to))?;
    command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| process::shown(command))?;
    qemu::wait(&mut child, PATIENCE)?;
    fs::read(to).with_context(|| workspace::shown(to))
}
