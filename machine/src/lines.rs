//! Reading line tables. The format is `faultline_abi::lines`; `docs/lines.md` describes it.

use std::fmt;

pub use faultline_abi::lines::{Line, Lines, Source, SourceFile};
use faultline_abi::{lines::LineTable, scenario::Refused};

/// Bytes of JSON that a table may have.
pub const FILE_BYTES: usize = 8 << 20;

/// Why a line table is refused.
#[derive(Debug)]
pub enum LinesError {
    /// More bytes than a table may have.
    TooLarge(usize),
    /// It is no JSON, is cut off, or has a field of the wrong type.
    Json(serde_json::Error),
    /// A field names something that is not there.
    Refused(Refused),
}

impl fmt::Display for LinesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(f, "{bytes} bytes; a line table has at most {FILE_BYTES}"),
            Self::Json(error) => write!(f, "not a line table: {error}"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for LinesError {}

/// Reads and checks a line table.
///
/// # Errors
/// What is wrong: the line and column, or the field.
pub fn parse(file: &[u8]) -> Result<Lines, LinesError> {
    if file.len() > FILE_BYTES {
        return Err(LinesError::TooLarge(file.len()));
    }
    let table: LineTable = serde_json::from_slice(file).map_err(LinesError::Json)?;
    Lines::new(table).map_err(LinesError::Refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"faultline_lines":1,"program":"p","files":[{"path":"p.rs","source":"own"}],
        "names":["main"],"places":[[0,0,3,null]],"base":"0x1000","rows":[[4,0]],"symbols":[]}"#;

    #[test]
    fn a_table_is_read_and_asked() {
        let lines = parse(GOOD.as_bytes()).unwrap();
        assert_eq!(lines.line(0x1002).map(|line| line.number), Some(3));
    }

    #[test]
    fn a_bad_table_says_what_is_wrong() {
        let bad = |from: &str, to: &str| parse(GOOD.replace(from, to).as_bytes()).unwrap_err().to_string();
        assert!(bad(r#""faultline_lines":1"#, r#""faultline_lines":9"#).contains("version 9"));
        assert!(bad("[[4,0]]", "[[4,7]]").contains("rows[0]"));
        assert!(bad("[[4,0]]", "[[4").contains("line 2"));
        assert!(matches!(parse(&vec![b' '; FILE_BYTES + 1]), Err(LinesError::TooLarge(_))));
    }
}
