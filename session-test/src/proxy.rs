use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A loopback proxy in front of a server, for faults that a server itself can't be made to show.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    mode: Arc<watch::Sender<Mode>>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Forward,
    Severed,
    Stalled,
    WithoutReplies,
}

impl Proxy {
    /// Forwards to a loopback port.
    pub async fn start(target_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a loopback port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let mode = Arc::new(watch::Sender::new(Mode::Forward));
        let accepting = tokio::spawn(accept(listener, target_port, mode.clone()));
        Self {
            port,
            mode,
            accepting,
        }
    }

    /// The URL of a Redis behind the proxy.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Breaks every connection, and every new one at once.
    pub fn sever(&self) {
        self.mode.send_replace(Mode::Severed);
    }

    /// Keeps connections and takes new ones, and lets no byte through: a silent partition.
    pub fn stall(&self) {
        self.mode.send_replace(Mode::Stalled);
    }

    /// Lets requests through and no reply: the write ran, and nobody hears of it.
    pub fn drop_replies(&self) {
        self.mode.send_replace(Mode::WithoutReplies);
    }

    /// Forwards again. What was held back is gone, with the connections it was on.
    pub fn restore(&self) {
        self.mode.send_replace(Mode::Forward);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.mode.send_replace(Mode::Severed);
    }
}

async fn accept(listener: TcpListener, target_port: u16, mode: Arc<watch::Sender<Mode>>) {
    while let Ok((client, _)) = listener.accept().await {
        let mode = mode.subscribe();
        tokio::spawn(async move {
            // A connection that ends, on either side, is no fault of the proxy's.
            let _ = forward(client, target_port, mode).await;
        });
    }
}

async fn forward(
    mut client: TcpStream,
    target_port: u16,
    mut mode: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", target_port)).await?;
    let (mut request, mut reply) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let mut lossy = false;
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Severed => return Ok(()),
            // Replies were lost on this connection; what follows would answer other requests.
            Mode::Forward if lossy => return Ok(()),
            Mode::Forward => {}
            Mode::Stalled | Mode::WithoutReplies => lossy = true,
        }
        tokio::select! {
            changed = mode.changed() => changed.map_err(io::Error::other)?,
            read = client.read(&mut request), if now != Mode::Stalled => match read? {
                0 => return Ok(()),
                bytes => server.write_all(&request[..bytes]).await?,
            },
            read = server.read(&mut reply), if now != Mode::Stalled => match read? {
                0 => return Ok(()),
                bytes if now == Mode::Forward => client.write_all(&reply[..bytes]).await?,
                _ => {}
            },
        }
    }
}
