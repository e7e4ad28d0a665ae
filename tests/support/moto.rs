//! Buckets on the S3 server of `tests/all.sh`, set up as a provider would, and a gate in front of it that refuses what a
//! narrower credential could not do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::services;

/// One request; the answer whole.
pub fn ask(method: &str, path: &str, headers: &str, body: &str) -> String {
    let address = services::s3().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn done(method: &str, path: &str, headers: &str, body: &str) {
    let answer = ask(method, path, headers, body);
    assert!(answer.starts_with("HTTP/1.1 20"), "{method} {path}: {answer}");
}

/// A bucket without anything.
pub fn plain(bucket: &str) {
    done("PUT", &format!("/{bucket}"), "", "");
}

/// Its versions are kept from here on.
pub fn keep_versions(bucket: &str) {
    let body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    done("PUT", &format!("/{bucket}?versioning"), "", body);
}

/// A bucket that locks what is written, for so many days.
pub fn locked(bucket: &str, mode: &str, days: u32) {
    done("PUT", &format!("/{bucket}"), "x-amz-bucket-object-lock-enabled: true\r\n", "");
    let body = format!(
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>{mode}</Mode>\
         <Days>{days}</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
    );
    done("PUT", &format!("/{bucket}?object-lock"), "", &body);
}

/// A rule over everything below `prefix`.
pub fn rule(bucket: &str, prefix: &str, effect: &str) {
    let body = format!(
        "<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix>{prefix}</Prefix></Filter><Status>Enabled</Status>{effect}\
         </Rule></LifecycleConfiguration>"
    );
    done("PUT", &format!("/{bucket}?lifecycle"), "", &body);
}

/// How many versions and delete markers lie in the bucket.
pub fn versions(bucket: &str) -> (usize, usize) {
    let answer = ask("GET", &format!("/{bucket}?versions"), "", "");
    (answer.matches("<Version>").count(), answer.matches("<DeleteMarker>").count())
}

/// Stands before the S3 server and answers 403 where `refuses` says so of a request's first line.
pub struct Gate {
    address: String,
    stop: Arc<AtomicBool>,
}

impl Gate {
    pub fn new(refuses: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, refuses) = (Arc::clone(&stop), Arc::new(refuses));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, refuses) = (stream.unwrap(), Arc::clone(&refuses));
                // A client that goes away is no matter of the gate's.
                std::thread::spawn(move || drop(pass(stream, &*refuses)));
            }
        });
        Self { address, stop }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
    }
}

/// One request, one answer, one connection.
fn pass(mut client: TcpStream, refuses: &dyn Fn(&str) -> bool) -> std::io::Result<()> {
    let (mut request, mut piece) = (vec![], [0; 16 << 10]);
    let (head, length) = loop {
        let n = client.read(&mut piece)?;
        if n == 0 {
            return Ok(());
        }
        request.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some(end) = text.find("\r\n\r\n") else { continue };
        let lower = text[..end].to_lowercase();
        let length = lower.split("\r\ncontent-length: ").nth(1).and_then(|l| l.split("\r\n").next()?.parse().ok());
        break (end + 4, length.unwrap_or(0usize));
    };
    while request.len() < head + length {
        let n = client.read(&mut piece)?;
        request.extend_from_slice(&piece[..n]);
    }
    let first = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
    if refuses(&first) {
        let body = "<Error><Code>AccessDenied</Code></Error>";
        let length = if first.starts_with("HEAD") { 0 } else { body.len() };
        let body = if length == 0 { "" } else { body };
        return write!(client, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    }
    let mut server = TcpStream::connect(services::s3().trim_start_matches("http://"))?;
    let (top, rest) = request.split_at(first.len() + 2);
    server.write_all(top)?;
    server.write_all(b"Connection: close\r\n")?;
    server.write_all(rest)?;
    let mut answer = vec![];
    server.read_to_end(&mut answer)?;
    let close = answer.iter().position(|b| *b == b'\n').map_or(0, |n| n + 1);
    client.write_all(&answer[..close])?;
    client.write_all(b"Connection: close\r\n")?;
    client.write_all(&answer[close..])
}
