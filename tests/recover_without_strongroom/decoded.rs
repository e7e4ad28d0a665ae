//! Base64 that was stored as what it stands for: the script writes it back, however it was cut.

use strongroom::domain::listing::Piece;
use strongroom::repo::cut::base64::base64_region;
use strongroom::repo::cut::{CutBuffer, CutterKind, Gear, GearKey, store_slice};

use super::*;

#[test]
fn pieces_that_were_decoded_are_written_back() {
    let tmp = tempfile::tempdir().unwrap();
    let (mut whole, mut pieces, mut chunks) = (b"\0\0\0\0\0".to_vec(), vec![Piece::Hole(5)], BTreeMap::new());
    for (number, (width, end, cut)) in [(76, "\r\n", 0), (64, "\n", 0), (76, "\n", 1)].into_iter().enumerate() {
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, noise("part", 10_001 + number));
        let mut lines: String = text.as_bytes().chunks(width).map(|l| format!("{}{end}", l.escape_ascii())).collect();
        lines.truncate(lines.len() - cut);
        let (decoded, form) = base64_region(lines.as_bytes()).unwrap();
        let id = [number as u8 + 1; 32];
        let chunk = minicbor::decode(&[&[0x58, 32], &id[..]].concat()).unwrap();
        pieces.push(Piece::Decoded(chunk, decoded.len() as u32, lines.len() as u32, form));
        chunks.insert(hex::encode(id), hex::encode(decoded));
        whole.extend_from_slice(lines.as_bytes());
    }
    // And a document that was cut in the middle of lines and groups.
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, noise("long", 1_000_000));
    let lines: String = text.as_bytes().chunks(76).map(|l| format!("{}\r\n", l.escape_ascii())).collect();
    let mail = format!("Content-Transfer-Encoding: base64\r\n\r\n{lines}");
    let (gear, mut number, mut buffer) = (Gear::new(&GearKey::new([7; 32])), 100u8, CutBuffer::new());
    let emit = |bytes: &[u8], written| {
        number += 1;
        let (id, len) = ([number; 32], bytes.len() as u32);
        let chunk = minicbor::decode(&[&[0x58, 32], &id[..]].concat()).unwrap();
        pieces.push(match written {
            None => Piece::Raw(chunk, len),
            Some((text, form)) => Piece::Decoded(chunk, len, text, form),
        });
        chunks.insert(hex::encode(id), hex::encode(bytes));
        Ok::<_, std::convert::Infallible>(())
    };
    store_slice(mail.as_bytes(), CutterKind::Mail, &gear, &mut buffer, emit).unwrap();
    assert!(number > 103, "cut several times");
    whole.extend_from_slice(mail.as_bytes());
    chunks.insert("aa".repeat(32), hex::encode(minicbor::to_vec(&pieces).unwrap()));
    fs::write(tmp.path().join("chunks"), serde_json::to_vec(&chunks).unwrap()).unwrap();
    let code = "import importlib.util, json, sys
spec = importlib.util.spec_from_file_location('script', sys.argv[1])
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
class Chunks:
    def get(self, chunk, known=json.load(open('chunks'))):
        return bytes.fromhex(known[chunk.hex()])
script.write_file(Chunks(), b'out', [int(sys.argv[2]), [1, [[b'\\xaa' * 32]]]])";
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recover-without-strongroom.py");
    let mut command = python();
    command.arg("-c").arg(code).arg(script).arg(whole.len().to_string()).current_dir(tmp.path());
    let said = Said::of(&command.output().unwrap());
    assert!(said.well && said.err.is_empty(), "{said:?}");
    assert!(fs::read(tmp.path().join("out")).unwrap() == whole);
}
