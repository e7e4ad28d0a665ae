//! A small web server over a real loopback socket, for tests: it answers as its manner says and keeps what it was told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How the server answers everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// With this status and text.
    Plain(u16, &'static str),
    /// With a head that is fine and a body without an end.
    Endless,
    /// With a head that is fine and a body that never comes.
    Stalls,
    /// Never.
    Silent,
    /// By pointing to this address.
    Elsewhere(String),
    /// With something that is no answer.
    Nonsense,
}

#[derive(Debug, Clone)]
pub struct Request {
    /// `POST /x HTTP/1.1`
    pub line: String,
    pub head: String,
    pub body: String,
}

pub struct Web {
    pub port: u16,
    answer: Arc<Mutex<Answer>>,
    taken: Arc<Mutex<Vec<Request>>>,
}

impl Web {
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answer, taken) = (Arc::new(Mutex::new(answer)), Arc::default());
        let (says, kept) = (Arc::clone(&answer), Arc::clone(&taken));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (says, kept) = (Arc::clone(&says), Arc::clone(&kept));
                thread::spawn(move || serve(stream, &says, &kept));
            }
        });
        Self { port, answer, taken }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hunter2", self.port)
    }

    pub fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.taken.lock().unwrap())
    }
}

fn serve(mut stream: TcpStream, says: &Mutex<Answer>, kept: &Mutex<Vec<Request>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        head.push_str(&line);
        line.clear();
    }
    let length =
        head.to_lowercase().lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    kept.lock().unwrap().push(Request { line: head.lines().next()?.to_owned(), head, body });
    let answer = says.lock().unwrap().clone();
    let fine = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    match answer {
        Answer::Plain(status, text) => {
            let length = text.len();
            write!(stream, "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}")
                .ok()?;
        }
        Answer::Endless => {
            write!(stream, "{fine}\r\n").ok()?;
            while stream.write_all(&[b'y'; 64 * 1024]).is_ok() {}
        }
        Answer::Stalls => {
            write!(stream, "{fine}content-length: 100\r\n\r\nsome").ok()?;
            thread::sleep(Duration::from_secs(30));
        }
        Answer::Silent => thread::sleep(Duration::from_secs(30)),
        Answer::Elsewhere(url) => {
            write!(stream, "HTTP/1.1 307 X\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n").ok()?;
        }
        Answer::Nonsense => stream.write_all(b"220 this is no web server\r\n").ok()?,
    }
    Some(())
}
