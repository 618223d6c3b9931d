//! Chromedriver and Chromium, one of each for a test, gone when it ends.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,900",
];

/// How often the driver is started until it finds a port.
const ATTEMPTS: u32 = 5;

/// A browser and its driver.
pub(crate) struct Browser {
    pub(crate) client: Client,
    _driver: Driver,
}

/// The driver's process; ended when dropped, and the browser with it, also where a test fails.
struct Driver {
    process: Child,
    port: u16,
}

/// How long the driver may take to end its browser.
const SHUTDOWN: Duration = Duration::from_secs(10);

impl Drop for Driver {
    fn drop(&mut self) {
        // A driver that is killed leaves its browser running.
        let _ = self.shut_down();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Driver {
    /// Starts the driver on a free port of its own choice. It asks for one that is free for both versions of the internet
    /// protocol, and gives up where another program has taken the second meanwhile: so it is asked again.
    fn start() -> Self {
        (0..ATTEMPTS).find_map(|_| Self::started()).expect("chromedriver names its port")
    }

    fn started() -> Option<Self> {
        let program = std::env::var_os("CHROMEDRIVER").expect("checked before");
        let mut command = Command::new(program);
        let child = command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = child.expect("chromedriver starts");
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        match port {
            Some(port) => Some(Self { process, port }),
            None => {
                // It has ended, or is about to.
                let _ = process.kill();
                let _ = process.wait();
                None
            }
        }
    }

    /// Asks it to close its browsers and waits until it has.
    fn shut_down(&self) -> io::Result<()> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
        connection.set_read_timeout(Some(SHUTDOWN))?;
        connection.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        connection.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

impl Browser {
    /// Starts a browser with a profile of its own.
    pub(crate) async fn start() -> Self {
        let driver = Driver::start();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities());
        let client =
            builder.connect(&format!("http://127.0.0.1:{}", driver.port)).await.expect("the browser starts");
        Self { client, _driver: driver }
    }

    /// Ends the browser, which removes its profile.
    pub(crate) async fn stop(self) {
        self.client.close().await.expect("the browser ends");
    }

    /// What the browser has logged as an error: exceptions, refused resources, violated policies.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Chrome::new("se/log", json!({"type": "browser"}))).await;
        let log = log.expect("Chromium keeps a log");
        let severe = log.as_array().into_iter().flatten().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].to_string()).collect()
    }

    /// A command of the Chrome DevTools Protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.client
            .issue_cmd(Chrome::new("goog/cdp/execute", body))
            .await
            .unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Types a key on whatever has the focus. `Shift+ArrowRight` holds the first one down.
    pub(crate) async fn key(&self, key: &str) {
        let (modifiers, name) = match key.split_once('+') {
            Some(("Shift", name)) => (8, name),
            _ => (0, key),
        };
        for kind in ["rawKeyDown", "keyUp"] {
            self.devtools(
                "Input.dispatchKeyEvent",
                json!({"type": kind, "key": name, "modifiers": modifiers}),
            )
            .await;
        }
    }

    /// Gives the page a window of this size, and the system these colours.
    pub(crate) async fn appear(&self, size: (u32, u32), scheme: &str) {
        self.emulate(size, json!([{"name": "prefers-color-scheme", "value": scheme}])).await;
    }

    /// The same for somebody who wants no motion, so that a picture has nothing half-way in it.
    pub(crate) async fn appear_still(&self, size: (u32, u32), scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"}]);
        self.emulate(size, features).await;
    }

    async fn emulate(&self, (width, height): (u32, u32), features: Value) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        self.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }
}

fn capabilities() -> Capabilities {
    let binary = std::env::var("CHROMIUM").expect("checked before");
    let wanted = json!({
        "goog:chromeOptions": {"binary": binary, "args": FLAGS},
        "goog:loggingPrefs": {"browser": "ALL"},
    });
    wanted.as_object().expect("it is an object").clone()
}

/// A command that only Chromium's driver has.
#[derive(Debug)]
struct Chrome {
    path: &'static str,
    body: Value,
}

impl Chrome {
    fn new(path: &'static str, body: Value) -> Self {
        Self { path, body }
    }
}

impl WebDriverCompatibleCommand for Chrome {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
