//! HTTP/1.1, as much of it as serving files to a browser on this machine takes.
//!
//! Each connection has a thread of its own, so that none waits for another: a browser opens several at once
//! and keeps them open.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Bytes that a request's head and its body may have.
const HEAD_MAX: usize = 16 << 10;
const BODY_MAX: usize = 1 << 20;
/// Fields that a request may have.
const FIELDS_MAX: usize = 64;

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of a field, whatever the case of its name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    fn ends_connection(&self) -> bool {
        self.field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// What is answered.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    fields: Vec<(&'static str, String)>,
    content: Arc<[u8]>,
}

impl Reply {
    pub(crate) fn new(status: u16, content: impl Into<Arc<[u8]>>) -> Self {
        Self { status, fields: Vec::new(), content: content.into() }
    }

    /// With a field; neither part may contain a line's end.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The bytes on the wire; what answers `HEAD` is without its content.
    fn bytes(&self, request: &Request) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.fields {
            head += &format!("{name}: {value}\r\n");
        }
        if !matches!(self.status, 204 | 304) {
            head += &format!("Content-Length: {}\r\n", self.content.len());
        }
        if request.ends_connection() {
            head += "Connection: close\r\n";
        }
        let mut bytes = (head + "\r\n").into_bytes();
        if request.method != "HEAD" {
            bytes.extend_from_slice(&self.content);
        }
        bytes
    }
}

/// What the status is called (RFC 9110, section 15).
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        304 => "Not Modified",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Bad Request",
    }
}

/// What answers requests.
type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

/// A server at work; it takes no more connections when this is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    accepting: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Serves on this port of this machine, 0 for any that is free.
    ///
    /// # Errors
    /// Where the port is taken.
    pub(crate) fn start(
        port: u16,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let (address, ending) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let (answer, ends): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&ending));
        let accepting = Some(thread::spawn(move || accept(&listener, &answer, &ends)));
        Ok(Self { address, ending, accepting })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the program is ended.
    pub(crate) fn wait(mut self) {
        if let Some(accepting) = self.accepting.take() {
            // If it panicked it has said so.
            let _ = accepting.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        // Wakes the thread that waits for a connection.
        let woken = TcpStream::connect(self.address);
        if let (Ok(_), Some(accepting)) = (woken, self.accepting.take()) {
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, answer: &Arc<Answer>, ending: &AtomicBool) {
    for stream in listener.incoming() {
        if ending.load(Ordering::Acquire) {
            return;
        }
        let (Ok(stream), answer) = (stream, Arc::clone(answer)) else { continue };
        // A browser that goes away in the middle is no concern of the server's.
        thread::spawn(move || drop(converse(stream, &*answer)));
    }
}

/// Answers what comes on a connection until it ends.
fn converse(mut stream: TcpStream, answer: &Answer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    loop {
        let request = match receive(&mut stream, &mut received) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) => {
                let close =
                    Request { fields: vec![("Connection".into(), "close".into())], ..Request::default() };
                return stream.write_all(&Reply::new(400, error.to_string().into_bytes()).bytes(&close));
            }
        };
        stream.write_all(&answer(&request).bytes(&request))?;
        if request.ends_connection() {
            return Ok(());
        }
    }
}

/// The next request, if there is one; what has been received beyond it stays.
fn receive(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        if let Some((mut request, head, body)) = parse(received)? {
            while received.len() < head + body {
                if !read_more(stream, received)? {
                    return Ok(None);
                }
            }
            request.body = received.drain(..head + body).skip(head).collect();
            return Ok(Some(request));
        }
        if !read_more(stream, received)? {
            return Ok(None);
        }
    }
}

/// Whether there was more.
fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<bool> {
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes)?;
    received.extend_from_slice(&bytes[..count]);
    Ok(count > 0)
}

/// A request without its body, and how long its head and its body are; nothing where the head is not complete.
fn parse(received: &[u8]) -> io::Result<Option<(Request, usize, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Request::new(&mut fields);
    let length = match head.parse(received).map_err(|error| bad(&error.to_string()))? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial if received.len() > HEAD_MAX => return Err(bad("the head is too long")),
        httparse::Status::Partial => return Ok(None),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        url: head.path.unwrap_or_default().to_owned(),
        fields: head.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect(),
        body: Vec::new(),
    };
    if request.field("Transfer-Encoding").is_some() {
        return Err(bad("a body in chunks is not understood"));
    }
    let body = request.field("Content-Length").map_or(Ok(0), str::parse);
    let body = body.ok().filter(|&body| body <= BODY_MAX).ok_or_else(|| bad("the body is too long"))?;
    Ok(Some((request, length, body)))
}

fn bad(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("bad request: {what}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn echo() -> Server {
        Server::start(0, |request| {
            let text =
                format!("{} {} {}", request.method, request.url, String::from_utf8_lossy(&request.body));
            Reply::new(200, text.into_bytes()).with("X-Test", "1")
        })
        .unwrap()
    }

    fn connect(server: &Server) -> TcpStream {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn read_to_end(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn every_connection_is_answered_though_all_stay_open() {
        let server = echo();
        let mut streams: Vec<_> = (0..32).map(|_| connect(&server)).collect();
        for stream in &mut streams {
            stream.write_all(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        }
        for stream in &mut streams {
            let mut first = [0; 15];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200 OK");
        }
    }

    #[test]
    fn requests_follow_each_other_on_a_connection_with_and_without_a_body() {
        let server = echo();
        let mut stream = connect(&server);
        let requests = [
            "POST /ran/app HTTP/1.1\r\ncontent-length: 5\r\n\r\nhe",
            "lloHEAD /b HTTP/1.1\r\n\r\n",
            "GET /c HTTP/1.1\r\nConnection: Close\r\n\r\n",
        ];
        for part in requests {
            stream.write_all(part.as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(5));
        }
        let answers = read_to_end(stream);
        assert!(answers.contains("POST /ran/app hello") && answers.contains("GET /c"), "{answers}");
        assert!(!answers.contains("HEAD /b"), "no content answers HEAD: {answers}");
        assert_eq!(answers.matches("X-Test: 1").count(), 3);
    }

    #[test]
    fn what_is_no_request_is_refused_and_the_connection_closed() {
        let server = echo();
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(HEAD_MAX + 1));
        let requests = [
            "no request\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            &long,
        ];
        for request in requests {
            let mut stream = connect(&server);
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = [0; 24];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 400 Bad Request", "{request:.40}");
        }
    }
}
