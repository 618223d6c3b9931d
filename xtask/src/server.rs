//! A static web server for this machine only, with the headers that a public host should send too.

use std::{
    collections::HashMap,
    fs,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::UNIX_EPOCH,
};

use anyhow::{Result, anyhow};

use crate::{
    http::{Reply, Request, Server},
    sizes,
};

/// Quality of the compression: this one takes hundredths of a second where the best takes seconds.
const QUALITY: u32 = 5;

/// Nothing comes from elsewhere, nothing is inline; WebAssembly may be compiled.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
    connect-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

/// A server at work; it stops when this is dropped.
pub(crate) struct Running(Server);

/// Serves a folder on the first free port of those given.
pub(crate) fn start(folder: &Path, ports: impl IntoIterator<Item = u16>) -> Result<Running> {
    let (site, mut reason) = (Arc::new(Site::new(folder)), anyhow!("no port was given"));
    for port in ports {
        let site = Arc::clone(&site);
        match Server::start(port, move |request| site.answer(request)) {
            Ok(server) => return Ok(Running(server)),
            Err(error) => reason = anyhow!("port {port}: {error}; choose another with --port"),
        }
    }
    Err(reason)
}

impl Running {
    /// The address to open.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.0.address())
    }

    /// Serves until the program is ended.
    pub(crate) fn wait(self) {
        self.0.wait();
    }
}

/// What is served.
pub(crate) struct Site {
    folder: PathBuf,
    /// What was compressed, by tag: a file that changes has another.
    compressed: Mutex<HashMap<String, Arc<[u8]>>>,
}

impl Site {
    /// The files of this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), compressed: Mutex::default() }
    }

    /// Answers a request for a file.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        match &*request.method {
            "GET" | "HEAD" => self.file(request),
            _ => plain(405, "only GET and HEAD"),
        }
    }

    fn file(&self, request: &Request) -> Reply {
        let Some(path) = inside(&self.folder, &request.url) else { return plain(404, "no such file") };
        let Ok((content, tag)) = read(&path) else { return plain(404, "no such file") };
        if request.field("If-None-Match") == Some(&tag) {
            return with_common_headers(Reply::new(304, []), &path).with("ETag", tag);
        }
        let encodings = request.field("Accept-Encoding").unwrap_or_default();
        let brotli = encodings.split([',', ';']).any(|name| name.trim() == "br") && is_text_or_code(&path);
        let reply = if brotli {
            Reply::new(200, self.compressed(&tag, &content)).with("Content-Encoding", "br")
        } else {
            Reply::new(200, content)
        };
        with_common_headers(reply.with("Vary", "Accept-Encoding"), &path).with("ETag", tag)
    }

    fn compressed(&self, tag: &str, content: &[u8]) -> Arc<[u8]> {
        let known = || self.compressed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compressed) = known().get(tag) {
            return Arc::clone(compressed);
        }
        let compressed: Arc<[u8]> = sizes::brotli(content, QUALITY).into();
        known().insert(tag.to_owned(), Arc::clone(&compressed));
        compressed
    }
}

/// Whether compressing it is worth the time: packed images and pictures are compressed already.
fn is_text_or_code(path: &Path) -> bool {
    !matches!(media_type(path), "application/octet-stream" | "image/png")
}

/// The content and a tag that changes with it.
fn read(path: &Path) -> std::io::Result<(Vec<u8>, String)> {
    let modified = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let content = fs::read(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let tag = format!("\"{plain}-{:x}-{:x}\"", modified.as_nanos(), content.len());
    Ok((content, tag))
}

/// The file that a URL means. Names with `%` are not decoded: no file of the page needs it.
fn inside(folder: &Path, url: &str) -> Option<PathBuf> {
    let path = url.split(['?', '#']).next()?.strip_prefix('/')?;
    let index =
        if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path.into() };
    let relative = Path::new(&index);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !path.contains(['\\', '%', '\0'])).then(|| folder.join(relative))
}

fn plain(status: u16, text: &str) -> Reply {
    with_common_headers(Reply::new(status, text.as_bytes()), Path::new("answer.txt"))
}

fn with_common_headers(reply: Reply, path: &Path) -> Reply {
    [
        ("Content-Type", media_type(path)),
        ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", caching(path)),
    ]
    .into_iter()
    .fold(reply, |reply, (name, value)| reply.with(name, value))
}

/// What lies in a version's folder never changes; of everything else the browser asks each time.
fn caching(path: &Path) -> &'static str {
    let is_version = |part: Component<'_>| part.as_os_str().to_string_lossy().starts_with("v-");
    if path.components().any(is_version) { "public, max-age=31536000, immutable" } else { "no-cache" }
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
        assert_eq!(inside(folder, "/a/b/#x"), Some("/site/a/b/index.html".into()));
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
    fn text_is_compressed_for_those_who_understand_it_and_versions_are_kept_for_ever() {
        let folder = std::env::temp_dir().join(format!("faultline-compressed-{}", std::process::id()));
        fs::create_dir_all(folder.join("v-1")).unwrap();
        fs::write(folder.join("v-1/app.js"), "x".repeat(1000)).unwrap();
        let server = start(&folder, [0]).unwrap();
        let plain = get(&server.url(), "GET /v-1/app.js HTTP/1.1");
        assert!(plain.contains("Content-Length: 1000") && plain.contains("immutable"), "{plain}");
        let mut stream = TcpStream::connect(&server.url()[7..server.url().len() - 1]).unwrap();
        write!(
            stream,
            "GET /v-1/app.js HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, br\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let head = String::from_utf8_lossy(&answer);
        assert!(head.contains("Content-Encoding: br") && answer.len() < 1000, "{head}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_busy_port_is_passed_over_or_named() {
        let folder = std::env::temp_dir();
        let first = start(&folder, [0]).unwrap();
        let busy = first.0.address().port();
        assert_ne!(start(&folder, [busy, 0]).unwrap().url(), first.url());
        let error = start(&folder, [busy]).err().unwrap().to_string();
        assert!(error.contains(&busy.to_string()), "{error}");
    }
}
