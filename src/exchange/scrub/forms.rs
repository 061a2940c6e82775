//! The forms in which a value may be written.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::view::View;
use crate::wire::hex::hex;

/// Fewer bytes are too few to recognise a value by: `%41%42%43` without its escapes is just `ABC`.
const FEWEST: usize = 7;

/// The byte strings that stand for a value.
pub(super) struct Forms {
    /// As it is, and JSON-escaped once and twice.
    pub(super) written: Vec<Vec<u8>>,
    /// As it is after the escapes of a text are undone.
    pub(super) meant: Vec<Vec<u8>>,
    /// In hex, in base64, and in base64 of base64.
    pub(super) encoded: Vec<Vec<u8>>,
}

impl Forms {
    pub(super) fn of(value: &str) -> Self {
        let quoted = |text: &str| {
            let json = serde_json::Value::from(text).to_string();
            json[1..json.len() - 1].to_owned()
        };
        let once = quoted(value);
        // HTML forms encode a space as a plus.
        let plus = value.replace(' ', "+");
        let meant = [value, &plus].map(|text| View::unescaped(text.as_bytes()).bytes);
        let mut encoded = vec![hex(value.as_bytes()).into_bytes(), hex(value.as_bytes()).to_uppercase().into_bytes()];
        let in_base64 = base64(value.as_bytes());
        encoded.extend(in_base64.iter().flat_map(|form| base64(form)));
        encoded.extend(in_base64);
        Forms {
            written: distinct(
                [value.as_bytes(), plus.as_bytes(), quoted(&once).as_bytes(), once.as_bytes()].map(<[u8]>::to_vec),
            ),
            meant: distinct(meant.into_iter().filter(|form| form.len() >= FEWEST)),
            encoded: distinct(encoded.into_iter().filter(|form| form.len() >= FEWEST)),
        }
    }
}

/// The base64 of a value at each of the three offsets where it can start, without the characters that also encode
/// neighbouring bytes.
fn base64(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for offset in 0..3 {
        let mut bytes = vec![0; offset];
        bytes.extend_from_slice(value);
        // Characters before `first` hold bits of the bytes before the value, those from `end` on hold bits of what
        // follows.
        let (first, end) = ((offset * 8).div_ceil(6), bytes.len() * 8 / 6);
        for form in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            forms.push(form.as_bytes()[first..end].to_vec());
        }
    }
    forms
}

fn distinct(forms: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for form in forms {
        if !all.contains(&form) {
            all.push(form);
        }
    }
    all
}
