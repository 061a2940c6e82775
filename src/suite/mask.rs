//! Reads masks. A mask says where requests have text that changes from run to run, and what this text looks like.

use super::raw::RawMask;
use super::reader::Reader;
use crate::exchange::{BodyPath, Mask, mask_pattern};
use crate::yaml::{Error, OneOrMore, Place, Source, Spanned};

impl Reader<'_> {
    /// Adds the masks of the suite, or of a file that it includes.
    pub(super) fn add_masks(&mut self, raw: Vec<RawMask>) {
        let source = self.source.clone();
        for RawMask { endpoint, place, pattern } in raw {
            if let Some(endpoint) = endpoint.as_ref().filter(|endpoint| !is_path(&endpoint.value)) {
                let reason = format!("`{}` is not an endpoint", endpoint.value);
                self.error(endpoint.place, endpoint.value.chars().count(), reason)
                    .push_help("it is the API's own path, such as `/v1/messages`; without it, a mask is for every one");
            }
            let endpoint = endpoint.map(|endpoint| endpoint.value);
            self.masks.extend(masks(&source, endpoint.as_deref(), place, pattern, &mut self.errors));
        }
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains(char::is_whitespace)
}

/// The masks for places and patterns: one for each pattern, with all places. Mistakes are added to `errors`.
pub(crate) fn masks(
    source: &Source,
    endpoint: Option<&str>,
    place: Spanned<OneOrMore>,
    pattern: Spanned<OneOrMore>,
    errors: &mut Vec<Error>,
) -> Vec<Mask> {
    let mut listed = |texts: Spanned<OneOrMore>, what: &str, help: &str| {
        let place = texts.place;
        let texts = OneOrMore::texts(texts);
        if texts.is_empty() {
            errors.push(Error::at(source, place, 1, format!("no {what} is named here")).help(help));
        }
        texts
    };
    let places = listed(place, "place", "write a JSONPath, such as `$.messages[*].content`");
    let patterns = listed(pattern, "pattern", "write a regular expression, such as `'\\d{4}-\\d{2}-\\d{2}'`");
    let mut read = |text: &Spanned<String>| body_path(source, text).map_err(|error| errors.push(error)).ok();
    let places: Vec<BodyPath> = places.iter().filter_map(&mut read).collect();
    let mut masks = Vec::new();
    for text in patterns {
        match mask_pattern(&text.value) {
            Ok(pattern) => masks.push(Mask {
                endpoint: endpoint.map(str::to_owned),
                places: places.clone(),
                pattern,
                file: source.name.clone(),
                line: text.place.line,
            }),
            Err(reason) => errors.push(
                Error::at(source, text.place, text.value.chars().count(), reason)
                    .help("write what the changing text looks like, such as `'\\d{4}-\\d{2}-\\d{2}'`"),
            ),
        }
    }
    masks
}

/// Parses the JSONPath of a place in a body. An error has its position inside the string.
pub(crate) fn body_path(source: &Source, text: &Spanned<String>) -> Result<BodyPath, Error> {
    if !text.value.starts_with('$') {
        let reason = format!("`{}` is not a JSONPath, which begins with `$`", text.value);
        let help = format!("write `$.{}`, or `$..text` for every text", text.value);
        return Err(Error::at(source, text.place, text.value.chars().count(), reason).help(help));
    }
    BodyPath::parse(&text.value).map_err(|error| {
        let place = Place { column: text.place.column + error.position() as u32, ..text.place };
        Error::at(source, place, 1, format!("`{}` is not a JSONPath: {}", text.value, error.message()))
            .help("paths follow RFC 9535: `$.system[*].text`, or `$..text` for every text")
    })
}

#[cfg(test)]
mod tests {
    use crate::suite::{Known, Suite, parse};
    use crate::yaml::Source;

    fn read(text: &str) -> Result<Suite, Vec<String>> {
        let source = Source { name: "s.yaml".into(), text: text.into() };
        parse(source.into(), &Known::default())
            .map_err(|errors| errors.iter().map(|error| error.render(false)).collect())
    }

    fn masks(text: &str) -> Result<Suite, Vec<String>> {
        read(&format!("masks:\n{text}cases: [{{name: a, request: {{get: /}}}}]\n"))
    }

    #[test]
    fn a_suite_masks_one_endpoint_or_every_one() {
        let suite = masks(
            "  - {endpoint: /v1/messages, place: \"$.system[*].text\", pattern: '\\d+'}\n  - place: [$..text, $.prompt]\n    pattern:\n      - 'a+'\n      - 'b+'\n",
        )
        .unwrap();
        let said: Vec<String> = suite
            .masks
            .iter()
            .map(|mask| format!("{:?} {:?} {mask}", mask.endpoint.as_deref().unwrap_or("all"), mask.places))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        "/v1/messages" [BodyPath($.system[*].text)] `\d+` (s.yaml:2)
        "all" [BodyPath($..text), BodyPath($.prompt)] `a+` (s.yaml:5)
        "all" [BodyPath($..text), BodyPath($.prompt)] `b+` (s.yaml:6)
        "#);
    }

    #[test]
    fn masks_may_stand_below_the_cases() {
        let suite = read("cases: [{name: a, request: {get: /}}]\nmasks: [{place: $, pattern: a}]\n").unwrap();
        assert_eq!(suite.masks.len(), 1);
    }

    #[test]
    fn a_mistake_is_shown_where_it_stands() {
        let said =
            masks("  - {place: '$.a[', pattern: '('}\n  - {place: $.a, pattern: 'x*', endpoint: v1}\n").unwrap_err();
        insta::assert_snapshot!(said.join("\n\n"), @r"
        error: `$.a[` is not a JSONPath: parser error
         --> s.yaml:2:16
          |
        2 |   - {place: '$.a[', pattern: '('}
          |                ^
          |
          = help: paths follow RFC 9535: `$.system[*].text`, or `$..text` for every text

        error: `(` is not a regular expression: unclosed group
         --> s.yaml:2:30
          |
        2 |   - {place: '$.a[', pattern: '('}
          |                              ^
          |
          = help: write what the changing text looks like, such as `'\d{4}-\d{2}-\d{2}'`

        error: `x*` matches the empty text, which is everywhere
         --> s.yaml:3:27
          |
        3 |   - {place: $.a, pattern: 'x*', endpoint: v1}
          |                           ^^
          |
          = help: write what the changing text looks like, such as `'\d{4}-\d{2}-\d{2}'`

        error: `v1` is not an endpoint
         --> s.yaml:3:43
          |
        3 |   - {place: $.a, pattern: 'x*', endpoint: v1}
          |                                           ^^
          |
          = help: it is the API's own path, such as `/v1/messages`; without it, a mask is for every one
        ");
        for (text, place, reason) in [
            ("  - {place: $.a}\n", "2:6", "`pattern` is missing"),
            ("  - {place: [], pattern: a}\n", "2:13", "no place is named here"),
            ("  - {place: $.a, pattern: []}\n", "2:27", "no pattern is named here"),
            ("  - {place: $.a, pattern: ''}\n", "2:27", "an empty pattern masks nothing"),
            ("  - {place: $.a, pattern: {a: b}}\n", "2:27", "text, or a list of texts"),
            ("  - {plcae: $.a, pattern: a}\n", "2:6", "did you mean `place`?"),
        ] {
            let said = masks(text).unwrap_err().join("\n");
            assert!(said.contains(&format!("s.yaml:{place}\n")) && said.contains(reason), "{place} {reason}\n{said}");
        }
    }

    #[test]
    fn an_included_file_may_hold_masks() {
        let shared = Source { name: "shared.yaml".into(), text: "masks: [{place: $, pattern: a}]\n".into() };
        let files = crate::suite::Files::new(move |_, _| Ok(shared.clone()));
        let known = Known { files, ..Known::default() };
        let text = "include: [shared.yaml]\nmasks: [{place: $, pattern: b}]\ncases: [{name: a, request: {get: /}}]\n";
        let source = Source { name: "s.yaml".into(), text: text.into() };
        let suite = parse(source.into(), &known).unwrap();
        let files: Vec<&str> = suite.masks.iter().map(|mask| mask.file.as_str()).collect();
        assert_eq!(files, ["s.yaml", "shared.yaml"]);
    }
}
