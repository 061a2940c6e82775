//! Reads the steps of a case: their requests, expectations and captures.

use std::sync::Arc;

use serde_json::Value;

use super::expect::Expect;
use super::fault::lower_fault;
use super::model::{Body, Capture, CaptureFrom, RequestTemplate, Step};
use super::parse_expect::parse_expect;
use super::raw::{RawRequest, RawStep};
use super::reader::{Checked, Reader, readable};
use super::template;
use crate::exchange::Auth;
use crate::spelling::nearest;
use crate::yaml::{Pairs, Place, Spanned};

impl Reader<'_> {
    /// The steps of a case: those under `steps`, or the only one, whose keys are in the case itself.
    pub(super) fn steps(
        &mut self,
        place: Place,
        scope: &mut Vec<String>,
        own: RawStep,
        listed: Option<Spanned<Vec<Spanned<RawStep>>>>,
    ) -> Vec<Step> {
        let request = own.request.as_ref().map(|request| request.place);
        match (request, listed) {
            (Some(place), None) => readable([self.step(scope, Spanned { value: own, place })]),
            (None, Some(steps)) => {
                if own.expect.is_some() || own.capture.is_some() || own.eventually.is_some() || !own.faults.is_empty() {
                    self.error(place, 1, "`expect`, `capture`, `eventually` and `faults` belong to a request")
                        .push_help("move them into the step they are about");
                }
                if steps.value.is_empty() {
                    self.error(steps.place, 1, "`steps` is empty").push_help("write at least one `- request: …`");
                }
                readable(steps.value.into_iter().map(|step| self.step(scope, step)))
            }
            (Some(_), Some(steps)) => {
                self.error(steps.place, 1, "a case has either `request` or `steps`")
                    .push_help("move the request into the steps");
                Vec::new()
            }
            (None, None) => {
                self.error(place, 1, "`request` is missing here")
                    .push_help("add `request: {get: /v1/models}`, or `steps`");
                Vec::new()
            }
        }
    }

    /// Reads a step, which has a request or refers to a named step.
    pub(super) fn step(&mut self, scope: &mut Vec<String>, raw: Spanned<RawStep>) -> Checked<Step> {
        let (place, raw) = (raw.place, raw.value);
        let Some(name) = &raw.r#use else { return self.own_step(scope, place, raw) };
        let own = [raw.request.is_some(), raw.expect.is_some(), raw.capture.is_some(), raw.eventually.is_some()];
        if own.contains(&true) || !raw.faults.is_empty() {
            self.error(name.place, name.value.chars().count(), "a step either uses another or has a request")
                .push_help("move what stands beside `use` into the step that it names");
        }
        let (source, found) = self.named_step(name)?;
        let value = RawStep { name: raw.name.or(found.value.name), ..found.value };
        self.elsewhere(&source, found.place, |reader| reader.own_step(scope, found.place, value))
    }

    fn own_step(&mut self, scope: &mut Vec<String>, place: Place, raw: RawStep) -> Checked<Step> {
        if let Some(name) = raw.r#use {
            return Err(self
                .error(name.place, name.value.chars().count(), "a step with a name uses no other")
                .push_help("write its `request` here, and use the other one where this one is used"));
        }
        let Some(request) = raw.request else {
            return Err(self
                .error(place, 1, "`request` is missing here")
                .push_help("add `request: {get: /v1/models}`, or `use`"));
        };
        let request = self.request(scope, request);
        let expect = raw.expect.map_or_else(Expect::default, |raw| parse_expect(self, scope, place, raw));
        let capture = self.captures(scope, raw.capture.unwrap_or_default());
        let eventually = raw.eventually.and_then(|text| self.duration(&text).ok());
        let faults = readable(raw.faults.into_iter().map(|raw| lower_fault(self, raw)));
        let source = Arc::clone(&self.source);
        let (capture, faults) = (capture.into(), faults.into());
        Ok(Step { source, place, name: raw.name, request, expect, capture, eventually, faults })
    }

    fn request(&mut self, scope: &[String], raw: Spanned<RawRequest>) -> RequestTemplate {
        let (place, raw) = (raw.place, raw.value);
        let methods = [
            (http::Method::GET, raw.get),
            (http::Method::POST, raw.post),
            (http::Method::PUT, raw.put),
            (http::Method::PATCH, raw.patch),
            (http::Method::DELETE, raw.delete),
            (http::Method::HEAD, raw.head),
        ];
        let mut given: Vec<_> = methods.into_iter().filter_map(|(method, path)| Some((method, path?))).collect();
        if given.len() != 1 {
            self.error(place, 1, "a request has exactly one of get, post, put, patch, delete, head")
                .push_help("write `get: /v1/models`, for example");
        }
        let (method, path) = given.pop().unwrap_or((http::Method::GET, Spanned { value: "/".into(), place }));
        if !path.value.starts_with('/') {
            self.error(path.place, path.value.chars().count(), format!("the path `{}` begins with no `/`", path.value))
                .push_help("write the API's own path, such as `/v1/chat/completions`");
        }
        self.names(scope, path.place, template::names_in_text(&path.value));
        let auth = match &raw.auth {
            None => Auth::Provider,
            Some(word) if word.value == "none" => Auth::None,
            Some(word) if word.value == "provider" => Auth::Provider,
            Some(word) => {
                self.unknown(word, "auth", &["none", "provider"]);
                Auth::Provider
            }
        };
        let headers = raw.headers.0.into_iter().map(|(name, value)| {
            self.header(&name);
            self.names(scope, value.place, template::names_in_text(&value.value));
            (name.value, value.value)
        });
        RequestTemplate {
            method,
            path: path.value,
            headers: headers.collect(),
            body: self.body(scope, raw.body, raw.raw),
            auth,
        }
    }

    fn body(&mut self, scope: &[String], body: Option<Spanned<Value>>, raw: Option<Spanned<String>>) -> Body {
        match (body, raw) {
            (None, None) => Body::None,
            (Some(body), None) => {
                self.names(scope, body.place, template::names(&body.value));
                Body::Json(body.value.into())
            }
            (None, Some(raw)) => {
                self.names(scope, raw.place, template::names_in_text(&raw.value));
                Body::Raw(raw.value)
            }
            (Some(_), Some(raw)) => {
                self.error(raw.place, 1, "a request has either `body` or `raw`")
                    .push_help("`body` is JSON, `raw` is text sent as it stands: keep one");
                Body::None
            }
        }
    }

    fn captures(&mut self, scope: &mut Vec<String>, raw: Pairs<Spanned<String>>) -> Vec<Capture> {
        let mut captures = Vec::new();
        for (name, from) in raw.0 {
            let source = match from.value.as_str() {
                "text" => Some(CaptureFrom::Text),
                "tool_calls" => Some(CaptureFrom::ToolCalls),
                path if path.starts_with('$') => self.json_path(&from).map(CaptureFrom::Json).ok(),
                other => other.strip_prefix("header ").map(|header| CaptureFrom::Header(header.trim().to_owned())),
            };
            if source.is_none() && !from.value.starts_with('$') {
                let word = from.value.split(' ').next().unwrap_or_default();
                let near = nearest(word, ["text", "tool_calls", "header"])
                    .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
                self.error(from.place, from.value.chars().count(), format!("`{}` is nothing to capture", from.value))
                    .push_help(format!("{near}write a JSONPath (`$.id`), `text`, `tool_calls`, or `header NAME`"));
            }
            scope.push(name.value.clone());
            captures.extend(source.map(|from| Capture { name: name.value, from }));
        }
        captures
    }
}
