//! Vectors.

use super::*;

#[test]
fn embeddings_are_vectors() {
    let body = json!({"data": [{"embedding": [1.0, 0.0]}, {"embedding": [0.0, 1.0]}]});
    assert_eq!(
        json_reply(
            "{embeddings: {count: 2, dimensions: 2, finite: true, encoding: float, differ: true, cosine: 0.0}}",
            200,
            body.clone()
        ),
        NOTHING
    );
    assert_eq!(
        json_reply("{embeddings: {count: 1, dimensions: 3, encoding: base64}}", 200, body.clone()),
        [
            "embeddings.count",
            "embeddings[0].dimensions",
            "embeddings[0].encoding",
            "embeddings[1].dimensions",
            "embeddings[1].encoding"
        ]
    );
    assert_eq!(
        json_reply("{embeddings: {differs_from: '${v}', cosine: 1.0, cosine_with: '${v}'}}", 200, body),
        ["embeddings.differs_from"]
    );
    assert_eq!(
        json_reply("{embeddings: {differ: true}}", 200, json!({"data": [{"embedding": [1.0]}]})),
        ["embeddings.differ"]
    );
    let both = json!({"data": [{"embedding": [0.1, 0.0]}, {"embedding": "zczMPQAAAAA="}]});
    assert_eq!(json_reply("{embeddings: {differ: true}}", 200, both.clone()), ["embeddings.differ"]);
    assert_eq!(json_reply("{embeddings: {differ: false, cosine: {ge: 0.99}}}", 200, both.clone()), NOTHING);
    assert_eq!(json_reply("{embeddings: {finite: false}}", 200, both), ["embeddings.finite"]);
    let uneven = json!({"data": [{"embedding": [1.0]}, {"embedding": [1.0, 0.0]}]});
    assert_eq!(json_reply("{embeddings: {cosine: {not: {gt: 0.9}}}}", 200, uneven), ["embeddings.cosine"]);
    assert_eq!(json_reply("{embeddings: {count: 0}}", 200, json!({"data": []})), NOTHING);
    assert_eq!(json_reply("{embeddings: {count: 0, differs_from: '${v}'}}", 200, json!({"data": []})), ["embeddings"]);
    assert_eq!(json_reply("{embeddings: {count: 1}}", 200, json!({"data": [{"embedding": [[0.1]]}]})), ["embeddings"]);
    let same = json!({"data": [{"embedding": [0.0, 0.0]}, {"embedding": [0.0, 0.0]}]});
    assert_eq!(
        json_reply("{embeddings: {finite: true, differ: true}}", 200, same),
        ["embeddings[0]", "embeddings[1]", "embeddings.differ"]
    );
    assert_eq!(json_reply("{embeddings: {finite: true}}", 200, json!({"data": []})), ["embeddings"]);
    assert_eq!(json_reply("{embeddings: {}}", 200, chat("a")), ["embeddings"]);
}
