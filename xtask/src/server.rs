//! A static web server for this machine only, with the headers that a public host should send too.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Component, Path, PathBuf},
    sync::Arc,
    thread,
    time::UNIX_EPOCH,
};

use anyhow::{Result, anyhow};
use tiny_http::{Header, Method, Request, Response, Server, StatusCode};

/// Browsers open six connections to a host.
const THREADS: usize = 6;

/// Nothing comes from elsewhere, nothing is inline; WebAssembly may be compiled.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
    connect-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

/// A server at work; it stops when this is dropped.
pub(crate) struct Running {
    server: Arc<Server>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// Serves a folder on the first free port of those given.
pub(crate) fn start(folder: &Path, ports: impl IntoIterator<Item = u16>) -> Result<Running> {
    let mut reason = anyhow!("no port was given");
    for port in ports {
        match Server::http((Ipv4Addr::LOCALHOST, port)) {
            Ok(server) => return Ok(Running::new(server, folder)),
            Err(error) => reason = anyhow!("port {port}: {error}; choose another with --port"),
        }
    }
    Err(reason)
}

impl Running {
    fn new(server: Server, folder: &Path) -> Self {
        let server = Arc::new(server);
        let serve = |_| {
            let (server, folder) = (Arc::clone(&server), folder.to_path_buf());
            thread::spawn(move || server.incoming_requests().for_each(|request| answer(request, &folder)))
        };
        let threads = (0..THREADS).map(serve).collect();
        Self { server, threads }
    }

    /// The address to open.
    pub(crate) fn url(&self) -> String {
        self.server.server_addr().to_ip().map_or_else(String::new, |address| format!("http://{address}/"))
    }

    /// Serves until the program is ended.
    pub(crate) fn wait(mut self) {
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so; the others serve on.
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for _ in &self.threads {
            self.server.unblock();
        }
    }
}

fn answer(request: Request, folder: &Path) {
    let reply = match request.method() {
        Method::Get | Method::Head => file(folder, &request),
        _ => plain(405, "only GET and HEAD"),
    };
    // The browser may be gone by now, which is no concern of the server's.
    let _ = request.respond(reply);
}

type Reply = Response<std::io::Cursor<Vec<u8>>>;

fn file(folder: &Path, request: &Request) -> Reply {
    let Some(path) = inside(folder, request.url()) else { return plain(404, "no such file") };
    let Ok((content, tag)) = read(&path) else { return plain(404, "no such file") };
    let known = request.headers().iter().any(|h| h.field.equiv("If-None-Match") && h.value.as_str() == tag);
    let reply = if known {
        Response::from_data(Vec::new()).with_status_code(304)
    } else {
        Response::from_data(content)
    };
    with_common_headers(reply, media_type(&path)).with_header(header("ETag", &tag))
}

/// The content and a tag that changes with it.
fn read(path: &Path) -> std::io::Result<(Vec<u8>, String)> {
    let modified = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let content = fs::read(path)?;
    let tag = format!("\"{:x}-{:x}\"", modified.as_nanos(), content.len());
    Ok((content, tag))
}

/// The file that a URL means. Names with `%` are not decoded: no file of the page needs it.
fn inside(folder: &Path, url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?.strip_prefix('/')?;
    let relative = Path::new(if path.is_empty() { "index.html" } else { path });
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !path.contains(['\\', '%', '\0'])).then(|| folder.join(relative))
}

fn plain(status: u16, text: &str) -> Reply {
    let reply = Response::from_data(text.as_bytes()).with_status_code(StatusCode(status));
    with_common_headers(reply, "text/plain; charset=utf-8")
}

fn with_common_headers(reply: Reply, media_type: &str) -> Reply {
    [
        ("Content-Type", media_type),
        ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        // The names of the files do not change with their content: ask each time.
        ("Cache-Control", "no-cache"),
    ]
    .into_iter()
    .fold(reply, |reply, (name, value)| reply.with_header(header(name, value)))
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).unwrap_or_else(|()| unreachable!("the header {name} is ASCII"))
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("txt" | "md" | "rs") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use super::*;

    #[test]
    fn no_url_leaves_the_folder() {
        let folder = Path::new("/site");
        for url in
            ["/../secret", "/a/../../b", "//etc/passwd", "/..%2fsecret", "/a\\..\\b", "x", "/./../x", "/\0"]
        {
            assert_eq!(inside(folder, url), None, "{url}");
        }
        assert_eq!(inside(folder, "/"), Some("/site/index.html".into()));
        assert_eq!(inside(folder, "/images/disk.img?v=2"), Some("/site/images/disk.img".into()));
    }

    fn get(url: &str, request: &str) -> String {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://").trim_end_matches('/')).unwrap();
        write!(stream, "{request}\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn files_come_with_their_type_their_tag_and_the_policy() {
        let folder = std::env::temp_dir().join(format!("faultline-server-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("app.wasm"), "x").unwrap();
        let server = start(&folder, [0]).unwrap();

        let answer = get(&server.url(), "GET /app.wasm HTTP/1.1");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("application/wasm") && answer.contains("script-src 'self'"), "{answer}");
        let tag = answer.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap();
        let again = get(&server.url(), &format!("GET /app.wasm HTTP/1.1\r\nIf-None-Match: {tag}"));
        assert!(again.starts_with("HTTP/1.1 304"), "{again}");

        assert!(get(&server.url(), "GET /none HTTP/1.1").starts_with("HTTP/1.1 404"));
        assert!(get(&server.url(), "POST /app.wasm HTTP/1.1").starts_with("HTTP/1.1 405"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_busy_port_is_passed_over_or_named() {
        let folder = std::env::temp_dir();
        let first = start(&folder, [0]).unwrap();
        let busy = first.server.server_addr().to_ip().unwrap().port();
        assert_ne!(start(&folder, [busy, 0]).unwrap().url(), first.url());
        let error = start(&folder, [busy]).err().unwrap().to_string();
        assert!(error.contains(&busy.to_string()), "{error}");
    }
}
