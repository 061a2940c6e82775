//! Estimates whether the checks of a step are fast.

use crate::suite::{ArgumentsKind, Expect, Is, Matcher, Need};

/// The most bytes of a reply that are always parsed and compared fast.
const SMALL: usize = 64 << 10;

/// Whether the check of a reply of `length` bytes is certainly fast. Regular expressions and JSONPath are bounded, but
/// may take seconds. The time of a JSON Schema can multiply when it refers to itself. The time of a project's own
/// matcher is not known.
pub(crate) fn is_quick(expect: &Expect, length: usize) -> bool {
    let Expect {
        status,
        headers,
        json,
        text,
        stream,
        model,
        usage,
        tool_calls,
        embeddings: _,
        error,
        time: _,
        protocol: _,
        conforms: _,
        broken: _,
    } = expect;
    let stream = stream.iter().flat_map(|stream| {
        [&stream.chunks, &stream.finish_reasons, &stream.usage, &stream.roles, &stream.choices].map(Option::as_ref)
    });
    let error = error.iter().flat_map(|error| [&error.message, &error.r#type, &error.code, &error.param]);
    let calls = tool_calls.iter().flat_map(|calls| &calls.calls);
    let names = calls.clone().map(|call| call.name.as_ref());
    let count = tool_calls.iter().map(|calls| calls.count.as_ref());
    let counts = usage.iter().flat_map(|usage| &usage.counts).map(|(_, need)| need);
    let mut needs = [status.as_ref(), text.as_ref(), model.as_ref()]
        .into_iter()
        .chain(stream)
        .chain(error.map(Option::as_ref))
        .chain(names)
        .chain(count)
        .flatten()
        .chain(headers.iter().map(|(_, need)| need))
        .chain(counts)
        .chain(json.iter().map(|item| &item.need));
    let is_schema = |kind: &ArgumentsKind| matches!(kind, ArgumentsKind::Schema(_));
    length <= SMALL
        // A function in a path may be `match` or `search`, which run a regular expression.
        && !json.iter().any(|item| item.path.text.contains('('))
        && !calls.filter_map(|call| call.arguments.as_ref()).any(|arguments| is_schema(&arguments.kind))
        && !needs.any(|Need { matcher, .. }| may_take_long(matcher))
}

fn may_take_long(matcher: &Matcher) -> bool {
    let inner = [&matcher.length, &matcher.any, &matcher.all, &matcher.not, &matcher.count];
    matcher.matches.is_some()
        || matcher.schema.is_some()
        || matcher.is.as_deref().is_some_and(|is| match is {
            Is::Own(_) => true,
            Is::Composed { matcher, .. } => may_take_long(matcher),
        })
        || inner.into_iter().flatten().any(|inner| may_take_long(inner))
}
