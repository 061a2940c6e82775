//! The vectors of an embeddings reply.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::MismatchKind;
use super::compare::filled;
use super::expectation::Checker;
use super::unmet::Unmet;
use crate::suite::{EmbeddingEncoding, EmbeddingsExpect};

impl Checker<'_> {
    pub(super) fn embeddings(&mut self, expect: &EmbeddingsExpect) {
        let Some(json) = self.seen.json() else { return };
        let found = match vectors(json) {
            Ok(found) => found,
            Err(why) => {
                return self.push(
                    expect.place,
                    "embeddings",
                    Unmet::new("vectors", why),
                    MismatchKind::ProtocolViolation,
                );
            }
        };
        self.maybe(&expect.count, "embeddings.count", &found.len().into());
        let Some(first) = found.first() else {
            // Only `count` can be met without vectors. Any other condition needs at least one.
            if expect.count.is_none() || asks_of_vectors(expect) {
                let unmet = Unmet::new("vectors", "there are none");
                self.push(expect.place, "embeddings", unmet, MismatchKind::WrongAnswer);
            }
            return;
        };
        self.each_vector(expect, &found);
        if let Some(differ) = expect.differ {
            self.vectors_differ(expect, differ, &found);
        }
        self.against_another(expect, first, found.get(1));
    }

    fn each_vector(&mut self, expect: &EmbeddingsExpect, found: &[Vector]) {
        for (index, vector) in found.iter().enumerate() {
            self.maybe(&expect.dimensions, &format!("embeddings[{index}].dimensions"), &vector.numbers.len().into());
            if let Some(why) = flaw(vector).filter(|_| expect.finite == Some(true)) {
                let unmet = Unmet::new("finite numbers, not all zero", why);
                self.push(expect.place, &format!("embeddings[{index}]"), unmet, MismatchKind::WrongAnswer);
            }
            if let Some(encoding) = expect.encoding
                && encoding != vector.encoding
            {
                let unmet = Unmet::new(encoding_name(encoding), encoding_name(vector.encoding));
                self.push(expect.place, &format!("embeddings[{index}].encoding"), unmet, MismatchKind::WrongAnswer);
            }
        }
        if expect.finite == Some(false) && found.iter().all(|vector| flaw(vector).is_none()) {
            let unmet = Unmet::new("a vector that is not finite, or all zero", "all are finite");
            self.push(expect.place, "embeddings.finite", unmet, MismatchKind::WrongAnswer);
        }
    }

    fn vectors_differ(&mut self, expect: &EmbeddingsExpect, differ: bool, found: &[Vector]) {
        let twins = found
            .iter()
            .enumerate()
            .find_map(|(i, a)| found[i + 1..].iter().position(|b| a.is_same(b)).map(|j| (i, i + 1 + j)));
        let unmet = match (differ, twins) {
            _ if found.len() < 2 => Unmet::new("two vectors at least", "there is one only"),
            (true, Some((i, j))) => Unmet::new("vectors that differ", format!("vectors {i} and {j} are equal")),
            (false, None) => Unmet::new("two vectors that are equal", "all differ"),
            (true, None) | (false, Some(_)) => return,
        };
        self.push(expect.place, "embeddings.differ", unmet, MismatchKind::WrongAnswer);
    }

    /// Checks `differs_from` and `cosine`, which compare the first vector with another: a captured one, or for `cosine`
    /// also the second.
    fn against_another(&mut self, expect: &EmbeddingsExpect, first: &Vector, second: Option<&Vector>) {
        let captured = |operand: &Value| {
            vector(&filled(operand, self.scope)?)
                .map_err(|why| Unmet::senseless("a vector", format!("the operand {why}")))
        };
        if let Some(operand) = &expect.differs_from {
            let result = match captured(operand) {
                Ok(other) if other.is_same(first) => Err(Unmet::new("a vector that differs", "the same vector")),
                other => other.map(|_| ()),
            };
            self.record(expect.place, "embeddings.differs_from", result);
        }
        let Some(need) = &expect.cosine else { return };
        let other = match &expect.cosine_with {
            Some(operand) => captured(operand),
            None => second.cloned().ok_or_else(|| Unmet::new("a second vector", "there is one only")),
        };
        let cosine = other.and_then(|other| {
            let (a, b) = (first.numbers.len(), other.numbers.len());
            cosine(&first.numbers, &other.numbers)
                .ok_or_else(|| Unmet::new("two vectors of one length, not zero", format!("lengths {a} and {b}")))
        });
        match cosine {
            Ok(cosine) => self.need(need, "embeddings.cosine", &json!(cosine)),
            Err(unmet) => self.push(need.place, "embeddings.cosine", unmet, MismatchKind::WrongAnswer),
        }
    }
}

/// Whether the expectation has conditions other than `count`.
fn asks_of_vectors(expect: &EmbeddingsExpect) -> bool {
    let EmbeddingsExpect {
        place: _,
        count: _,
        dimensions,
        finite,
        encoding,
        differ,
        differs_from,
        cosine,
        cosine_with,
    } = expect;
    let needs = dimensions.is_some() || cosine.is_some();
    needs || finite.or(*differ).is_some() || encoding.is_some() || differs_from.is_some() || cosine_with.is_some()
}

fn encoding_name(encoding: EmbeddingEncoding) -> &'static str {
    match encoding {
        EmbeddingEncoding::Float => "float",
        EmbeddingEncoding::Base64 => "base64",
    }
}

/// One vector and its encoding.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vector {
    pub(super) encoding: EmbeddingEncoding,
    pub(super) numbers: Vec<f64>,
}

impl Vector {
    /// Whether both vectors are equal as 32-bit floats. Base64 holds 32-bit floats, so the same vector in decimal
    /// numbers may differ in further digits.
    fn is_same(&self, other: &Vector) -> bool {
        let narrow = |vector: &Vector| vector.numbers.iter().map(|number| *number as f32).collect::<Vec<_>>();
        narrow(self) == narrow(other)
    }
}

/// The vectors of `data[*].embedding`. If each has an `index` of its own, they are sorted by it, because clients assign
/// vectors to inputs by `index`. `Err` says which item is not a vector.
pub(super) fn vectors(body: &Value) -> Result<Vec<Vector>, String> {
    let data = body["data"].as_array().ok_or_else(|| "the reply has no array `data`".to_owned())?;
    let read = |(index, item): (usize, &Value)| {
        vector(&item["embedding"]).map_err(|why| format!("data[{index}].embedding {why}"))
    };
    let found: Vec<Vector> = data.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let indexes: Option<BTreeSet<u64>> = data.iter().map(|item| item["index"].as_u64()).collect();
    if indexes.is_none_or(|indexes| indexes.len() < found.len()) {
        return Ok(found);
    }
    let mut ordered: Vec<(Option<u64>, Vector)> = data.iter().map(|item| item["index"].as_u64()).zip(found).collect();
    ordered.sort_by_key(|(index, _)| *index);
    Ok(ordered.into_iter().map(|(_, vector)| vector).collect())
}

/// Reads a vector: an array of numbers, or base64 of little-endian 32-bit floats.
pub(super) fn vector(value: &Value) -> Result<Vector, String> {
    match value {
        Value::Array(items) => {
            let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
            let numbers = numbers.ok_or("holds something that is not a number")?;
            Ok(Vector { encoding: EmbeddingEncoding::Float, numbers })
        }
        Value::String(text) => {
            let bytes = STANDARD.decode(text).map_err(|error| format!("is not base64: {error}"))?;
            let (floats, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(format!("is {} bytes long, no multiple of 4", bytes.len()));
            }
            let numbers = floats.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect();
            Ok(Vector { encoding: EmbeddingEncoding::Base64, numbers })
        }
        _ => Err("is neither an array nor a string".to_owned()),
    }
}

/// Why a vector is not usable: not finite, empty, or all zero.
pub(super) fn flaw(vector: &Vector) -> Option<&'static str> {
    match vector.numbers.as_slice() {
        [] => Some("it is empty"),
        numbers if !numbers.iter().all(|number| number.is_finite()) => Some("it holds a number that is not finite"),
        numbers if numbers.iter().all(|number| *number == 0.0) => Some("it is all zero"),
        _ => None,
    }
}

/// The cosine similarity; `None` if the vectors have different lengths or one of them is zero.
pub(super) fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    (a.len() == b.len() && lengths > 0.0).then(|| dot(a, b) / lengths).filter(|cosine| cosine.is_finite())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_encodings_mean_the_same_numbers() {
        let bytes: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|number| number.to_le_bytes()).collect();
        let body = json!({"data": [{"embedding": [1.5, -2.0]}, {"embedding": STANDARD.encode(bytes)}]});
        let found = vectors(&body).unwrap();
        assert_eq!(found[0].numbers, found[1].numbers);
        assert_eq!((found[0].encoding, found[1].encoding), (EmbeddingEncoding::Float, EmbeddingEncoding::Base64));
    }

    #[test]
    fn vectors_are_in_the_order_of_their_index_where_each_has_its_own() {
        let firsts = |indexes: [Value; 3]| {
            let data: Vec<Value> = std::iter::zip(indexes, 0..)
                .map(|(index, place)| json!({"index": index, "embedding": [place]}))
                .collect();
            let found = vectors(&json!({"data": data})).unwrap();
            found.iter().map(|vector| vector.numbers[0]).collect::<Vec<_>>()
        };
        assert_eq!(firsts([json!(2), json!(0), json!(1)]), [1.0, 2.0, 0.0]);
        assert_eq!(firsts([json!(1), json!(1), json!(0)]), [0.0, 1.0, 2.0]);
        assert_eq!(firsts([json!(1), json!(null), json!(0)]), [0.0, 1.0, 2.0]);
    }

    #[test]
    fn what_is_no_vector_is_said() {
        for bad in [
            json!({}),
            json!({"data": [{"embedding": ["a"]}]}),
            json!({"data": [{"embedding": "AAA="}]}),
            json!({"data": [{}]}),
        ] {
            assert!(vectors(&bad).is_err(), "{bad}");
        }
        let flawed = |numbers: Vec<f64>| flaw(&Vector { encoding: EmbeddingEncoding::Float, numbers }).is_some();
        assert!(flawed(vec![]) && flawed(vec![0.0, 0.0]) && flawed(vec![f64::NAN]) && !flawed(vec![0.0, 1.0]));
    }

    #[test]
    fn cosine_is_the_angle() {
        assert_eq!(cosine(&[1.0, 0.0], &[2.0, 0.0]), Some(1.0));
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 3.0]), Some(0.0));
        assert_eq!(cosine(&[1.0], &[1.0, 1.0]), None);
        assert_eq!(cosine(&[0.0], &[1.0]), None);
    }
}
