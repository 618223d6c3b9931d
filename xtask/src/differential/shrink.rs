//! A difference, cut down: from the image to the case, and from the case to the steps that it takes.

use std::{
    fmt::Write as _,
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::{
    image::{self, Detail, Plan},
    layout::CODE,
    report,
    run::Machines,
};
use crate::{process, workspace};

/// Boots that cutting down may take.
const TRIALS_MAX: u32 = 150;

/// Says where the two machines part in case number `case` of an image, and by which code.
pub(super) fn explain(machines: &Machines, image: &Plan, case: usize) -> Result<String> {
    let seed = image.cases[case].seed;
    let mut text = format!("seed {seed}, tables of seed {}:\n", image.tables_seed);
    let alone = Plan { cases: vec![image.cases[case].clone()], detail: Detail::Everything, ..image.clone() };
    let Some(difference) = differs(machines, &alone)? else {
        // It takes what the cases before it left in memory and tables.
        let cases = image.cases[..=case].to_vec();
        let together = Plan { cases, detail: Detail::Everything, ..image.clone() };
        let difference = differs(machines, &together)?;
        let _ = writeln!(text, "only behind the {case} cases before it");
        text.push_str(&difference.unwrap_or_else(|| "and not when it is written out\n".into()));
        return Ok(text);
    };
    text.push_str(&difference);
    let smallest = smallest(machines, alone)?;
    let _ = writeln!(text, "cut down to the steps {:?}:", smallest.cases[0].steps);
    text.push_str(&differs(machines, &smallest)?.unwrap_or_default());
    text.push_str(&listing(machines, &smallest)?);
    Ok(text)
}

fn differs(machines: &Machines, plan: &Plan) -> Result<Option<String>> {
    Ok(report::first_difference(&machines.both(plan)?))
}

/// Leaves out ever smaller pieces, as long as the difference stays.
fn smallest(machines: &Machines, mut plan: Plan) -> Result<Plan> {
    let mut trials = 0;
    let mut piece = plan.cases[0].steps.len().div_ceil(2);
    while piece > 0 && trials < TRIALS_MAX {
        let mut at = 0;
        while at < plan.cases[0].steps.len() && trials < TRIALS_MAX {
            let mut shorter = plan.clone();
            let end = shorter.cases[0].steps.len().min(at + piece);
            shorter.cases[0].steps.drain(at..end);
            trials += 1;
            match differs(machines, &shorter)? {
                Some(_) => plan = shorter,
                None => at += piece,
            }
        }
        piece /= 2;
    }
    Ok(plan)
}

/// The code of the only case, disassembled where objdump is at hand.
fn listing(machines: &Machines, plan: &Plan) -> Result<String> {
    let code = image::code(plan);
    let file = machines.file("smallest.bin");
    fs::write(&file, &code).with_context(|| workspace::shown(&file))?;
    let mut objdump = Command::new("riscv64-unknown-elf-objdump");
    objdump.args(["-D", "-b", "binary", "-m", "riscv:rv64", "--adjust-vma", &CODE.to_string()]).arg(&file);
    let text = process::ask(objdump.stderr(Stdio::null()));
    Ok(text.map_or_else(
        || format!("code in {}\n", workspace::shown(&file)),
        |text| text.lines().filter(|line| line.contains('\t')).map(|line| format!("  {line}\n")).collect(),
    ))
}
