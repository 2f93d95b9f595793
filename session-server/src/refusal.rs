//! A reason for what hyper refuses by itself, before there is a request that the router could
//! answer.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::auth::MAX_CREDENTIAL_BYTES;
use crate::body::MAX_DISCARDED_BYTES;
use crate::problem::Problem;

/// A stream that gives the bare status with which hyper turns away what it can't read a body, as
/// every other error has one.
///
/// What hyper says unasked is the last thing that it says on a connection, and its head has fewer
/// fields than any response of the router's.
///
/// A credential that is longer than any good one is told so, wherever in a head that is too large it
/// stands: proxies that ask whether a request may pass know 401, and take everything else for a
/// failure.
///
/// After a refusal the rest of what the client sends is read and dropped for a while, up to
/// [`MAX_DISCARDED_BYTES`], as of a body.
#[derive(Debug)]
pub(crate) struct ExplainRefusals<T> {
    inner: T,
    head: Reading,
    /// What goes out in place of the bare status, and how much of it has.
    explained: Option<(Vec<u8>, usize)>,
    /// How much is still to be dropped, and for how long.
    drops: usize,
    patience: Duration,
    /// Runs from the first wait for what is to be dropped.
    dropping: Option<Pin<Box<Sleep>>>,
}

impl<T> ExplainRefusals<T> {
    pub(crate) fn new(inner: T, patience: Duration) -> Self {
        Self {
            inner,
            head: Reading::default(),
            explained: None,
            drops: 0,
            patience,
            dropping: None,
        }
    }
}

impl<T: AsyncRead + Unpin> ExplainRefusals<T> {
    /// Reads until the client is done, or has had its share of bytes or time.
    fn poll_drop_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut dropped = [0; 4096];
        while self.drops > 0 {
            let mut buf = ReadBuf::new(&mut dropped);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    self.drops = self.drops.saturating_sub(buf.filled().len());
                }
                Poll::Ready(_) => self.drops = 0,
                Poll::Pending => {
                    let patience = self.patience;
                    let dropping = self
                        .dropping
                        .get_or_insert_with(|| Box::pin(sleep(patience)));
                    ready!(dropping.as_mut().poll(cx));
                    self.drops = 0;
                }
            }
        }
        Poll::Ready(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ExplainRefusals<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.head.read(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

// Without vectored writes, so that hyper hands over a head in one piece.
impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ExplainRefusals<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self {
            inner,
            head,
            explained,
            drops,
            ..
        } = &mut *self;
        if explained.is_none() {
            match refusal_at(buf) {
                None => return Pin::new(inner).poll_write(cx, buf),
                // Answers to earlier requests go first.
                Some(start) if start > 0 => return Pin::new(inner).poll_write(cx, &buf[..start]),
                Some(_) => {
                    *explained = Some((explain(buf, head.has_long_credential()), 0));
                    *drops = MAX_DISCARDED_BYTES;
                }
            }
        }
        if let Some((bytes, written)) = explained {
            while *written < bytes.len() {
                match ready!(Pin::new(&mut *inner).poll_write(cx, &bytes[*written..]))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    more => *written += more,
                }
            }
        }
        *explained = None;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
        self.poll_drop_rest(cx).map(Ok)
    }
}

/// What of a head has been read.
#[derive(Debug, Default)]
struct Reading {
    /// How the line begins that was read last.
    start: [u8; CREDENTIAL.len()],
    /// The length of that line so far.
    len: usize,
    /// A line before it held a credential that is longer than any good one.
    had_long_credential: bool,
}

const CREDENTIAL: &[u8; 14] = b"authorization:";

impl Reading {
    fn read(&mut self, mut bytes: &[u8]) {
        // Nearly every head comes as a whole, and nothing of it has to be looked at.
        if bytes.ends_with(b"\r\n\r\n") {
            *self = Self::default();
            return;
        }
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.go_on(&bytes[..end]);
            // The empty line ends a head.
            self.had_long_credential = self.len > 1 && self.has_long_credential();
            self.len = 0;
            bytes = &bytes[end + 1..];
        }
        self.go_on(bytes);
    }

    fn go_on(&mut self, line: &[u8]) {
        if let Some(room) = self.start.get_mut(self.len..) {
            let more = room.len().min(line.len());
            room[..more].copy_from_slice(&line[..more]);
        }
        self.len += line.len();
    }

    fn has_long_credential(&self) -> bool {
        let is_long = self.len > CREDENTIAL.len() + MAX_CREDENTIAL_BYTES;
        self.had_long_credential || (is_long && self.start.eq_ignore_ascii_case(CREDENTIAL))
    }
}

const START: &[u8] = b"HTTP/1.1 4";
const NO_BODY: &[u8] = b"content-length: 0";
/// Every answer of the router's has this field after its others, and before hyper's.
const LAST_OF_ROUTERS: &[u8] = b"x-request-id: ";
/// The fields of a refusal, as hyper writes them.
const FIELDS: [&[u8]; 3] = [b"connection: ", b"content-length: ", b"date: "];

/// Where hyper's own refusal begins, which is then the end of what is written.
///
/// Every answer without a body is looked at too, so the lines are read from the end: the last one of
/// the router's fields, which come before hyper's, tells.
fn refusal_at(buf: &[u8]) -> Option<usize> {
    // Bodies don't end like this, so most writes are looked at no further.
    let mut head = buf.strip_suffix(b"\r\n\r\n")?;
    let mut is_empty = false;
    loop {
        let start = memchr::memrchr(b'\n', head).map_or(0, |end| end + 1);
        let line = &head[start..];
        if line.starts_with(LAST_OF_ROUTERS) {
            return None;
        }
        if !FIELDS.iter().any(|field| line.starts_with(field)) {
            // The body of an earlier answer may stand before it, on the same line.
            let refusal = memchr::memmem::rfind(line, START).filter(|_| is_empty);
            return refusal.map(|at| start + at);
        }
        is_empty |= line == NO_BODY;
        head = head[..start].strip_suffix(b"\r\n")?;
    }
}

fn explain(head: &[u8], has_long_credential: bool) -> Vec<u8> {
    let head = String::from_utf8_lossy(head);
    let (first, fields) = head.split_once("\r\n").unwrap_or_default();
    let status = first.get(9..12).and_then(|status| status.parse().ok());
    let problem = match status.unwrap_or(StatusCode::BAD_REQUEST) {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if has_long_credential => {
            Problem::invalid_credential()
        }
        status => Problem::unreadable(status),
    };
    let body = problem.to_json();
    let mut told = format!("HTTP/1.1 {}\r\n", problem.status()).into_bytes();
    for (name, value) in problem.headers() {
        told.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    let about_body = format!(
        "content-type: application/problem+json\r\ncache-control: no-store\r\n\
         content-length: {}\r\n",
        body.len()
    );
    let fields = fields.replacen("content-length: 0\r\n", &about_body, 1);
    told.extend(fields.as_bytes());
    told.extend(body);
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    const BARE: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\
                        date: Tue, 24 Nov 2026 22:33:03 GMT\r\n\r\n";

    async fn written(text: &str) -> String {
        answered("", text).await
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    async fn answered(request: &str, text: &str) -> String {
        // So small that everything is read and written bit by bit.
        let (server, mut client) = tokio::io::duplex(7);
        let mut server = ExplainRefusals::new(server, PATIENCE);
        let (length, text) = (request.len(), text.to_owned());
        let served = tokio::spawn(async move {
            server.read_exact(&mut vec![0; length]).await?;
            server.write_all(text.as_bytes()).await
        });
        let sent = client.write_all(request.as_bytes()).await;
        sent.expect("all of it is read");
        let mut written = String::new();
        let read = client.read_to_string(&mut written);
        read.await.expect("it is UTF-8");
        served.await.expect("it ends").expect("it goes well");
        written
    }

    #[tokio::test]
    async fn a_credential_without_end_is_not_good() {
        let bare = BARE.replace("400 Bad Request", "431 Request Header Fields Too Large");
        let long = "x".repeat(MAX_CREDENTIAL_BYTES + 1);
        let start = "GET / HTTP/1.1\r\n";
        for (request, status) in [
            (format!("{start}authorization: Bearer {long}"), 401),
            (format!("{start}Host: a\r\nAUTHORIZATION:{long}"), 401),
            (format!("{start}authorization: {long}\r\nx: y"), 401),
            (format!("{start}x: {long}\r\nauthorization: Bearer x"), 431),
            (format!("{start}x: authorization: {long}"), 431),
            (
                format!("{start}authorization: {long}\r\n\r\n{start}x: y"),
                431,
            ),
            (String::new(), 431),
        ] {
            let answer = answered(&request, &bare).await;
            let (head, body) = answer.split_once("\r\n\r\n").expect("there is a body");
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            assert!(body.contains(&format!("\"status\":{status},")), "{body}");
            let is_challenged = head.contains("www-authenticate: Bearer");
            assert_eq!(is_challenged, status == 401, "{head}");
            assert!(head.contains("connection: close"), "{head}");
        }
    }

    #[tokio::test]
    async fn what_still_comes_after_a_refusal_is_dropped() {
        let (server, mut client) = tokio::io::duplex(64);
        let served = tokio::spawn(refuse(server));
        let mut answer = String::new();
        let read = client.read_to_string(&mut answer);
        read.await.expect("it is UTF-8");
        let rest = client.write_all(&[b'x'; 10_000]).await;
        rest.expect("somebody reads it");
        drop(client);
        served.await.expect("it ends").expect("it goes well");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_closes_is_given_up() {
        let (server, mut client) = tokio::io::duplex(1024);
        let served = tokio::spawn(refuse(server));
        let begun = tokio::time::Instant::now();
        let dribbling = tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                sleep(PATIENCE / 4).await;
            }
        });
        served.await.expect("it ends").expect("it goes well");
        assert_eq!(begun.elapsed(), PATIENCE);
        dribbling.await.expect("it ends");
    }

    async fn refuse(stream: tokio::io::DuplexStream) -> io::Result<()> {
        let mut server = ExplainRefusals::new(stream, PATIENCE);
        server.write_all(BARE.as_bytes()).await?;
        // hyper flushes before each attempt to shut down.
        std::future::poll_fn(|cx| {
            ready!(Pin::new(&mut server).poll_flush(cx))?;
            Pin::new(&mut server).poll_shutdown(cx)
        })
        .await
    }

    #[tokio::test]
    async fn a_bare_refusal_gets_a_body() {
        for before in ["", GOOD] {
            let written = written(&format!("{before}{BARE}")).await;
            let refusal = written
                .strip_prefix(before)
                .expect("what went before stays");
            let (head, body) = refusal.split_once("\r\n\r\n").expect("there is a body");
            assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"));
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
            assert!(body.contains("\"detail\""), "{body}");
        }
    }

    #[tokio::test]
    async fn everything_else_stays_as_it_is() {
        let head = BARE.replace("date", "cache-control: no-store\r\ndate");
        for text in [GOOD, &head, "", "\r\n\r\n", &BARE[..40], &BARE[9..]] {
            assert_eq!(written(text).await, text);
        }
    }
}
