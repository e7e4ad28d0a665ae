//! A small mail server over a real loopback socket, for tests: it says what its rules say and keeps what it took.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the server does to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Takes everything but the recipients that begin with `no` (550) or `later` (451).
    Polite,
    /// Refuses every recipient.
    Refuses,
    /// Takes the first message and hangs up before saying so.
    Forgets,
    /// Takes the connection and never says a word.
    Silent,
    /// Greets, and never answers the first command.
    Stalls,
    /// Wants a login and refuses every password.
    Locked,
    /// Takes only the password `right` of the user `clerk`.
    Login,
}

pub struct Server {
    pub port: u16,
    /// Each message as it came: everything the client said.
    pub taken: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&taken);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || serve(stream, manner, &kept));
            }
        });
        Self { port, taken }
    }
}

fn serve(mut stream: TcpStream, manner: Manner, kept: &Mutex<Vec<String>>) -> Option<()> {
    if manner == Manner::Silent {
        thread::sleep(Duration::from_secs(30));
        return None;
    }
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let mut said = String::new();
    let mut answer = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes()).ok();
    answer("220 sink")?;
    while let Some(Ok(line)) = lines.next() {
        said.push_str(&line);
        said.push('\n');
        if manner == Manner::Stalls {
            thread::sleep(Duration::from_secs(30));
            return None;
        }
        let reply = match line.split([' ', ':']).next()?.to_uppercase().as_str() {
            "EHLO" if matches!(manner, Manner::Locked | Manner::Login) => "250-sink\r\n250 AUTH PLAIN LOGIN",
            "EHLO" => "250 sink",
            "AUTH" if manner == Manner::Login && line.ends_with("AGNsZXJrAHJpZ2h0") => "235 come in",
            "AUTH" => "535 5.7.8 wrong password",
            "RCPT" if manner == Manner::Refuses || line.contains("<no") => "550 no such person",
            "RCPT" if line.contains("<later") => "451 come back later",
            "DATA" => {
                answer("354 go on")?;
                for line in lines.by_ref().map_while(Result::ok).take_while(|line| line != ".") {
                    said.push_str(&line);
                    said.push('\n');
                }
                let mut kept = kept.lock().unwrap();
                kept.push(std::mem::take(&mut said));
                if manner == Manner::Forgets && kept.len() == 1 {
                    return None;
                }
                "250 taken as 42"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        answer(reply)?;
    }
    None
}
