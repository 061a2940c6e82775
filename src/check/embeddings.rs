//! The vectors of an embeddings reply.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::suite::EmbeddingEncoding;

/// One vector and how it came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vector {
    pub(super) encoding: EmbeddingEncoding,
    pub(super) numbers: Vec<f64>,
}

/// The vectors of `data[*].embedding`; `Err` says which is none.
pub(super) fn vectors(body: &Value) -> Result<Vec<Vector>, String> {
    let data = body["data"].as_array().ok_or_else(|| "the reply has no array `data`".to_owned())?;
    let read = |(index, item): (usize, &Value)| {
        vector(&item["embedding"]).map_err(|why| format!("data[{index}].embedding {why}"))
    };
    data.iter().enumerate().map(read).collect()
}

/// An array of numbers, or base64 of little-endian 32-bit floats.
pub(super) fn vector(value: &Value) -> Result<Vector, String> {
    match value {
        Value::Array(items) => {
            let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
            let numbers = numbers.ok_or("holds something that is no number")?;
            Ok(Vector { encoding: EmbeddingEncoding::Float, numbers })
        }
        Value::String(text) => {
            let bytes = STANDARD.decode(text).map_err(|error| format!("is no base64: {error}"))?;
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

/// Cosine similarity; `None` for vectors of different length or without direction.
pub(super) fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    (a.len() == b.len() && lengths > 0.0).then(|| dot(a, b) / lengths)
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
