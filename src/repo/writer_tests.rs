//! What a writer puts, and what it never puts.

use object_store::memory::InMemory;
use object_store::path::Path;

use super::*;
use crate::repo::layout::PACKS;

#[test]
fn what_does_not_prove_itself_is_never_put() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let memory = Arc::new(InMemory::new());
    let store = Store::new(memory, Path::default(), runtime.handle().clone(), "memory".into(), false);
    let (key, reader) = (ChunkKey::new([3; 32]), Identity::generate());
    let start = || {
        PackWriter::start(WriterSettings {
            store: store.clone(),
            reading: reader.recipient(),
            chunk_key: key.clone(),
            compressors: 1,
            uploaders: 1,
            acknowledged: Box::new(|_| Ok(())),
        })
    };
    let count = || store.list(PACKS).unwrap().0.len();
    // As if what was compressed came back as something else: the piece is not what its id says.
    let mut writer = start();
    writer.add(Stream::Content, key.id(b"agenda"), b"agenda").unwrap();
    writer.add(Stream::Content, key.id(b"minutes"), b"minutez").unwrap();
    let refused = writer.flush().unwrap_err();
    assert!(matches!(refused, RepoError::Pack { error: PackError::Chunk(_), .. }), "{refused}");
    assert!(refused.is_damage() && count() == 0, "nothing of it is in the store");
    let mut writer = start();
    writer.add(Stream::Content, key.id(b"minutes"), b"minutes").unwrap();
    let written = writer.flush().unwrap();
    assert_eq!((written.len(), count()), (1, 1));
    assert_eq!(writer.prove_back(&store, &written[0], &key).unwrap(), 7);
}
