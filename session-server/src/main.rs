//! Reads the settings, picks the back end, and serves.

mod log;
mod made_up_key;
mod signals;

use std::io::Write as _;
use std::process::ExitCode;

use mimalloc::MiMalloc;
use session_server::config::{Args, SettingError, Settings};
use session_server::{chain, serve};
use session_store::{
    ChangesError, Config, ConnectError, Error, MemoryStore, NearCache, RedisStore, SessionStore,
};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Why the server doesn't start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error("can't listen on {address}")]
    Bind {
        address: String,
        source: std::io::Error,
    },
    #[error("the operating system refuses")]
    System(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] session_store::Error),
    #[error("REDIS_URL (--redis-url)")]
    Redis(#[source] ConnectError),
    #[error("NEAR_CACHE_MEGABYTES (--near-cache-megabytes)")]
    NearCache(#[source] ChangesError),
}

impl From<ConnectError> for StartError {
    fn from(error: ConnectError) -> Self {
        match error {
            // The prefix is the one setting that only the store can judge.
            ConnectError::Config(error) => Self::Setting(SettingError {
                variable: "REDIS_PREFIX",
                reason: error.reason,
            }),
            error => Self::Redis(error),
        }
    }
}

impl From<ChangesError> for StartError {
    fn from(error: ChangesError) -> Self {
        match error {
            // The bound is the one setting that only the cache can judge.
            ChangesError::Store(Error::Config(error)) => Self::Setting(SettingError {
                variable: "NEAR_CACHE_STALENESS_MS",
                reason: error.reason,
            }),
            error => Self::NearCache(error),
        }
    }
}

impl StartError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Setting(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    /// What went wrong and why, in one line. No link of the chain holds a password.
    fn line(&self) -> String {
        let mut line = format!("error: {}", chain(self));
        if matches!(self, Self::Redis(ConnectError::Unreachable { .. })) {
            line.push_str("; check the URL, its user and password, and that Redis runs there");
        }
        line
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::read(std::env::args_os()) {
        Ok(args) => args,
        Err(code) => return code,
    };
    let outcome = run(&args).await;
    log::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", error.line());
            error.exit_code()
        }
    }
}

/// Where the server listens.
struct Listeners {
    main: TcpListener,
    /// Of the operator's figures, where they have an address of their own.
    metrics: Option<TcpListener>,
}

async fn run(args: &Args) -> Result<(), StartError> {
    let settings = args.settings()?;
    let config = args.sessions.config()?;
    log::set_up(&args.log)?;
    let shutdown = signals::shutdown()?;
    let listeners = Listeners {
        main: bind(&args.listen_addr).await?,
        metrics: match &args.metrics_addr {
            Some(address) => Some(bind(address).await?),
            None => None,
        },
    };
    serve_back_end(args, listeners, config, settings, shutdown).await
}

/// The one place that knows which back ends there are.
async fn serve_back_end(
    args: &Args,
    listeners: Listeners,
    config: Config,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let near_cache = args.store.near_cache()?;
    match args.store.redis_url() {
        None => {
            let store = MemoryStore::new(config)?;
            announce_and_serve(listeners, store, settings, shutdown).await
        }
        Some(url) => {
            let store = RedisStore::connect(url, config, args.store.redis_options()).await?;
            match near_cache {
                None => announce_and_serve(listeners, store, settings, shutdown).await,
                Some(options) => {
                    let store = NearCache::new(store, options).await?;
                    announce_and_serve(listeners, store, settings, shutdown).await
                }
            }
        }
    }
}

async fn announce_and_serve<S: SessionStore>(
    listeners: Listeners,
    store: S,
    mut settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let Listeners { main, metrics } = listeners;
    let address = main.local_addr()?;
    // Scripts read the port off this line. Nothing else goes to standard output.
    let _ = writeln!(std::io::stdout(), "listening on http://{address}");
    if settings.has_no_credential() {
        let key = made_up_key::make_up(address)?;
        settings.credentials.service_keys.push(key);
    }
    serve(main, metrics, store, settings, shutdown).await;
    Ok(())
}

async fn bind(address: &str) -> Result<TcpListener, StartError> {
    let address = address.to_owned();
    let bound = TcpListener::bind(&address).await;
    bound.map_err(|source| StartError::Bind { address, source })
}
