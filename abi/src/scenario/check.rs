//! Every limit of a scenario, checked before anything is used.

use alloc::{format, string::String};
use core::fmt;

use super::{
    Anchor, Ask, Checkpoints, ExtraFile, FORMAT, Image, MachineSettings, Question, Scenario, Start, Unknown,
    limits,
};

/// Why a scenario is refused: the field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Path of the field, such as `machine.memory_mib`.
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl Refused {
    /// What is wrong with a field.
    #[must_use]
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field `{}`: {}", self.field, self.reason)
    }
}

impl core::error::Error for Refused {}

type Checked = Result<(), Refused>;

fn refuse<T>(field: impl Into<String>, reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::new(field, reason))
}

impl Scenario {
    /// Checks every limit.
    ///
    /// # Errors
    /// The first field that breaks one.
    pub fn check(&self) -> Checked {
        if self.faultline != FORMAT {
            let reason =
                format!("format version {} is unknown; this build reads version {FORMAT}", self.faultline);
            return refuse("faultline", reason);
        }
        text("title", &self.title)?;
        text("summary", &self.summary)?;
        if self.title.trim().is_empty() {
            return refuse("title", "is empty; give the scenario a name");
        }
        self.machine.check()?;
        self.check_kernel()?;
        self.check_images()?;
        files(&self.files)?;
        if self.images.disk.is_none() && !self.files.is_empty() {
            return refuse("files", "there is no disk to put them on: `images.disk` is null");
        }
        self.check_inputs()?;
        self.check_narration()?;
        each("quiz", &self.quiz, |field, question| question.check(field))?;
        match &self.start {
            Some(Start::Event(at)) => anchor("start.event", at)?,
            Some(Start::Beginning | Start::End | Start::Step(_)) | None => {}
        }
        self.check_digests()?;
        self.check_unknown()
    }

    fn check_images(&self) -> Checked {
        image("images.kernel", &self.images.kernel)?;
        let others = [("images.disk", &self.images.disk), ("images.program", &self.images.program)];
        others.into_iter().try_for_each(|(field, other)| other.as_ref().map_or(Ok(()), |it| image(field, it)))
    }

    fn check_kernel(&self) -> Checked {
        for (key, value) in &self.kernel {
            let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
            if key.is_empty() || !plain(key) || key.contains('=') {
                return refuse(
                    format!("kernel.{key}"),
                    "an option's name is printable, without spaces or `=`",
                );
            }
            if !plain(value) {
                return refuse(format!("kernel.{key}"), "an option's value is printable, without spaces");
            }
        }
        let length = self.command_line().len();
        if length > limits::COMMAND_LINE {
            let reason =
                format!("the command line has {length} characters; at most {}", limits::COMMAND_LINE);
            return refuse("kernel", reason);
        }
        Ok(())
    }

    fn check_inputs(&self) -> Checked {
        each("inputs", &self.inputs, |field, input| text(&format!("{field}.text"), &input.text))?;
        match self.inputs.windows(2).position(|pair| pair[0].instret > pair[1].instret) {
            Some(i) => refuse(
                format!("inputs[{}].instret", i + 1),
                "inputs must stand in order of instruction count",
            ),
            None => Ok(()),
        }
    }

    fn check_narration(&self) -> Checked {
        each("narration", &self.narration, |field, note| {
            anchor(&format!("{field}.at"), &note.at)?;
            text(&format!("{field}.text"), &note.text)?;
            text(&format!("{field}.speaker"), &note.speaker)
        })
    }

    fn check_digests(&self) -> Checked {
        digest("digest.semantic", self.digest.semantic.as_deref())?;
        digest("digest.exact", self.digest.exact.as_deref())?;
        self.digest.checkpoints.as_ref().map_or(Ok(()), Checkpoints::check)
    }

    /// What this version does not know must stay small enough to carry along.
    fn check_unknown(&self) -> Checked {
        let mut count = 0;
        for unknown in self.every_unknown() {
            let (values, depth) = unknown.size();
            count += values;
            let field = unknown.fields().first().map_or("", |(name, _)| name);
            if depth > limits::UNKNOWN_DEPTH {
                return refuse(
                    field,
                    format!(
                        "this version does not know the field, and it is nested deeper than {} levels",
                        limits::UNKNOWN_DEPTH
                    ),
                );
            }
            if count > limits::UNKNOWN {
                return refuse(
                    field,
                    format!(
                        "fields that this version does not know hold more than {} values",
                        limits::UNKNOWN
                    ),
                );
            }
        }
        Ok(())
    }

    fn every_unknown(&self) -> impl Iterator<Item = &Unknown> {
        let images = &self.images;
        let image = |image: &'static str| match image {
            "kernel" => Some(&images.kernel.unknown),
            "disk" => images.disk.as_ref().map(|disk| &disk.unknown),
            _ => images.program.as_ref().map(|program| &program.unknown),
        };
        let start = match &self.start {
            Some(Start::Event(at)) => Some(&at.unknown),
            _ => None,
        };
        let checkpoints = self.digest.checkpoints.as_ref().map(|checkpoints| &checkpoints.unknown);
        [&self.unknown, &self.machine.unknown, &images.unknown, &self.digest.unknown]
            .into_iter()
            .chain(["kernel", "disk", "program"].into_iter().filter_map(image))
            .chain(start)
            .chain(checkpoints)
            .chain(self.files.iter().map(|file| &file.unknown))
            .chain(self.inputs.iter().map(|input| &input.unknown))
            .chain(self.narration.iter().flat_map(|note| [&note.unknown, &note.at.unknown]))
            .chain(self.quiz.iter().flat_map(|question| {
                let ask = match &question.ask {
                    Ask::Choices(choices) => &choices.unknown,
                    Ask::Predict(prediction) => &prediction.unknown,
                };
                [&question.unknown, &question.at.unknown, ask]
            }))
    }
}

impl MachineSettings {
    /// Checks the limits of the board.
    ///
    /// # Errors
    /// The first field that breaks one.
    pub fn check(&self) -> Checked {
        let (min, max) = (limits::MEMORY_MIB_MIN, limits::MEMORY_MIB_MAX);
        if !(min..=max).contains(&self.memory_mib) {
            return refuse("machine.memory_mib", format!("{} MiB; give {min} to {max}", self.memory_mib));
        }
        if !(1..=limits::HARTS_MAX).contains(&self.harts) {
            return refuse("machine.harts", format!("{} harts; give 1 to {}", self.harts, limits::HARTS_MAX));
        }
        if self.max_instructions > limits::INSTRUCTIONS_MAX {
            return refuse("machine.max_instructions", format!("at most {:#x}", limits::INSTRUCTIONS_MAX));
        }
        Ok(())
    }
}

impl Question {
    fn check(&self, field: &str) -> Checked {
        anchor(&format!("{field}.at"), &self.at)?;
        text(&format!("{field}.question"), &self.question)?;
        text(&format!("{field}.explanation"), &self.explanation)?;
        if self.question.trim().is_empty() {
            return refuse(format!("{field}.question"), "is empty; ask something");
        }
        let Ask::Choices(choices) = &self.ask else { return Ok(()) };
        let (of, right) = (format!("{field}.ask.choices.of"), format!("{field}.ask.choices.right"));
        if !(2..=limits::CHOICES).contains(&choices.of.len()) {
            return refuse(of, format!("{} answers; give 2 to {}", choices.of.len(), limits::CHOICES));
        }
        each(&of, &choices.of, |field, answer| text(field, answer))?;
        if choices.right as usize >= choices.of.len() {
            return refuse(right, format!("there is no answer {}; they are counted from 0", choices.right));
        }
        Ok(())
    }
}

impl Checkpoints {
    fn check(&self) -> Checked {
        for (name, every, list) in
            [("events", self.events, &self.exact), ("lines", self.lines, &self.semantic)]
        {
            if every == 0 && !list.is_empty() {
                return refuse(
                    format!("digest.checkpoints.{name}"),
                    "is 0; give the distance of the checkpoints",
                );
            }
        }
        let one = |field: &str, text: &String| hexadecimal(field, text, limits::CHECKPOINT_DIGITS);
        each("digest.checkpoints.exact", &self.exact, one)?;
        each("digest.checkpoints.semantic", &self.semantic, one)
    }
}

impl ExtraFile {
    /// The file's contents.
    ///
    /// # Errors
    /// What is wrong, where neither or both forms are given, or the base64 is none.
    pub fn bytes(&self) -> Result<alloc::vec::Vec<u8>, &'static str> {
        match (&self.text, &self.base64) {
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(base64)) => crate::base64::decode(base64).ok_or("is no base64 with padding"),
            _ => Err("give either `text` or `base64`"),
        }
    }

    /// Whether the name is one of 8 and 3 characters, as a FAT root folder has it.
    fn is_well_named(&self) -> bool {
        let part = |part: &str, most: usize| {
            (1..=most).contains(&part.len())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        match self.name.split_once('.') {
            Some((stem, extension)) => part(stem, 8) && part(extension, 3),
            None => part(&self.name, 8),
        }
    }
}

fn files(files: &[ExtraFile]) -> Checked {
    if files.len() > limits::FILES {
        return refuse("files", format!("{} entries; at most {}", files.len(), limits::FILES));
    }
    let mut total = 0;
    each("files", files, |field, file| {
        if !file.is_well_named() {
            return refuse(
                format!("{field}.name"),
                "a name of at most eight letters, digits, `-` or `_`, then perhaps `.` and three more",
            );
        }
        total += file.bytes().map_err(|reason| Refused::new(field, reason))?.len();
        if total > limits::FILES_BYTES {
            return refuse(field, format!("all files together have more than {} bytes", limits::FILES_BYTES));
        }
        Ok(())
    })?;
    let twice = |(i, file): (usize, &ExtraFile)| {
        files[..i].iter().any(|other| other.name.eq_ignore_ascii_case(&file.name)).then_some(i)
    };
    match files.iter().enumerate().find_map(twice) {
        Some(i) => refuse(format!("files[{i}].name"), "stands twice"),
        None => Ok(()),
    }
}

/// Checks a list's length, then each entry by its field.
fn each<T>(field: &str, list: &[T], mut check: impl FnMut(&str, &T) -> Checked) -> Checked {
    if list.len() > limits::LIST {
        return refuse(field, format!("{} entries; at most {}", list.len(), limits::LIST));
    }
    list.iter().enumerate().try_for_each(|(i, entry)| check(&format!("{field}[{i}]"), entry))
}

fn text(field: &str, value: &str) -> Checked {
    if value.chars().count() > limits::TEXT_CHARS {
        return refuse(field, format!("longer than {} characters", limits::TEXT_CHARS));
    }
    Ok(())
}

/// What kinds of events there are is known to the machine; here it is only a short word.
fn anchor(field: &str, at: &Anchor) -> Checked {
    let plain = |c: char| c.is_ascii_lowercase() || c == '-';
    if at.kind.is_empty() || at.kind.len() > 40 || !at.kind.chars().all(plain) {
        return refuse(
            format!("{field}.kind"),
            "the kind of an event in small letters, such as `page-fault` or `resolved`",
        );
    }
    Ok(())
}

fn image(field: &str, image: &Image) -> Checked {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if image.name.is_empty()
        || image.name.starts_with('.')
        || image.name.len() > limits::NAME_CHARS
        || !image.name.chars().all(plain)
    {
        return refuse(
            format!("{field}.name"),
            "a plain file name: letters, digits, `.`, `-`, `_`; no folder",
        );
    }
    digest(&format!("{field}.sha256"), image.sha256.as_deref())
}

fn digest(field: &str, value: Option<&str>) -> Checked {
    match value {
        Some(hex) if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            refuse(field, "a SHA-256 digest is 64 hexadecimal digits")
        }
        _ => Ok(()),
    }
}

fn hexadecimal(field: &str, value: &str, digits: usize) -> Checked {
    if value.len() != digits || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return refuse(field, format!("a checkpoint is {digits} hexadecimal digits"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Choices, Input, Note};

    fn sample() -> Scenario {
        let kernel = [("sbrk", "lazy"), ("init", "lazy")].map(|(k, v)| (k.into(), v.into())).into();
        Scenario { kernel, ..Scenario::named("t") }
    }

    fn question(of: &[&str], right: u32) -> Question {
        let of = of.iter().map(|&answer| answer.into()).collect();
        Question {
            at: Anchor::new("page-fault", 0),
            question: "why?".into(),
            ask: Ask::Choices(Choices { of, right, ..Choices::default() }),
            explanation: String::new(),
            unknown: Unknown::default(),
        }
    }

    #[test]
    fn options_become_a_command_line_in_a_fixed_order() {
        assert_eq!(sample().command_line(), "init=lazy sbrk=lazy");
    }

    #[test]
    fn a_refusal_names_the_field() {
        type Break = fn(&mut Scenario);
        let cases: [(&str, Break); 20] = [
            ("faultline", |s| s.faultline = 2),
            ("title", |s| s.title = " ".into()),
            ("machine.memory_mib", |s| s.machine.memory_mib = 0),
            ("machine.harts", |s| s.machine.harts = 9),
            ("machine.max_instructions", |s| s.machine.max_instructions = u64::MAX),
            ("kernel.a b", |s| drop(s.kernel.insert("a b".into(), "c".into()))),
            ("kernel.k", |s| drop(s.kernel.insert("k".into(), "two words".into()))),
            ("images.kernel.name", |s| s.images.kernel.name = "../secret".into()),
            ("images.program.sha256", |s| {
                s.images.program = Some(Image { sha256: Some("1".into()), ..Image::named("lazy") });
            }),
            ("digest.semantic", |s| s.digest.semantic = Some("12".into())),
            ("digest.checkpoints.events", |s| {
                let exact = ["0".repeat(16)].into();
                s.digest.checkpoints = Some(Checkpoints { exact, ..Checkpoints::default() });
            }),
            ("digest.checkpoints.semantic[0]", |s| {
                let semantic = ["0".repeat(64)].into();
                s.digest.checkpoints = Some(Checkpoints { lines: 1, semantic, ..Checkpoints::default() });
            }),
            ("inputs[1].instret", |s| {
                let input = |instret| Input { instret, text: "x".into(), ..Input::default() };
                s.inputs = [input(2), input(1)].into();
            }),
            ("narration[0].at.kind", |s| {
                s.narration = [Note { at: Anchor::new("Page Fault", 0), ..Note::default() }].into();
            }),
            ("quiz[0].ask.choices.of", |s| s.quiz = [question(&["a"], 0)].into()),
            ("quiz[1].ask.choices.right", |s| {
                s.quiz = [question(&["a", "b"], 1), question(&["a", "b"], 2)].into();
            }),
            ("start.event.kind", |s| s.start = Some(Start::Event(Anchor::new("", 0)))),
            ("files[0].name", |s| s.files = [ExtraFile::default()].into()),
            ("files[0]", |s| {
                s.files = [ExtraFile { name: "a.txt".into(), ..ExtraFile::default() }].into();
            }),
            ("files[1].name", |s| {
                let file = |name: &str| ExtraFile {
                    name: name.into(),
                    text: Some(String::new()),
                    ..ExtraFile::default()
                };
                s.files = [file("a.txt"), file("A.TXT")].into();
            }),
        ];
        assert_eq!(sample().check(), Ok(()));
        for (field, break_it) in cases {
            let mut scenario = sample();
            break_it(&mut scenario);
            assert_eq!(scenario.check().unwrap_err().field, field);
        }
    }
}
