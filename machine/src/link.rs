//! A scenario, a position and the layout of a page, as the fragment of a URL.
//!
//! The fragment is JSON, deflated (RFC 1951), in base64url without padding (RFC 4648, section 5). Who
//! reads one believes nothing: the fragment, what it inflates to and the ratio of both are capped, and
//! the scenario inside is checked like a file.

use std::fmt;

use faultline_abi::base64;
use faultline_abi::scenario::{Refused, Scenario, Start, limits};
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::scenario::{self, ScenarioError};

/// Characters of a fragment; what does not fit becomes a file.
pub const FRAGMENT_CHARS: usize = 8192;
/// Characters of the layout.
pub const LAYOUT_CHARS: usize = 1000;
/// What begins every fragment: the version of its form.
const PREFIX: &str = "s1.";
/// How hard to compress, 0 to 10.
const LEVEL: u8 = 9;
/// How many times larger than the compressed bytes the JSON may be. Text reaches 10; only what was made to
/// harm reaches more than this.
const RATIO: usize = 100;

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The scenario, checked.
    pub scenario: Scenario,
    /// Where to stand.
    pub position: Option<Start>,
    /// How the page is laid out, in the page's own words; printable ASCII.
    pub layout: String,
}

/// Why there is no link, or why one is refused.
#[derive(Debug)]
pub enum LinkError {
    /// It would have, or has, more characters than a link may have.
    TooLong(usize),
    /// It does not begin as a link does, or has characters that none has.
    NotALink,
    /// The compressed bytes are damaged or cut off.
    Damaged,
    /// It inflates to too much.
    TooLarge,
    /// Inside is no JSON, or a field has the wrong type.
    Json(serde_json::Error),
    /// A field breaks a limit.
    Refused(Refused),
    /// The scenario is refused.
    Scenario(ScenarioError),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(chars) => {
                write!(f, "{chars} characters; a link has at most {FRAGMENT_CHARS}, save a file instead")
            }
            Self::NotALink => write!(f, "not a link: it has to begin with `{PREFIX}` and go on in base64url"),
            Self::Damaged => f.write_str("the link is damaged or cut off; ask for it again"),
            Self::TooLarge => write!(
                f,
                "the link holds more than {} bytes, or grows more than {RATIO} times",
                limits::FILE_BYTES
            ),
            Self::Json(error) => write!(f, "what the link holds is no scenario: {error}"),
            Self::Refused(refused) => write!(f, "in the link: {refused}"),
            Self::Scenario(error) => write!(f, "in the link: {error}"),
        }
    }
}

impl std::error::Error for LinkError {}

/// What is compressed.
#[derive(Serialize)]
struct Written<'a> {
    scenario: &'a Scenario,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: &'a Option<Start>,
    #[serde(skip_serializing_if = "str::is_empty")]
    layout: &'a str,
}

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    scenario: &'a RawValue,
    #[serde(default)]
    position: Option<Start>,
    #[serde(default)]
    layout: String,
}

impl Link {
    /// The fragment, without `#`.
    ///
    /// # Errors
    /// Where it would be too long, or nobody would accept it: then a file is the way.
    pub fn encode(&self) -> Result<String, LinkError> {
        scenario::check(&self.scenario).map_err(LinkError::Refused)?;
        self.check()?;
        let Self { scenario, position, layout } = self;
        let json = serde_json::to_string(&Written { scenario, position, layout }).map_err(LinkError::Json)?;
        let bytes = compress_to_vec(json.as_bytes(), LEVEL);
        if json.len() > most(bytes.len()) {
            return Err(LinkError::TooLarge);
        }
        let text = PREFIX.to_owned() + &url_safe(&base64::encode(&bytes));
        if text.len() > FRAGMENT_CHARS { Err(LinkError::TooLong(text.len())) } else { Ok(text) }
    }

    /// What a fragment says; a `#` before it is passed over.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(fragment: &str) -> Result<Self, LinkError> {
        let text = fragment.strip_prefix('#').unwrap_or(fragment);
        if text.len() > FRAGMENT_CHARS {
            return Err(LinkError::TooLong(text.len()));
        }
        let digits = text.strip_prefix(PREFIX).ok_or(LinkError::NotALink)?;
        let bytes = standard(digits).and_then(|text| base64::decode(&text)).ok_or(LinkError::NotALink)?;
        let json = decompress_to_vec_with_limit(&bytes, most(bytes.len())).map_err(|error| {
            if error.status == TINFLStatus::HasMoreOutput { LinkError::TooLarge } else { LinkError::Damaged }
        })?;
        let read: Read<'_> = serde_json::from_slice(&json).map_err(LinkError::Json)?;
        let scenario = scenario::parse(read.scenario.get().as_bytes()).map_err(LinkError::Scenario)?;
        let link = Self { scenario, position: read.position, layout: read.layout };
        link.check()?;
        Ok(link)
    }

    fn check(&self) -> Result<(), LinkError> {
        let plain = self.layout.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if self.layout.len() > LAYOUT_CHARS || !plain {
            let reason = format!("at most {LAYOUT_CHARS} characters of printable ASCII");
            return Err(LinkError::Refused(Refused::new("layout", reason)));
        }
        let anchored = Scenario { start: self.position.clone(), ..Scenario::named("position") };
        scenario::check(&anchored).map_err(|refused| {
            let field = refused.field.replacen("start", "position", 1);
            LinkError::Refused(Refused::new(field, refused.reason))
        })
    }
}

/// How much so many compressed bytes may inflate to.
fn most(compressed: usize) -> usize {
    compressed.saturating_mul(RATIO).min(limits::FILE_BYTES)
}

/// Base64 as it may stand in a URL.
fn url_safe(text: &str) -> String {
    text.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// And back.
fn standard(text: &str) -> Option<String> {
    if text.contains(['+', '/', '=']) {
        return None;
    }
    let padding = [0, 0, 2, 1][text.len() % 4];
    Some(text.replace('-', "+").replace('_', "/") + &"=".repeat(padding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultline_abi::scenario::{Anchor, ExtraFile, Note};

    fn link() -> Link {
        let mut scenario = Scenario::named("Lazy allocation");
        scenario.kernel.insert("init".into(), "lazy".into());
        let at = Anchor::new("page-fault", 0);
        scenario.narration =
            vec![Note { at: at.clone(), text: "Sieh hin! 見て".into(), ..Note::default() }];
        Link { scenario, position: Some(Start::Event(at)), layout: "walk|frames:2,space".into() }
    }

    #[test]
    fn a_link_says_what_was_put_into_it() {
        let text = link().encode().unwrap();
        assert!(text.len() < 500, "{}", text.len());
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')), "{text}");
        assert_eq!(Link::decode(&text).unwrap(), link());
        assert_eq!(Link::decode(&format!("#{text}")).unwrap(), link());
        let bare = Link { position: None, layout: String::new(), ..link() };
        assert_eq!(Link::decode(&bare.encode().unwrap()).unwrap(), bare);
    }

    #[test]
    fn what_does_not_fit_is_a_file() {
        let mut link = link();
        // A byte stream that does not compress.
        let mut state = 1u64;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        });
        let base64 = Some(base64::encode(&noise.take(20_000).collect::<Vec<_>>()));
        link.scenario.files = vec![ExtraFile { name: "x".into(), base64, ..ExtraFile::default() }];
        let error = link.encode().unwrap_err();
        assert!(matches!(error, LinkError::TooLong(chars) if chars > FRAGMENT_CHARS), "{error}");
        assert!(error.to_string().ends_with("a link has at most 8192, save a file instead"), "{error}");
        // What compresses beyond all measure would be refused by who opens it.
        link.scenario.files[0].base64 = Some("A".repeat(400_000));
        assert!(matches!(link.encode().unwrap_err(), LinkError::TooLarge));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused_or_still_a_link() {
        let text = link().encode().unwrap();
        for end in 0..text.len() {
            if let Ok(cut) = Link::decode(&text[..end]) {
                assert_eq!(cut, link(), "the last digit may hold no bits");
            }
        }
        for at in PREFIX.len()..text.len() {
            for bit in 0..6 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let _ = Link::decode(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let packed =
            |json: &str| PREFIX.to_owned() + &url_safe(&base64::encode(&compress_to_vec(json.as_bytes(), 6)));
        let bomb = PREFIX.to_owned() + &url_safe(&base64::encode(&compress_to_vec(&vec![b' '; 1 << 20], 9)));
        for (text, message) in [
            (String::new(), "not a link: it has to begin with `s1.`"),
            ("s2.AAAA".into(), "not a link"),
            ("s1.+/+/".into(), "not a link"),
            ("s1.A".into(), "not a link"),
            ("s1.".into(), "the link is damaged or cut off"),
            ("s1.AAAA".into(), "the link is damaged or cut off"),
            ("s1.".to_owned() + &"A".repeat(FRAGMENT_CHARS), "8195 characters; a link has at most 8192"),
            (bomb, "grows more than 100 times"),
            (packed("[]"), "what the link holds is no scenario"),
            (packed("{}"), "missing field `scenario`"),
            (packed(r#"{"scenario":{"faultline":1}}"#), "in the link: not a scenario: missing field `title`"),
            (
                packed(r#"{"scenario":{"faultline":9,"title":"t"}}"#),
                "in the link: field `faultline`: format version 9",
            ),
            (
                packed(r#"{"scenario":{"faultline":1,"title":"t"},"layout":"\u0007"}"#),
                "in the link: field `layout`: ",
            ),
            (
                packed(
                    r#"{"scenario":{"faultline":1,"title":"t"},"position":{"event":{"kind":"no","ordinal":0}}}"#,
                ),
                "in the link: field `position.event.kind`: `no` is no kind of event",
            ),
            (
                packed(r#"{"scenario":{"faultline":1,"title":"t"},"layout":"a","layout":"b"}"#),
                "duplicate field `layout`",
            ),
        ] {
            let error = Link::decode(&text).unwrap_err().to_string();
            assert!(error.contains(message), "{message}: {error}");
        }
    }

    #[test]
    fn a_link_of_an_older_version_is_migrated() {
        let json = r#"{"scenario":{"faultline":0,"name":"old"}}"#;
        let text = PREFIX.to_owned() + &url_safe(&base64::encode(&compress_to_vec(json.as_bytes(), 6)));
        assert_eq!(Link::decode(&text).unwrap().scenario.title, "old");
    }
}
