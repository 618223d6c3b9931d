//! Where events and the console go.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use faultline_machine::digest::{Exact, Semantic};
use faultline_machine::event::{Event, Selector, What};
use faultline_machine::observer::Context;
use faultline_machine::recorder::Sink;

use crate::failure::Failure;

/// What the digests of a run are needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digesting {
    /// They are to be printed or compared.
    On,
    /// Nobody asks.
    Off,
}

/// Numbers the events of a run, writes them, counts them and takes their digests.
pub(crate) struct Output {
    events: Option<Stream>,
    console: BufWriter<Box<dyn Write>>,
    digests: Option<(Exact, Semantic)>,
    count: u64,
    page_faults: u64,
    warnings: Option<u64>,
    until: Option<Selector>,
    found: bool,
    failed: Option<io::Error>,
}

struct Stream {
    name: PathBuf,
    writer: BufWriter<Box<dyn Write>>,
}

impl Stream {
    fn open(path: &Path) -> Result<Self, Failure> {
        let writer: Box<dyn Write> = if path == Path::new("-") {
            Box::new(stdout())
        } else {
            Box::new(File::create(path).map_err(|error| Failure::file(path, error))?)
        };
        Ok(Self { name: path.into(), writer: BufWriter::with_capacity(1 << 16, writer) })
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        self.writer.write_all(line.as_bytes())?;
        self.writer.write_all(b"\n")
    }
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Totals {
    /// Events.
    pub(crate) events: u64,
    /// Page faults among them.
    pub(crate) page_faults: u64,
    /// Exact and semantic digest, where they were taken.
    pub(crate) digests: Option<(String, Semantic)>,
    /// Whether what `--until` names happened.
    pub(crate) found: bool,
    /// Warnings that were told.
    pub(crate) warnings: u64,
}

impl Output {
    /// Opens the stream of events. While it goes to stdout, the console goes to stderr.
    pub(crate) fn new(
        events: Option<&Path>,
        until: Option<Selector>,
        digesting: Digesting,
    ) -> Result<Self, Failure> {
        let console: Box<dyn Write> =
            if events == Some(Path::new("-")) { Box::new(stderr()) } else { Box::new(stdout()) };
        Ok(Self {
            events: events.map(Stream::open).transpose()?,
            console: BufWriter::new(console),
            digests: (digesting == Digesting::On).then(Default::default),
            count: 0,
            page_faults: 0,
            warnings: None,
            until,
            found: false,
            failed: None,
        })
    }

    /// An output that writes nothing and only takes digests.
    pub(crate) fn silent() -> Self {
        Self {
            events: None,
            console: BufWriter::new(Box::new(io::sink())),
            digests: Some(Default::default()),
            count: 0,
            page_faults: 0,
            warnings: None,
            until: None,
            found: false,
            failed: None,
        }
    }

    /// The same output, which also tells each warning on stderr.
    pub(crate) fn telling_warnings(self) -> Self {
        Self { warnings: Some(0), ..self }
    }

    fn tell(&mut self, what: &What) {
        if let (What::Warning(warning), Some(count)) = (what, &mut self.warnings) {
            *count += 1;
            eprintln!("faultline: warning: {}", warning.text);
        }
    }

    /// Puts on the screen what waits in buffers.
    pub(crate) fn flush(&mut self) {
        let events = self.events.as_mut().map_or(Ok(()), |stream| stream.writer.flush());
        let flushed = events.and(self.console.flush());
        self.check(flushed);
    }

    /// Ends the output.
    ///
    /// # Errors
    /// Where something could not be written. A reader that left early is no error.
    pub(crate) fn finish(mut self) -> Result<Totals, Failure> {
        self.flush();
        if let Some(error) = self.failed.filter(|error| error.kind() != ErrorKind::BrokenPipe) {
            let name = self.events.map_or_else(|| "the console".into(), |stream| stream.name);
            return Err(Failure::file(&name, format!("cannot be written: {error}")));
        }
        Ok(Totals {
            events: self.count,
            page_faults: self.page_faults,
            digests: self.digests.map(|(exact, semantic)| (exact.finish(), semantic)),
            found: self.found,
            warnings: self.warnings.unwrap_or(0),
        })
    }

    fn check(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
    }

    fn print(&mut self, event: &Event) {
        if self.events.is_none() && self.digests.is_none() {
            return;
        }
        let line = event.to_json();
        if let Some((exact, semantic)) = &mut self.digests {
            exact.add_line(&line);
            semantic.add(&event.what, event.mode);
        }
        let written = self.events.as_mut().map_or(Ok(()), |stream| stream.line(&line));
        self.check(written);
    }
}

impl Sink for Output {
    fn event(&mut self, cx: &Context, what: What) {
        self.page_faults += u64::from(what.page_fault().is_some());
        self.found |= self.until.is_some_and(|selector| selector.matches(&what));
        self.tell(&what);
        let event = Event::new(self.count, cx, what);
        self.count += 1;
        self.print(&event);
    }

    fn console(&mut self, _: &Context, byte: u8) {
        let written = self.console.write_all(&[byte]);
        self.check(written);
        if byte == b'\n' {
            let flushed = self.console.flush();
            self.check(flushed);
        }
    }

    fn stop(&self) -> bool {
        self.found || self.failed.is_some()
    }
}
