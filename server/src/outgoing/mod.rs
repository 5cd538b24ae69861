//! Requests to addresses that somebody typed in: web services of flows.
//!
//! Whoever may type an address must not reach what is not theirs: the machine itself, the network around it, the cloud's own services. Names
//! are resolved here and only addresses of the open Internet are connected to, the very ones that were looked at; redirects are not followed.

mod address;
mod sign;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dialplane_core::clock::{Clock as _, SystemClock};
use dialplane_ivr::machine::{ANSWER_MAX, Answer, Method, Request, RequestFailure};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url, redirect};

pub(crate) use sign::SigningKey;

/// Headers that are not a flow's to set: they say where a request goes and where it ends.
const OURS: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "upgrade"];
/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(5);

/// Sends requests.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    client: Client,
    /// Whether addresses inside may be reached: for tests and networks of one's own.
    private: bool,
}

/// An address that may not be reached.
#[derive(Debug, thiserror::Error)]
#[error("the address may not be reached")]
struct Forbidden;

struct OpenOnly {
    private: bool,
}

impl Resolve for OpenOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One address inside is enough to refuse the name: which one would be tried is chance.
            if !private && found.iter().any(|address| !address::is_open(address.ip())) {
                return Err(Forbidden.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Outgoing {
    /// With `private`, addresses inside may be reached, too, on any port.
    pub(crate) fn new(private: bool) -> Self {
        let client = Client::builder()
            .dns_resolver(Arc::new(OpenOnly { private }))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .user_agent(concat!("Dialplane/", env!("CARGO_PKG_VERSION")))
            .build()
            // It cannot fail with what is fixed here; a client without these rules would be worse than none.
            .unwrap_or_else(|error| unreachable!("an HTTP client cannot be built: {error}"));
        Self { client, private }
    }

    /// Asks a web service. `id` names the request, for whoever gets it twice.
    ///
    /// # Errors
    /// [`RequestFailure`].
    pub(crate) async fn send(&self, request: Request, id: &str, key: &SigningKey) -> Result<Answer, RequestFailure> {
        let url = Url::parse(&request.url).map_err(|_| RequestFailure::Forbidden)?;
        self.check(&url)?;
        let timeout = request.timeout;
        match tokio::time::timeout(timeout, self.exchange(url, request, id, key)).await {
            Ok(result) => result,
            Err(_) => Err(RequestFailure::Timeout),
        }
    }

    /// Names are looked at when they are resolved; addresses never are.
    fn check(&self, url: &Url) -> Result<(), RequestFailure> {
        if self.private {
            return Ok(());
        }
        let ip = match url.host() {
            Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(url::Host::Domain(_)) => None,
            None => return Err(RequestFailure::Forbidden),
        };
        let port = matches!(url.port_or_known_default(), Some(80 | 443));
        let open = port && ip.is_none_or(address::is_open) && url.username().is_empty() && url.password().is_none();
        if open { Ok(()) } else { Err(RequestFailure::Forbidden) }
    }

    async fn exchange(&self, url: Url, request: Request, id: &str, key: &SigningKey) -> Result<Answer, RequestFailure> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let body = request.body.unwrap_or_default();
        let own_type = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let mut sent = self.client.request(method, url);
        let ours = |name: &str| {
            OURS.iter().any(|own| own.eq_ignore_ascii_case(name)) || name.to_lowercase().starts_with("webhook-")
        };
        for (name, value) in request.headers.into_iter().filter(|(name, _)| !ours(name)) {
            sent = sent.header(name, value);
        }
        for (name, value) in key.sign(id, SystemClock.now().timestamp(), &body) {
            sent = sent.header(name, value);
        }
        if !body.is_empty() {
            if !own_type {
                sent = sent.header(reqwest::header::CONTENT_TYPE, "application/json");
            }
            sent = sent.body(body);
        }
        let mut response = sent.send().await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if bytes.len() + chunk.len() > ANSWER_MAX {
                return Err(RequestFailure::Unreadable);
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = String::from_utf8(bytes).map_err(|_| RequestFailure::Unreadable)?;
        Ok(Answer { status, body })
    }
}

fn failure(error: &reqwest::Error) -> RequestFailure {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        if cause.is::<Forbidden>() {
            return RequestFailure::Forbidden;
        }
        source = cause.source();
    }
    if error.is_timeout() {
        return RequestFailure::Timeout;
    }
    if error.is_builder() {
        // A header or an address that cannot be sent.
        return RequestFailure::Forbidden;
    }
    RequestFailure::Unreachable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Request {
        let timeout = Duration::from_secs(5);
        Request { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: None, timeout }
    }

    async fn send(private: bool, url: &str) -> Result<Answer, RequestFailure> {
        rustls::crypto::ring::default_provider().install_default().ok();
        Outgoing::new(private).send(request(url), "msg_1", &SigningKey::of(b"secret", "company")).await
    }

    #[tokio::test]
    async fn addresses_inside_are_not_reached_by_number_or_by_name() {
        for url in [
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://0.0.0.0/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::ffff:10.0.0.1]/",
            "http://localhost/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://192.0.2.1:8080/",
            "http://user@192.0.2.1/",
            "file:///etc/passwd",
            "nonsense",
        ] {
            assert_eq!(send(false, url).await, Err(RequestFailure::Forbidden), "{url}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_within_its_limits_and_redirects_are_not_followed() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = tokio::spawn(async move {
            for _ in 0..5 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 2_048];
                let read = stream.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let answer = match head.split(' ').nth(1).unwrap() {
                    "/ok" => {
                        assert!(
                            head.contains("webhook-id: msg_1") && head.contains("webhook-signature: v1,"),
                            "{head}"
                        );
                        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned()
                    }
                    "/moved" => "HTTP/1.1 302 Found\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\n".to_owned(),
                    "/large" => format!("HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n{}", "x".repeat(1_000_000)),
                    "/binary" => "HTTP/1.1 500 No\r\ncontent-length: 1\r\n\r\n\u{0}".to_owned(),
                    _ => continue,
                };
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        let at = |path: &str| format!("http://{address}{path}");
        assert_eq!(send(true, &at("/ok")).await, Ok(Answer { status: 200, body: "{}".to_owned() }));
        assert_eq!(send(true, &at("/moved")).await.unwrap().status, 302);
        assert_eq!(send(true, &at("/large")).await, Err(RequestFailure::Unreadable));
        assert_eq!(send(true, &at("/binary")).await.unwrap().status, 500);
        assert_eq!(send(true, &at("/gone")).await, Err(RequestFailure::Unreachable));
        serve.await.unwrap();
    }

    #[tokio::test]
    async fn a_service_that_hangs_is_given_up_in_time() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        rustls::crypto::ring::default_provider().install_default().ok();
        let hurried = Request { timeout: Duration::from_millis(100), ..request(&url) };
        let result = Outgoing::new(true).send(hurried, "msg_1", &SigningKey::of(b"s", "c")).await;
        assert_eq!(result, Err(RequestFailure::Timeout));
    }
}
