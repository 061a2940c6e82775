//! Colours: the escape sequences around a text.

use std::borrow::Cow;

/// A text style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Bold,
    Red,
    Green,
    Yellow,
    RedBold,
    GreenBold,
    YellowBold,
    CyanBold,
}

impl Style {
    /// The same colour in bold.
    pub(super) fn bold(self) -> Style {
        match self {
            Style::Red => Style::RedBold,
            Style::Green => Style::GreenBold,
            Style::Yellow => Style::YellowBold,
            Style::Plain => Style::Bold,
            other => other,
        }
    }

    /// The sequence that begins the style: colour first, as in pytest.
    fn on(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Bold => "\x1b[1m",
            Style::Red => "\x1b[31m",
            Style::Green => "\x1b[32m",
            Style::Yellow => "\x1b[33m",
            Style::RedBold => "\x1b[31m\x1b[1m",
            Style::GreenBold => "\x1b[32m\x1b[1m",
            Style::YellowBold => "\x1b[33m\x1b[1m",
            Style::CyanBold => "\x1b[36m\x1b[1m",
        }
    }
}

/// `text` in `style`, or unchanged if `color` is off.
pub(super) fn paint(text: &str, style: Style, color: bool) -> Cow<'_, str> {
    if color && style != Style::Plain {
        Cow::Owned(format!("{}{text}\x1b[0m", style.on()))
    } else {
        Cow::Borrowed(text)
    }
}
