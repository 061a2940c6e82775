//! What `retake run` and `retake serve` say at their end: figures, silence, and recordings that nobody used.

use crate::proxy::Reached;
use crate::record::Figures;

/// How many variables are named.
const MOST_NAMED: usize = 4;

/// A line for each provider that was asked something.
pub(super) fn lines(all: &[Figures]) -> Vec<String> {
    all.iter()
        .map(|one| {
            let requests =
                if one.requests == 1 { "1 request".to_owned() } else { format!("{} requests", one.requests) };
            let counts = [
                (one.replaced, "replaced"),
                (one.unchanged, "unchanged"),
                (one.kept, "kept as it was"),
                (one.unwritten, "not written"),
                (one.failed, "without a reply"),
                (one.missed, "missed"),
            ];
            let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}"));
            let recorded =
                if one.sent + one.recorded > 0 { format!(", {} recorded", one.recorded) } else { String::new() };
            let (provider, folder) = (&one.provider, one.folder.display());
            format!("{provider}: {requests}{recorded}{} ({folder})", counts.collect::<String>())
        })
        .collect()
}

/// Says that providers were asked for recordings and nothing came of it, if so. The notes before it give the reasons;
/// those of requests without a reply are given here.
pub(super) fn in_vain(all: &[Figures]) -> Option<String> {
    let why = all.iter().filter_map(|one| Some(format!("\n  {}: {}", one.provider, one.failure.as_ref()?)));
    Figures::are_in_vain(all).then(|| {
        let sent: usize = all.iter().map(|one| one.sent).sum();
        let requests = if sent == 1 { "1 request was".to_owned() } else { format!("{sent} requests were") };
        format!("nothing was recorded, although {requests} sent to be recorded{}", why.collect::<String>())
    })
}

/// Lines about the hosts that were reached, or refused, because they are no provider's.
pub(super) fn reached(hosts: &[(String, Reached)]) -> Vec<String> {
    let list = |count: fn(&Reached) -> usize| -> Option<String> {
        let named = hosts.iter().filter(|(_, reached)| count(reached) > 0);
        let named: Vec<String> = named.map(|(host, reached)| format!("{host} ({})", count(reached))).collect();
        (!named.is_empty()).then(|| named.join(", "))
    };
    let passed = list(|reached| reached.passed).map(|hosts| format!("reached without retake: {hosts}"));
    let refused =
        list(|reached| reached.refused).map(|hosts| format!("refused, because they are no provider's: {hosts}"));
    let failed = list(|reached| reached.failed).map(|hosts| format!("asked without retake, in vain: {hosts}"));
    passed.into_iter().chain(refused).chain(failed).collect()
}

/// Says that no request came, what that means, and what to do. `variables` are those that lead to the proxy;
/// `intercepts` says whether it is the command's network proxy, too.
pub(super) fn silence(variables: &[String], intercepts: bool) -> String {
    let first = variables.first().map_or("RETAKE_PROXY_URL", String::as_str);
    let named = variables.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = match variables.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more, which `retake serve` lists"),
    };
    let why = if intercepts {
        format!(
            "if the command asks a provider, its client uses neither {first} nor HTTPS_PROXY: it has a proxy of its own, or \
             none (trust_env=False), or asks a host that no provider in providers.yaml has"
        )
    } else {
        format!(
            "if the command asks a provider, its code names the base URL itself, as in OpenAI(base_url=\"https://…\"): \
             leave out --no-intercept, or take it from the variable, as in OpenAI(base_url=os.environ[\"{first}\"])"
        )
    };
    format!(
        "warning: no request came to the proxy: nothing was recorded, and nothing came from a recording\n  {why}\n  the \
         variables that lead here: {named}{more}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures { provider: "openai".to_owned(), folder: "recordings/openai".into(), ..Figures::default() }
    }

    #[test]
    fn a_provider_is_a_line_of_what_there_was() {
        let all = [
            Figures { requests: 1, sent: 1, recorded: 1, ..figures() },
            Figures {
                requests: 9,
                sent: 7,
                failed: 1,
                missed: 2,
                replaced: 3,
                unchanged: 4,
                kept: 5,
                unwritten: 6,
                ..figures()
            },
        ];
        insta::assert_snapshot!(lines(&all).join("\n"), @r"
        openai: 1 request, 1 recorded (recordings/openai)
        openai: 9 requests, 0 recorded, 3 replaced, 4 unchanged, 5 kept as it was, 6 not written, 1 without a reply, 2 missed (recordings/openai)
        ");
    }

    #[test]
    fn what_was_in_vain_says_why() {
        let all = [Figures { sent: 2, failed: 2, failure: Some("connection refused".to_owned()), ..figures() }];
        insta::assert_snapshot!(in_vain(&all).unwrap_or_default(), @r"
        nothing was recorded, although 2 requests were sent to be recorded
          openai: connection refused
        ");
        assert_eq!(in_vain(&[Figures { sent: 2, failed: 1, unchanged: 1, ..figures() }]), None);
    }

    #[test]
    fn silence_names_few_variables() {
        let all: Vec<String> = (0..6).map(|number| format!("V{number}")).collect();
        assert!(silence(&all, false).ends_with("lead here: V0, V1, V2, V3 and 2 more, which `retake serve` lists"));
        assert!(silence(&all[..1], false).ends_with("os.environ[\"V0\"])\n  the variables that lead here: V0"));
    }
}
