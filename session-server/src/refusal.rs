//! A reason for what hyper refuses by itself, before there is a request that the router could
//! answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::problem::Problem;

/// A stream that gives the bare status with which hyper turns away what it can't read a body, as
/// every other error has one.
///
/// What hyper says unasked is the last thing that it says on a connection, and its head has fewer
/// fields than any response of the router's.
#[derive(Debug)]
pub(crate) struct ExplainRefusals<T> {
    inner: T,
    /// What goes out in place of the bare status, and how much of it has.
    explained: Option<(Vec<u8>, usize)>,
}

impl<T> ExplainRefusals<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            explained: None,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ExplainRefusals<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

// Without vectored writes, so that hyper hands over a head in one piece.
impl<T: AsyncWrite + Unpin> AsyncWrite for ExplainRefusals<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { inner, explained } = &mut *self;
        if explained.is_none() {
            match refusal_at(buf) {
                None => return Pin::new(inner).poll_write(cx, buf),
                // Answers to earlier requests go first.
                Some(start) if start > 0 => return Pin::new(inner).poll_write(cx, &buf[..start]),
                Some(_) => *explained = Some((explain(buf), 0)),
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
        Pin::new(&mut self.inner).poll_shutdown(cx)
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

fn explain(head: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(head);
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    let problem = Problem::unreadable(status.unwrap_or(StatusCode::BAD_REQUEST));
    let body = problem.to_json();
    let fields = format!(
        "content-type: application/problem+json\r\ncache-control: no-store\r\n\
         content-length: {}\r\n",
        body.len()
    );
    let head = head.replacen("content-length: 0\r\n", &fields, 1);
    [head.as_bytes(), &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    const BARE: &str = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\
                        date: Tue, 24 Nov 2026 22:33:03 GMT\r\n\r\n";

    async fn written(text: &str) -> String {
        // So small that everything is written bit by bit.
        let (server, mut client) = tokio::io::duplex(7);
        let mut server = ExplainRefusals::new(server);
        let text = text.to_owned();
        tokio::spawn(async move { server.write_all(text.as_bytes()).await });
        let mut written = String::new();
        let read = client.read_to_string(&mut written);
        read.await.expect("it is UTF-8");
        written
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
