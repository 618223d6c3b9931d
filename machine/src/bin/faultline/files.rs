//! Finding and reading the files of a run.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use faultline_abi::PhysAddr;
use faultline_abi::scenario::{Image, Scenario, limits};
use faultline_machine::digest::sha256;
use faultline_machine::loader::{self, LoadError, LoadedProgram};
use faultline_machine::recorded::Identities;
use faultline_machine::scenario;

use crate::ScenarioArguments;
use crate::failure::Failure;

/// Largest kernel or disk that is read.
const IMAGE_BYTES: u64 = 1 << 30;
/// Environment variable that names the folder of the guest's images.
const GUEST_VARIABLE: &str = "FAULTLINE_GUEST";
/// Where `cargo xtask guest` puts them, below the root of the project.
const GUEST_FOLDER: &str = "target/guest";
/// Names that say "this is a raw image". Under another name a file must look like one.
const RAW_EXTENSIONS: [&str; 3] = ["bin", "img", "raw"];

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let failure = |error: std::io::Error| Failure::file(path, error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failure)?;
    if file.metadata().map_err(failure)?.is_dir() {
        return Err(Failure::file(path, "a folder; a file is needed"));
    }
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failure)?;
    if bytes.len() as u64 > limit {
        return Err(Failure::file(path, format!("larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// Reads a kernel or a disk.
pub(crate) fn image(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path, IMAGE_BYTES)
}

/// Reads a scenario and applies what the command line changes in it.
pub(crate) fn scenario(arguments: &ScenarioArguments) -> Result<Scenario, Failure> {
    let path = &arguments.scenario;
    let bytes = read(path, limits::FILE_BYTES as u64)?;
    let mut scenario = scenario::parse(&bytes).map_err(|error| Failure::file(path, error))?;
    for setting in &arguments.settings {
        scenario::set(&mut scenario, setting).map_err(|error| Failure::new(format!("--set: {error}")))?;
    }
    if let Some(count) = arguments.max_instructions {
        scenario.machine.max_instructions = count;
    }
    Ok(scenario)
}

/// The images that a scenario names.
#[derive(Debug)]
pub(crate) struct Images {
    /// The kernel.
    pub(crate) kernel: Vec<u8>,
    /// The kernel's file, for messages.
    pub(crate) kernel_path: PathBuf,
    /// The disk, if the scenario has one.
    pub(crate) disk: Option<Vec<u8>>,
}

/// Reads the images of a scenario from the folder where they are built. Where images of certain identities are
/// wanted, by the scenario or by the caller, older ones are looked for under their SHA-256 in its folder
/// `images`.
pub(crate) fn images(
    scenario: &Scenario,
    arguments: &ScenarioArguments,
    wanted: Option<&Identities>,
) -> Result<Images, Failure> {
    let folder = guest_folder(arguments.guest.as_deref(), &arguments.scenario)?;
    let kernel_path = folder.join(&scenario.images.kernel.name);
    let kernel = one_image(&folder, &scenario.images.kernel, wanted.map(|wanted| wanted.kernel.as_str()))?;
    let disk_wanted = wanted.and_then(|wanted| wanted.disk.as_deref());
    let disk =
        scenario.images.disk.as_ref().map(|image| one_image(&folder, image, disk_wanted)).transpose()?;
    Ok(Images { kernel, kernel_path, disk })
}

fn one_image(folder: &Path, named: &Image, wanted: Option<&str>) -> Result<Vec<u8>, Failure> {
    let path = folder.join(&named.name);
    let built = if path.exists() { Some(image(&path)?) } else { None };
    let wanted =
        wanted.or(named.sha256.as_deref()).filter(|hash| hash.bytes().all(|b| b.is_ascii_hexdigit()));
    if let Some(hash) = wanted.map(str::to_ascii_lowercase)
        && built.as_deref().is_none_or(|bytes| sha256(bytes) != hash)
    {
        let older = folder.join("images").join(&hash);
        if older.is_file() {
            return image(&older);
        }
    }
    built.ok_or_else(|| missing(&path))
}

fn missing(path: &Path) -> Failure {
    Failure::file(path, "not found (build it with `cargo xtask guest`, or name its folder with --guest)")
}

/// `--guest`, then the environment, then `target/guest` above the working folder or the scenario.
pub(crate) fn guest_folder(guest: Option<&Path>, scenario: &Path) -> Result<PathBuf, Failure> {
    if let Some(folder) = guest {
        return Ok(folder.into());
    }
    if let Some(folder) = std::env::var_os(GUEST_VARIABLE).filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let here = std::env::current_dir().unwrap_or_default();
    let scenario = fs::canonicalize(scenario).unwrap_or_default();
    here.ancestors()
        .chain(scenario.ancestors())
        .map(|folder| folder.join(GUEST_FOLDER))
        .find(|folder| folder.is_dir())
        .ok_or_else(|| missing(Path::new(GUEST_FOLDER)))
}

/// Reads a kernel or a firmware that the user named: an ELF file, or a raw image if it is named or
/// looks like one, which then goes to `raw_at`.
pub(crate) fn kernel(path: &Path, raw_at: u64) -> Result<LoadedProgram, Failure> {
    let bytes = image(path)?;
    let named =
        |names: &[&str]| path.extension().is_some_and(|name| names.iter().any(|known| name == *known));
    let raw = named(&RAW_EXTENSIONS) || (!named(&["elf"]) && loader::looks_raw(&bytes));
    let program = if raw && !loader::is_elf(&bytes) {
        LoadedProgram::from_raw_at(bytes, PhysAddr::new(raw_at))
    } else {
        LoadedProgram::from_elf(&bytes)
    };
    program.map_err(|error| match error {
        LoadError::NotElf => Failure::file(
            path,
            format!("{error}, nor does it look like a raw image; name one .bin, .img or .raw"),
        ),
        error => Failure::file(path, error),
    })
}
