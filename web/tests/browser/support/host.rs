//! A plain static host, as there are many: no headers of ours, the page in a sub-folder, and it may
//! go away.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Where on the host the page lies.
const FOLDER: &str = "/course/week-5/faultline/";

/// A host at work, until it is dropped.
pub(crate) struct Host {
    address: std::net::SocketAddr,
    gone: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
}

impl Host {
    /// Serves a folder under a path of its own.
    pub(crate) fn start(folder: PathBuf) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (gone, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let host = Self { address, gone: Arc::clone(&gone), served: Arc::clone(&served) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if gone.load(Ordering::Relaxed) {
                    return;
                }
                let (folder, served) = (folder.clone(), Arc::clone(&served));
                thread::spawn(move || served.fetch_add(answer(&folder, stream), Ordering::Relaxed));
            }
        });
        host
    }

    /// The page's address.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{FOLDER}", self.address)
    }

    /// Bytes that it has sent, without headers.
    pub(crate) fn sent(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }

    /// Stops answering for good.
    pub(crate) fn go_away(&self) {
        self.gone.store(true, Ordering::Relaxed);
        // The listener waits for one more caller, finds that it is gone, and closes.
        drop(TcpStream::connect(self.address));
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.go_away();
    }
}

/// Answers one request and closes; the bytes sent.
fn answer(folder: &Path, mut stream: TcpStream) -> usize {
    let mut request = String::new();
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        if request.is_empty() {
            request = line;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let content = file(folder, path).and_then(|file| Some((fs::read(&file).ok()?, media_type(&file))));
    let (status, content, media_type) = match content {
        Some((content, media_type)) => ("200 OK", content, media_type),
        None => ("404 Not Found", Vec::new(), "text/plain"),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    );
    // The browser may have gone, which is no concern of the host's.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content));
    content.len()
}

fn file(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = path.split(['?', '#']).next()?.strip_prefix(FOLDER)?;
    let path = Path::new(if path.is_empty() { "index.html" } else { path });
    path.components().all(|part| matches!(part, Component::Normal(_))).then(|| folder.join(path))
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
