//! Text of others in the log of a job on GitHub: a runner reads it and does what it says.
//!
//! A line that begins with `::`, whatever white space stands before it, is a command to the runner, and so is `##[name]`
//! anywhere in a line. What a provider, a client or a suite says must be none.

use std::borrow::Cow;

/// Takes the power of command from lines, which may come in pieces.
#[derive(Debug, Clone, Default)]
pub(super) struct Shield {
    /// Something besides white space has come of the line.
    has_begun: bool,
}

impl Shield {
    /// The text with a backslash wherever a command would begin.
    pub(super) fn over<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        let mut out = Cow::Borrowed("");
        let mut is_changed = false;
        for line in text.split_inclusive(['\n', '\r']) {
            let safe = self.line(line);
            is_changed |= matches!(safe, Cow::Owned(_));
            out.to_mut().push_str(&safe);
        }
        if is_changed { out } else { Cow::Borrowed(text) }
    }

    fn line<'t>(&mut self, line: &'t str) -> Cow<'t, str> {
        let rest = line.trim_start_matches(is_blank);
        let is_command = !self.has_begun && rest.starts_with("::");
        self.has_begun = match line.ends_with(['\n', '\r']) {
            true => false,
            false => self.has_begun || !rest.is_empty(),
        };
        if !is_command && !line.contains("##[") {
            return Cow::Borrowed(line);
        }
        let blank = &line[..line.len() - rest.len()];
        let mark = if is_command { "\\" } else { "" };
        Cow::Owned(format!("{blank}{mark}{}", rest.replace("##[", "##\\[")))
    }
}

/// What a runner passes over at the beginning of a line, or might.
fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{180e}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_none_wherever_it_begins() {
        let safe = |text| Shield::default().over(text).into_owned();
        assert_eq!(safe("::error::x\n  \t::add-mask::y\n"), "\\::error::x\n  \t\\::add-mask::y\n");
        assert_eq!(safe("a\r::error::x"), "a\r\\::error::x", "a runner ends a line there");
        assert_eq!(safe("\u{a0}\u{feff}::set-output::x"), "\u{a0}\u{feff}\\::set-output::x");
        assert_eq!(safe("said ##[error]x ##[add-mask]y"), "said ##\\[error]x ##\\[add-mask]y");
        let harmless = "suites/a.yaml::name\nuse a ::b, # [x]\n";
        assert!(matches!(Shield::default().over(harmless), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_in_pieces_begins_once() {
        let mut shield = Shield::default();
        let pieces = ["  ", "::error::x", "::y\n", "::z"].map(|piece| shield.over(piece).into_owned());
        assert_eq!(pieces, ["  ", "\\::error::x", "::y\n", "\\::z"]);
    }
}
