//! The digest that shows whether a recording was edited by hand.
//!
//! The digest is SHA-256 over one line of JSON, as Python's `json.dumps(…, sort_keys=True)` prints it, a line end, and
//! the bytes of the body:
//!
//! ```text
//! {"end": "complete", "headers": [["content-type", "application/json"]], "origin": "real", "status": 200}
//! ```
//!
//! The digest leaves out times, chunk edges and owners, which change while the reply stays the same, and the layout of
//! the file. It includes the origin: to call a simulated reply real is an edit.

use std::fmt::Write as _;
use std::io;

use sha2::{Digest as _, Sha256};

use super::large::Large;
use super::model::{End, Exchange, Origin};
use super::python;
use crate::wire::hex::hex;

/// `sha256:` and 64 hex digits. An error if the body lies on the disk and cannot be read.
pub(super) fn digest(exchange: &Exchange) -> io::Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(head(exchange).as_bytes());
    hasher.update(&exchange.reply.body);
    for piece in exchange.reply.large.iter().flat_map(Large::pieces) {
        hasher.update(piece?);
    }
    Ok(format!("sha256:{}", hex(&hasher.finalize())))
}

fn head(exchange: &Exchange) -> String {
    let reply = &exchange.reply;
    let mut out = String::from("{\"end\": ");
    match &reply.end {
        End::Complete => out.push_str("\"complete\""),
        End::Broken(how) => {
            out.push_str("{\"broken\": ");
            python::string(how, &mut out);
            out.push('}');
        }
    }
    out.push_str(", \"headers\": [");
    for (at, (name, value)) in reply.headers.iter().enumerate() {
        out.push_str(if at == 0 { "[" } else { ", [" });
        python::string(name, &mut out);
        out.push_str(", ");
        python::string(value, &mut out);
        out.push(']');
    }
    let origin = match exchange.origin {
        Origin::Real => "real",
        Origin::Simulated => "simulated",
    };
    let _ = writeln!(out, "], \"origin\": \"{origin}\", \"status\": {}}}", reply.status);
    out
}
