//! Compares two texts line by line: expected lines that are missing, and actual lines that were not expected.

use similar::{Algorithm, ChangeTag, capture_diff_slices};

/// How many equal lines are shown around a change.
const CONTEXT: usize = 2;
/// Texts of more lines are not compared: it would take long, and nobody would read the result.
const MOST_LINES: usize = 2_000;
/// How many characters of a line are shown, and how many of them before the place where two lines first differ.
const MOST_CHARACTERS: usize = 200;
const BEFORE: usize = 20;

/// Which text has a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Both texts have it.
    Both,
    /// Only the expected text has it.
    Expected,
    /// Only the actual text has it.
    Actual,
}

impl Whose {
    /// The mark before the line.
    pub(crate) fn mark(self) -> char {
        match self {
            Whose::Both => ' ',
            Whose::Expected => '-',
            Whose::Actual => '+',
        }
    }
}

/// How two texts differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diff(Vec<(Whose, String)>);

/// How much of the difference is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All lines in full.
    Whole,
    /// Changes with a few equal lines around them; long lines are shown from where they first differ.
    Changes,
    /// Like `Changes`, but at most this many lines.
    Lines(usize),
}

/// A line of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line of the texts.
    Of(Whose, String),
    /// This many equal lines are left out.
    Equal(usize),
    /// This many lines are left out at the end.
    More(usize),
}

impl Diff {
    /// How `actual` differs from `expected`; `None` if it does not, or if the texts are too long.
    pub(crate) fn of(expected: &str, actual: &str) -> Option<Diff> {
        if expected == actual {
            return None;
        }
        // Lines that differ only in spaces would look the same.
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        let is_spaces = bare(expected) == bare(actual);
        let lines = |text: &str| -> Vec<String> {
            let lines = text.split('\n').take(MOST_LINES + 1);
            lines.map(|line| if is_spaces { format!("{line:?}") } else { line.to_owned() }).collect()
        };
        let (old, new) = (lines(expected), lines(actual));
        if old.len().max(new.len()) > MOST_LINES {
            return None;
        }
        let changes = capture_diff_slices(Algorithm::Myers, &old, &new);
        let changes = changes.iter().flat_map(|change| change.iter_changes(&old, &new));
        let whose = |tag| match tag {
            ChangeTag::Equal => Whose::Both,
            ChangeTag::Delete => Whose::Expected,
            ChangeTag::Insert => Whose::Actual,
        };
        Some(Diff(changes.map(|change| (whose(change.tag()), change.value())).collect()))
    }

    /// The lines to show.
    pub(crate) fn shown(&self, extent: Extent) -> Vec<Line> {
        if extent == Extent::Whole {
            return self.0.iter().map(|(whose, text)| Line::Of(*whose, text.clone())).collect();
        }
        let mut lines = Vec::new();
        let mut at = 0;
        while at < self.0.len() {
            let run = self.0[at..].iter().take_while(|(whose, _)| *whose == Whose::Both).count();
            if run > 0 {
                self.show_equal(at, run, &mut lines);
                at += run;
            } else {
                let run = self.0[at..].iter().take_while(|(whose, _)| *whose != Whose::Both).count();
                lines.extend(parted(&self.0[at..at + run]));
                at += run;
            }
        }
        if let Extent::Lines(most) = extent
            && lines.len() > most + 1
        {
            let left: usize = lines[most..].iter().map(Line::count).sum();
            lines.truncate(most);
            lines.push(Line::More(left));
        }
        lines
    }

    /// Shows the lines of an equal run that are next to a change.
    fn show_equal(&self, at: usize, run: usize, lines: &mut Vec<Line>) {
        let after = if at == 0 { 0 } else { CONTEXT.min(run) };
        let before = if at + run == self.0.len() { 0 } else { CONTEXT.min(run - after) };
        let left = run - after - before;
        let of = |(_, text): &(Whose, String)| Line::Of(Whose::Both, cut(text));
        lines.extend(self.0[at..at + after].iter().map(of));
        match left {
            0 => {}
            // A note that one line is left out would take a line, too.
            1 => lines.push(of(&self.0[at + after])),
            _ => lines.push(Line::Equal(left)),
        }
        lines.extend(self.0[at + run - before..at + run].iter().map(of));
    }
}

impl Line {
    fn count(&self) -> usize {
        match self {
            Line::Of(..) => 1,
            Line::Equal(count) | Line::More(count) => *count,
        }
    }

    /// The line with its mark, or a note on what is left out.
    pub(crate) fn text(&self) -> String {
        match self {
            Line::Of(whose, text) => format!("{} {text}", whose.mark()).trim_end().to_owned(),
            Line::Equal(count) => format!("  ... {count} equal lines"),
            Line::More(count) => format!("  ... {count} more lines"),
        }
    }
}

/// Changed lines between equal ones. If equally many were removed and added, each pair of long lines is shown from
/// where it first differs.
fn parted(lines: &[(Whose, String)]) -> Vec<Line> {
    let (old, new): (Vec<_>, Vec<_>) = lines.iter().partition(|(whose, _)| *whose == Whose::Expected);
    let mut shown: Vec<Line> = lines.iter().map(|(whose, text)| Line::Of(*whose, cut(text))).collect();
    if old.len() != new.len() {
        return shown;
    }
    for (at, ((_, old), (_, new))) in old.iter().zip(&new).enumerate() {
        if let Some((expected, actual)) = parting(old, new) {
            let places = |wanted: Whose| lines.iter().enumerate().filter(move |(_, (whose, _))| *whose == wanted);
            for (whose, text) in [(Whose::Expected, expected), (Whose::Actual, actual)] {
                if let Some((place, _)) = places(whose).nth(at) {
                    shown[place] = Line::Of(whose, text);
                }
            }
        }
    }
    shown
}

/// Two long one-line texts, from a little before the first difference, with the place of that difference.
pub(crate) fn parting(expected: &str, actual: &str) -> Option<(String, String)> {
    let same = expected.chars().zip(actual.chars()).take_while(|(a, b)| a == b).count();
    let is_short = |text: &str| text.chars().nth(MOST_CHARACTERS).is_none();
    if same < 2 * BEFORE || is_short(expected) && is_short(actual) {
        return None;
    }
    let from = |text: &str| {
        let mut rest = text.chars().skip(same - BEFORE);
        let shown: String = rest.by_ref().take(MOST_CHARACTERS / 2).collect();
        let end = if rest.next().is_some() { "…" } else { "" };
        format!("…{shown}{end} (from character {})", same - BEFORE)
    };
    Some((from(expected), from(actual)))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.chars().count()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expected: &str, actual: &str, extent: Extent) -> String {
        let diff = Diff::of(expected, actual).unwrap();
        diff.shown(extent).iter().map(|line| line.text() + "\n").collect()
    }

    fn numbered(lines: std::ops::Range<usize>) -> String {
        lines.map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn changes_stand_with_a_few_lines_around_them() {
        let expected = numbered(0..30);
        let actual = expected.replace("line 9\n", "line nine\n").replace("line 13\n", "").replace("29", "29\nline 30");
        insta::assert_snapshot!(shown(&expected, &actual, Extent::Changes), @"
          ... 7 equal lines
          line 7
          line 8
        - line 9
        + line nine
          line 10
          line 11
          line 12
        - line 13
          line 14
          line 15
          ... 12 equal lines
          line 28
          line 29
        + line 30
        ");
        assert_eq!(shown(&expected, &actual, Extent::Whole).lines().count(), 32);
    }

    #[test]
    fn what_is_left_out_at_the_end_is_counted() {
        let (expected, actual) = (numbered(0..20), numbered(20..40));
        let text = shown(&expected, &actual, Extent::Lines(3));
        assert_eq!(text, "- line 0\n- line 1\n- line 2\n  ... 37 more lines\n");
        assert_eq!(shown("a\nb", "a\nc", Extent::Lines(2)).lines().count(), 3, "a note takes a line as well");
    }

    #[test]
    fn spaces_and_line_ends_are_seen() {
        assert_eq!(shown("a\nb ", "a\nb", Extent::Changes), "  \"a\"\n- \"b \"\n+ \"b\"\n");
        assert_eq!(shown("a\n", "a", Extent::Changes), "  \"a\"\n- \"\"\n");
        assert_eq!(shown("a\n", "b", Extent::Changes), "- a\n-\n+ b\n");
    }

    #[test]
    fn long_lines_are_shown_from_where_they_part() {
        let long = "x".repeat(300);
        let text = shown(&format!("1\n{long}a"), &format!("1\n{long}b"), Extent::Changes);
        let around = "x".repeat(20);
        assert_eq!(text, format!("  1\n- …{around}a (from character 280)\n+ …{around}b (from character 280)\n"));
        let text = shown(&format!("{long}a"), &format!("b\n{long}a"), Extent::Changes);
        assert!(text.contains("… (301 characters)"), "{text}");
        assert!(shown(&format!("{long}a"), &long, Extent::Whole).contains(&long));
    }

    #[test]
    fn equal_texts_and_endless_ones_have_none() {
        assert_eq!(Diff::of("a", "a"), None);
        assert_eq!(Diff::of(&numbered(0..3_000), &numbered(1..3_000)), None);
    }
}
