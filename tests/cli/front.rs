//! What stands between a client and an S3 server: it lets requests through, or answers in the server's place as a store
//! does that is away, slow, full, or has taken its leave back. One request a connection.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// What it does to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// All pass.
    Open,
    /// Takes the connection and hangs up.
    Away,
    /// Never answers.
    Silent,
    /// This answer to every request.
    Answers(&'static str),
    /// This answer to those that write.
    ToWrites(&'static str),
}

pub const REVOKED: &str = "403 Forbidden InvalidAccessKeyId";
pub const NO_BUCKET: &str = "404 Not Found NoSuchBucket";
pub const READ_ONLY: &str = "403 Forbidden AccessDenied";
pub const FULL: &str = "507 Insufficient Storage QuotaExceeded";
pub const BUSY: &str = "503 Slow Down SlowDown";

struct Shared {
    way: Mutex<(Way, usize)>,
    asked: Condvar,
}

pub struct Front {
    pub port: u16,
    shared: Arc<Shared>,
}

impl Front {
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { way: Mutex::new((Way::Open, 0)), asked: Condvar::new() });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&ours);
                thread::spawn(move || answer(stream, &shared, server));
            }
        });
        Self { port, shared }
    }

    pub fn turns(&self, way: Way) {
        *self.shared.way.lock().unwrap() = (way, 0);
    }

    /// Waits until somebody has asked since the last turn.
    pub fn waits_to_be_asked(&self) {
        let mut way = self.shared.way.lock().unwrap();
        while way.1 == 0 {
            way = self.shared.asked.wait(way).unwrap();
        }
    }
}

fn answer(mut client: TcpStream, shared: &Shared, server: SocketAddr) -> Option<()> {
    let (mut head, mut byte) = (vec![], [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let way = {
        let mut way = shared.way.lock().unwrap();
        way.1 += 1;
        shared.asked.notify_all();
        way.0
    };
    let reads = head.starts_with(b"GET ") || head.starts_with(b"HEAD ");
    match way {
        Way::Away => return None,
        // Until the client gives up.
        Way::Silent => drop(client.read_to_end(&mut vec![])),
        Way::Answers(status) => says(&mut client, status)?,
        Way::ToWrites(status) if !reads => says(&mut client, status)?,
        Way::Open | Way::ToWrites(_) => passes(client, &head, server)?,
    }
    Some(())
}

fn says(client: &mut TcpStream, status: &str) -> Option<()> {
    let (status, code) = status.rsplit_once(' ')?;
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nConnection: close\r\n");
    client.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).ok()?;
    client.shutdown(Shutdown::Write).ok()?;
    // What the client still sends is read, or it would see a reset instead of the answer.
    drop(client.read_to_end(&mut vec![]));
    Some(())
}

fn passes(mut client: TcpStream, head: &[u8], server: SocketAddr) -> Option<()> {
    let mut upstream = TcpStream::connect(server).ok()?;
    upstream.write_all(&head[..head.len() - 2]).ok()?;
    upstream.write_all(b"Connection: close\r\n\r\n").ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, upstream.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut upstream, &mut client).ok()?;
    client.shutdown(Shutdown::Both).ok()
}
