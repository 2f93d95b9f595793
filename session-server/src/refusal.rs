//! A reason for what hyper refuses by itself, before there is a request that the router could
//! answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::body::MAX_DISCARDED_BYTES;
use crate::problem::Problem;

/// A stream that gives the bare status with which hyper turns away what it can't read a body, as
/// every other error has one.
///
/// What hyper says unasked is the last thing that it says on a connection, and its head has fewer
/// fields than any response of the router's.
///
/// A credential that is longer than any head may be is one that isn't good, and is told so: proxies
/// that ask whether a request may pass know 401, and take everything else for a failure.
///
/// After a refusal the rest of what the client sends is read and dropped, up to
/// [`MAX_DISCARDED_BYTES`], as of a body.
#[derive(Debug)]
pub(crate) struct ExplainRefusals<T> {
    inner: T,
    line: LineStart,
    /// What goes out in place of the bare status, and how much of it has.
    explained: Option<(Vec<u8>, usize)>,
    /// How much is still to be dropped.
    drops: usize,
}

impl<T> ExplainRefusals<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            line: LineStart::default(),
            explained: None,
            drops: 0,
        }
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
        self.line.read(&buf.filled()[before..]);
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
            line,
            explained,
            drops,
        } = &mut *self;
        if explained.is_none() {
            match refusal_at(buf) {
                None => return Pin::new(inner).poll_write(cx, buf),
                // Answers to earlier requests go first.
                Some(start) if start > 0 => return Pin::new(inner).poll_write(cx, &buf[..start]),
                Some(_) => {
                    *explained = Some((explain(buf, line.is_credential()), 0));
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
        let mut dropped = [0; 4096];
        while self.drops > 0 {
            let mut buf = ReadBuf::new(&mut dropped);
            let read = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf));
            self.drops = match buf.filled().len() {
                0 => 0,
                more => self.drops.saturating_sub(more),
            };
            // A client that is gone has got what it wanted.
            if read.is_err() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// How the line begins of which the last bytes were read.
#[derive(Debug, Default)]
struct LineStart {
    bytes: [u8; CREDENTIAL.len()],
    len: usize,
}

const CREDENTIAL: &[u8; 14] = b"authorization:";

impl LineStart {
    fn read(&mut self, bytes: &[u8]) {
        // A head ends a line, so this mostly looks at one byte.
        let rest = match memchr::memrchr(b'\n', bytes) {
            Some(end) => {
                self.len = 0;
                &bytes[end + 1..]
            }
            None => bytes,
        };
        let room = &mut self.bytes[self.len..];
        let more = room.len().min(rest.len());
        room[..more].copy_from_slice(&rest[..more]);
        self.len += more;
    }

    fn is_credential(&self) -> bool {
        self.bytes[..self.len].eq_ignore_ascii_case(CREDENTIAL)
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

fn explain(head: &[u8], is_in_credential: bool) -> Vec<u8> {
    let head = String::from_utf8_lossy(head);
    let (first, fields) = head.split_once("\r\n").unwrap_or_default();
    let status = first.get(9..12).and_then(|status| status.parse().ok());
    let problem = match status.unwrap_or(StatusCode::BAD_REQUEST) {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if is_in_credential => {
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

    async fn answered(request: &'static str, text: &str) -> String {
        // So small that everything is written bit by bit.
        let (server, mut client) = tokio::io::duplex(7);
        let mut server = ExplainRefusals::new(server);
        let text = text.to_owned();
        let served = tokio::spawn(async move {
            server.read_exact(&mut vec![0; request.len()]).await?;
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
        for (request, status) in [
            ("GET / HTTP/1.1\r\nauthorization: Bearer xxxx", 401),
            ("GET / HTTP/1.1\r\nHost: a\r\nAUTHORIZATION:x", 401),
            ("GET / HTTP/1.1\r\nauthorization: x\r\nx: y", 431),
            ("GET / HTTP/1.1\r\nx: authorization: x", 431),
            ("GET / HTTP/1.1\r\nauthorization", 431),
            ("", 431),
        ] {
            let answer = answered(request, &bare).await;
            let (head, body) = answer.split_once("\r\n\r\n").expect("there is a body");
            assert!(
                head.starts_with(&format!("HTTP/1.1 {status} ")),
                "{request}: {head}"
            );
            assert!(body.contains(&format!("\"status\":{status},")), "{body}");
            assert_eq!(
                head.contains("www-authenticate: Bearer"),
                status == 401,
                "{head}"
            );
            assert!(head.contains("connection: close"), "{head}");
        }
    }

    #[tokio::test]
    async fn what_still_comes_after_a_refusal_is_dropped() {
        let (server, mut client) = tokio::io::duplex(64);
        let mut server = ExplainRefusals::new(server);
        let served = tokio::spawn(async move {
            server.write_all(BARE.as_bytes()).await?;
            server.shutdown().await
        });
        let mut answer = String::new();
        let read = client.read_to_string(&mut answer);
        read.await.expect("it is UTF-8");
        let rest = client.write_all(&[b'x'; 10_000]).await;
        rest.expect("somebody reads it");
        drop(client);
        served.await.expect("it ends").expect("it goes well");
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
