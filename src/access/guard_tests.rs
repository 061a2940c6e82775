use http::Request;
use proptest::prelude::*;

use super::*;

fn head(lines: &[(&str, &str)]) -> Parts {
    asked("POST", "/openai/v1/chat/completions", Version::HTTP_11, lines)
}

fn asked(method: &str, uri: &str, version: Version, lines: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri).version(version);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn guard(address: &str, hosts: &[&str], origins: &[&str]) -> Guard {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    Guard::new(address.parse().unwrap(), &owned(hosts), &owned(origins)).unwrap()
}

fn class(guard: &Guard, lines: &[(&str, &str)]) -> &'static str {
    guard.check(&head(lines), || false).map_or_else(|refused| refused.name, |_| "in")
}

#[test]
fn loopback_is_known_by_its_names_and_no_other() {
    let ours = Guard::default();
    for host in [
        "localhost",
        "localhost:8322",
        "LocalHost:1",
        "localhost.",
        "stack.localhost:80",
        "127.0.0.1",
        "127.0.0.1:8322",
        "127.8.9.1",
        "[::1]",
        "[::1]:8322",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert_eq!(class(&ours, &[("host", host)]), "in", "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:8322",
        "localhost.evil.example",
        "evillocalhost",
        ".localhost",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "evil.example/127.0.0.1",
        "localhost:evil",
        "[::1]evil",
        "[::1",
        "0.0.0.0:8322",
        "10.0.0.1",
        "[2001:db8::1]",
        "127.0.0.01",
        "2130706433",
        "",
        ":8322",
        "localhost evil",
    ] {
        assert_eq!(class(&ours, &[("host", host)]), "foreign-host", "{host}");
    }
}

#[test]
fn a_server_is_known_by_the_address_that_it_is_bound_to() {
    let one = guard("10.0.0.1", &[], &[]);
    assert_eq!(class(&one, &[("host", "10.0.0.1:8322")]), "in");
    assert_eq!(class(&one, &[("host", "10.0.0.2:8322")]), "foreign-host");
    for everywhere in ["0.0.0.0", "::"] {
        let everywhere = guard(everywhere, &[], &[]);
        for host in ["10.0.0.2:8322", "[2001:db8::1]", "0.0.0.0"] {
            assert_eq!(class(&everywhere, &[("host", host)]), "in", "{host}");
        }
        assert_eq!(class(&everywhere, &[("host", "retake:8080")]), "foreign-host");
    }
}

#[test]
fn a_name_that_is_allowed_is_known() {
    let ours = guard("0.0.0.0", &["retake", "Proxy.test:80"], &[]);
    for host in ["retake:8080", "RETAKE", "proxy.test:9"] {
        assert_eq!(class(&ours, &[("host", host)]), "in", "{host}");
    }
    assert_eq!(class(&ours, &[("host", "xretake")]), "foreign-host");
}

#[test]
fn a_request_has_one_host() {
    let ours = Guard::default();
    assert_eq!(class(&ours, &[]), "bad-host");
    assert_eq!(class(&ours, &[("host", "localhost"), ("host", "localhost")]), "bad-host");
    let named = |uri: &str, version, lines: &[(&str, &str)]| {
        ours.check(&asked("GET", uri, version, lines), || false).map_or_else(|refused| refused.name, |_| "in")
    };
    assert_eq!(named("/", Version::HTTP_10, &[]), "bad-host");
    assert_eq!(named("http://localhost/", Version::HTTP_2, &[]), "in");
    assert_eq!(named("http://evil.example/", Version::HTTP_2, &[]), "foreign-host");
    assert_eq!(named("http://localhost/", Version::HTTP_2, &[("host", "evil.example")]), "foreign-host");
    assert_eq!(named("http://evil.example/", Version::HTTP_11, &[("host", "localhost")]), "foreign-host");
    assert_eq!(named("http://localhost/", Version::HTTP_11, &[]), "bad-host");
    assert_eq!(named("/", Version::HTTP_2, &[]), "bad-host");
}

#[test]
fn no_page_is_let_in_that_is_not_allowed() {
    let ours = Guard::default();
    let page = |name: &str, value: &str| class(&ours, &[("host", "localhost:8322"), (name, value)]);
    for origin in ["https://evil.example", "http://localhost:3000", "http://localhost:8322", "null", "", "file://"] {
        assert_eq!(page("origin", origin), "foreign-page", "{origin}");
    }
    assert_eq!(page("sec-fetch-site", "cross-site"), "foreign-page");
    assert_eq!(page("sec-fetch-site", "same-site"), "foreign-page");
    assert_eq!(page("sec-fetch-site", "none"), "in");
    // Node's fetch sends this header without any page.
    assert_eq!(page("sec-fetch-mode", "cors"), "in");
}

#[test]
fn a_page_that_is_allowed_may_read_the_reply() {
    let ours = guard("127.0.0.1", &[], &["http://LOCALHOST:3000/", "https://app.test:443"]);
    for origin in ["http://localhost:3000", "https://app.test"] {
        let lines = [("host", "localhost"), ("origin", origin), ("sec-fetch-site", "same-site")];
        let entry = ours.check(&head(&lines), || false).unwrap();
        let mut reply = HeaderMap::new();
        entry.mark(&mut reply);
        assert_eq!(
            (&reply["access-control-allow-origin"], &reply["vary"]),
            (&origin.parse().unwrap(), &"origin".parse().unwrap())
        );
    }
    for origin in ["http://localhost:3001", "https://localhost:3000", "http://app.test"] {
        assert_eq!(class(&ours, &[("host", "localhost"), ("origin", origin)]), "foreign-page", "{origin}");
    }
    let two = [("host", "localhost"), ("origin", "http://localhost:3000"), ("origin", "https://evil.example")];
    assert_eq!(class(&ours, &two), "foreign-page");
    let any = guard("127.0.0.1", &[], &["*"]);
    assert_eq!(class(&any, &[("host", "localhost"), ("origin", "null")]), "in");
    assert_eq!(class(&any, &[("host", "localhost"), ("sec-fetch-site", "cross-site")]), "in");
    assert_eq!(class(&any, &[("host", "evil.example"), ("origin", "null")]), "foreign-host");
}

#[test]
fn a_preflight_is_answered_here_or_refused_whoever_asks() {
    let ours = guard("127.0.0.1", &[], &["http://localhost:3000"]);
    let ask = |origin: Option<&str>| {
        let mut lines = vec![("host", "localhost"), ("access-control-request-method", "POST")];
        lines.push(("access-control-request-headers", "authorization,content-type"));
        lines.extend(origin.map(|origin| ("origin", origin)));
        ours.check(&asked("OPTIONS", "/openai/v1/x", Version::HTTP_11, &lines), || true)
    };
    let Ok(Entry::Preflight(told)) = ask(Some("http://localhost:3000")) else { panic!("it is allowed") };
    assert_eq!(told["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(told["access-control-allow-methods"], "POST");
    assert_eq!(told["access-control-allow-headers"], "authorization,content-type");
    assert!(ask(Some("https://evil.example")).is_err_and(|refused| refused.name == "foreign-page"));
    assert!(ask(None).is_err_and(|refused| refused.name == "foreign-page"));
}

#[test]
fn who_shows_the_key_is_no_stranger() {
    let ours = Guard::default();
    let lines = [("host", "retake:8080"), ("origin", "https://app.test"), ("sec-fetch-site", "cross-site")];
    assert_eq!(ours.check(&head(&lines), || true), Ok(Entry::Plain));
    assert_eq!(ours.check(&head(&[]), || true).unwrap_err().name, "bad-host");
}

#[test]
fn a_tunnel_is_refused_for_what_it_is() {
    let lines = [("host", "api.openai.com:443")];
    let refused = Guard::default().check(&asked("CONNECT", "api.openai.com:443", Version::HTTP_11, &lines), || true);
    let refused = refused.unwrap_err();
    assert_eq!((refused.status, refused.name), (StatusCode::NOT_IMPLEMENTED, "no-connect"));
    assert!(refused.message.contains("CONNECT api.openai.com:443"), "{}", refused.message);
}

#[test]
fn a_refusal_names_the_header_and_the_flag_as_it_is_typed() {
    let message = |lines: &[(&str, &str)]| Guard::default().check(&head(lines), || false).unwrap_err().message;
    insta::assert_snapshot!(message(&[("host", "Evil.example:1")]), @r#"
    the request's `Host` is "Evil.example:1", which is not a name of this server: any site can give its own name this address, and would call it from your browser
      ask 127.0.0.1 or localhost, send the server's token or key, or start it with --allow-host Evil.example
    "#);
    insta::assert_snapshot!(message(&[("host", "localhost"), ("origin", "http://localhost:3000")]), @r#"
    the request's `Origin` is "http://localhost:3000": a web page sent it, and this page is not allowed
      to let it in, start the server with --allow-origin http://localhost:3000
    "#);
    for odd in ["$(touch x)", "a;b", "http://$(x)"] {
        assert!(message(&[("host", odd)]).ends_with("--allow-host NAME"), "{odd}");
        assert!(message(&[("host", "localhost"), ("origin", odd)]).ends_with("--allow-origin ORIGIN"), "{odd}");
    }
}

#[test]
fn words_that_are_no_name_and_no_origin_are_told() {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    for bad in ["http://retake", "", "a b", "retake/x", "*"] {
        let why = Guard::new(Ipv4Addr::LOCALHOST.into(), &words(&[bad]), &[]).unwrap_err();
        assert!(why.contains("write a host name"), "{why}");
    }
    for bad in ["localhost:3000", "", "http://", "http://a/b", "://a"] {
        let why = Guard::new(Ipv4Addr::LOCALHOST.into(), &[], &words(&[bad])).unwrap_err();
        assert!(why.contains("such as http://localhost:3000"), "{why}");
    }
}

proptest! {
    #[test]
    fn nothing_but_its_own_names_is_taken(host in "[ -~]{0,24}") {
        let is_ours = class(&Guard::default(), &[("host", &host)]) == "in";
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let name = name.map_or(&*host, |(name, _)| name).to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches([']', '.']);
        let is_known = bare == "localhost" || bare.ends_with(".localhost")
            || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        prop_assert!(!is_ours || is_known, "{}", host);
    }

    #[test]
    fn every_header_gets_an_answer(
        host in prop::collection::vec(any::<u8>(), 0..20),
        origin in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut head = head(&[]);
        let values = [(header::HOST, host), (header::ORIGIN, origin)];
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                head.headers.append(name, value);
            }
        }
        prop_assert!(Guard::default().check(&head, || false).is_err());
    }
}
