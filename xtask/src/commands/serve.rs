//! `cargo xtask serve`.

use std::{
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Result, ensure};
use clap::Args;

use crate::{
    process, server, ui,
    web::{self, Profile},
    workspace,
};

const PORT: u16 = 8080;
/// How many ports above [`PORT`] are tried.
const MORE_PORTS: u16 = 20;

#[derive(Args)]
pub(crate) struct Options {
    /// Port to serve on [default: the first free one from 8080]
    #[arg(long)]
    port: Option<u16>,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// Compile the page again in seconds, larger and slower than it is published
    #[arg(long)]
    dev: bool,
    /// Serve what was built last
    #[arg(long)]
    no_build: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let start = Instant::now();
    let profile = if options.dev { Profile::Quick } else { Profile::Whole };
    let dist = if options.no_build { workspace::dist() } else { web::build(profile)? };
    ensure!(
        dist.join("index.html").exists(),
        "nothing is built yet; run `cargo xtask serve` without --no-build"
    );
    let ports = options.port.map_or(PORT..=PORT + MORE_PORTS, |port| port..=port);
    let server = server::start(&dist, ports)?;
    ui::begin(&format!("Ready after {}: open {} (Ctrl-C ends)", ui::seconds(start.elapsed()), server.url()));
    if options.open {
        open(&server.url());
    }
    server.wait();
    Ok(ExitCode::SUCCESS)
}

fn open(url: &str) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if let Err(error) = process::run(Command::new(opener).arg(url)) {
        ui::warn(&format!("{error}; open the address yourself"));
    }
}
