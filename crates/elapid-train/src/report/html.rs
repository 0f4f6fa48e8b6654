//! Text made safe for HTML.

use std::fmt::{self, Display, Formatter, Write};

/// Shows a value with the five characters that mean something to HTML replaced, so that it is plain
/// text between tags as well as inside a quoted attribute. Control characters that HTML does not
/// allow are replaced by U+FFFD.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(Escaper(formatter), "{}", self.0)
    }
}

struct Escaper<'a, 'b>(&'a mut Formatter<'b>);

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| match character {
            '&' => self.0.write_str("&amp;"),
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '"' => self.0.write_str("&quot;"),
            '\'' => self.0.write_str("&#39;"),
            '\n' | '\t' => self.0.write_char(character),
            control if control.is_control() => self.0.write_char('\u{fffd}'),
            plain => self.0.write_char(plain),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_replaced() {
        let text = Escaped("<a href=\"x\" id='y'>&amp;</a>").to_string();
        assert_eq!(
            text,
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;"
        );
    }

    #[test]
    fn control_characters_are_not_passed_on() {
        assert_eq!(Escaped("a\u{0}b\tc\n").to_string(), "a\u{fffd}b\tc\n");
    }
}
