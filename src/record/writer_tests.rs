use std::sync::Arc;

use super::*;
use crate::exchange::Named;
use crate::provider::Provider;
use crate::record::tests::found;

#[test]
fn a_file_in_which_a_secret_would_remain_is_not_written() {
    let root = tempfile::TempDir::new().unwrap();
    let provider = Provider { name: "together".to_owned(), ..Provider::default() };
    // The value is part of the format itself, so no scrubbing can remove it.
    let secrets = Secrets::new([("API_KEY".to_owned(), "is_streaming".to_owned())]);
    let library = Arc::new(Library::open(root.path(), &provider));
    let cases = Arc::<Cases>::default();
    let writer = Writer::new(library, secrets, Arc::clone(&cases));
    let file = found("", "a", Owners::Named(Named::of(None, 1)));
    let batch = Batch {
        case: cases.of(None),
        entries: vec![Placed {
            entry: Arc::new(Entry::new(file.key.clone(), 1, file.recording.exchange.clone())),
            nth: 1,
            asked: 1,
        }],
        trust: Trust::Unknown,
        is_whole: false,
    };
    let notes = writer.keep(&batch);
    assert!(notes.len() == 1 && notes[0].ends_with("the value of API_KEY would remain in it"), "{notes:?}");
    assert_eq!(cases.failures(), notes);
    assert!(super::super::shelf::names_in(&root.path().join("together")).is_empty());
}
