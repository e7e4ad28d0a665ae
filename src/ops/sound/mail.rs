//! Messages and mailboxes: headers, parts that close, attachments that decode, and each attachment as a document.

use std::io::Cursor;

use mail_parser::mailbox::mbox::MessageIterator;
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::{MAX_DEPTH, Verdict, Work, examine};

/// So many zero bytes in a row are no part of a message.
const ZEROS: &[u8] = &[0; 16];

pub(super) fn check(bytes: &[u8], work: &mut Work, depth: u32) -> Result<(), Verdict> {
    if memchr::memmem::find(bytes, ZEROS).is_some() {
        return Err(Verdict::damaged("a stretch of the message is zero bytes"));
    }
    let broken = || Verdict::damaged("it has no headers");
    let message = MessageParser::default().parse(bytes).ok_or_else(broken)?;
    if message.headers().is_empty() {
        return Err(broken());
    }
    parts(&message, bytes, work, depth)
}

pub(super) fn check_mailbox(bytes: &[u8], work: &mut Work, depth: u32) -> Result<(), Verdict> {
    for message in MessageIterator::new(Cursor::new(bytes)) {
        work.part()?;
        let message = message.map_err(|_| Verdict::damaged("a message cannot be told from the next"))?;
        check(message.contents(), work, depth + 1).map_err(|verdict| match verdict {
            Verdict::Damaged(why) => Verdict::damaged(format!("a message: {why}")),
            other => other,
        })?;
    }
    Ok(())
}

fn parts(message: &Message<'_>, bytes: &[u8], work: &mut Work, depth: u32) -> Result<(), Verdict> {
    for part in &message.parts {
        work.part()?;
        if let Some(boundary) = part.content_type().and_then(|kind| kind.attribute("boundary")) {
            let close = [b"--", boundary.as_bytes(), b"--"].concat();
            if memchr::memmem::find(bytes, &close).is_none() {
                return Err(Verdict::damaged("it ends before its last part does"));
            }
        }
        if part.is_encoding_problem {
            return Err(Verdict::damaged("a part cannot be decoded"));
        }
        attached(part, bytes, work, depth)?;
    }
    Ok(())
}

fn attached(part: &MessagePart<'_>, bytes: &[u8], work: &mut Work, depth: u32) -> Result<(), Verdict> {
    if let PartType::Message(inner) = &part.body {
        return if depth < MAX_DEPTH { parts(inner, bytes, work, depth + 1) } else { Ok(()) };
    }
    let (PartType::Binary(_) | PartType::InlineBinary(_), Some(name)) = (&part.body, part.attachment_name()) else {
        return Ok(());
    };
    work.unpack(part.contents().len() as u64)?;
    match examine(name.as_bytes(), part.contents(), work, depth + 1) {
        Verdict::Damaged(why) => Err(Verdict::damaged(format!("an attachment: {why}"))),
        Verdict::NotItsName(_) => Err(Verdict::damaged("an attachment is not what its name says")),
        Verdict::Sound | Verdict::NotCheckable(_) => Ok(()),
    }
}
