//! `retake serve` and `retake run`.

use clap::Args;

use super::source::{AccessArgs, SourceArgs};
use crate::cli::reports::Wanted;
use crate::proxy;
use crate::record::Size;

/// The providers behind a proxy.
#[derive(Debug, Args)]
pub(in crate::cli) struct ProxyArgs {
    #[command(flatten)]
    pub(in crate::cli) source: SourceArgs,
    /// Only the providers of this setup, with its environment; without it, every provider
    #[arg(long, env = "RETAKE_SETUP", value_name = "NAME", help_heading = PROXY)]
    pub(in crate::cli) setup: Option<String>,
    /// Set a base-URL variable, or point one at another provider: OPENAI_BASE_URL=llama-cpp/v1; may be repeated
    #[arg(
        long,
        env = "RETAKE_SDK_ENV",
        value_name = "VARIABLE=PROVIDER/PATH",
        value_delimiter = ',',
        help_heading = PROXY
    )]
    pub(in crate::cli) env: Vec<String>,
    /// Always send a client's own credential to the provider, if the client sends one; without this flag, only if the
    /// provider's variable is not set
    #[arg(long, env = "RETAKE_CLIENT_AUTH", help_heading = PROXY)]
    pub(in crate::cli) client_auth: bool,
    #[command(flatten)]
    pub(in crate::cli) access: AccessArgs,
    /// Keep recordings even if their session or the command did not end well
    #[arg(long, env = "RETAKE_KEEP_FAILED", help_heading = PROXY)]
    pub(in crate::cli) keep_failed: bool,
    /// Refuse requests with larger bodies: 100MiB, 1GiB
    #[arg(long, env = "RETAKE_MAX_REQUEST_SIZE", value_name = "SIZE", default_value_t = proxy::MOST_ASKED, help_heading = PROXY)]
    pub(in crate::cli) max_request_size: Size,
    /// Report sessions for machines: jsonl, junit, ctrf, tap, github, markdown or html, to FILE; may be repeated
    // Without a variable: commands that run beside the proxy, or below it, read RETAKE_REPORTS, and two would write one file.
    #[arg(long = "report", value_name = "KIND=FILE", value_delimiter = ',', help_heading = PROXY)]
    pub(in crate::cli) reports: Vec<Wanted>,
}

const PROXY: &str = "Proxy";

/// What happens to hosts that are no provider's, where the proxy is a client's network proxy.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkArgs {
    /// Refuse connections to hosts that are no provider's
    #[arg(long, env = "RETAKE_BLOCK_NETWORK", help_heading = PROXY)]
    pub(in crate::cli) block_network: bool,
    /// With --block-network, let connections to this host pass; `*` stands for any text; may be repeated
    #[arg(long, env = "RETAKE_ALLOW_NETWORK", value_name = "HOST", value_delimiter = ',', help_heading = PROXY)]
    pub(in crate::cli) allow_network: Vec<String>,
}

/// `retake ca`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CaArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: CaCommand,
}

/// What to do with the certificate authority.
#[derive(Debug, Clone, Copy, clap::Subcommand)]
pub(in crate::cli) enum CaCommand {
    /// Print the path of its certificate, which is made if there is none
    Path,
    /// Print its certificate
    Show,
    /// Remove it: what trusts it no longer needs to
    Remove,
}

/// `retake serve`.
#[derive(Debug, Args)]
#[command(after_help = "The first line on stdout is `READY http://127.0.0.1:PORT`; then come the variables that SDKs \
                        read, as lines for a shell.\n\
                        Each provider is under its name, which stands for its server: /openai/v1/…, /ollama/api/chat.\n\
                        Sessions: /session/NAME/openai/v1/… or the header x-retake-session; POST /session/NAME starts \
                        one, POST /session/NAME/finish ends it.")]
pub(in crate::cli) struct ServeArgs {
    #[command(flatten)]
    pub(in crate::cli) proxy: ProxyArgs,
    /// The port; 0 lets the system pick one
    #[arg(long, env = "RETAKE_PORT", default_value_t = 8322, help_heading = PROXY)]
    pub(in crate::cli) port: u16,
    /// The address; any address but loopback needs a token
    #[arg(long, env = "RETAKE_HOST", default_value = "127.0.0.1", help_heading = PROXY)]
    pub(in crate::cli) host: std::net::IpAddr,
    /// The token that clients must send as x-retake-token, or instead of their API key
    #[arg(long, env = "RETAKE_TOKEN", value_name = "TOKEN", hide_env_values = true, help_heading = PROXY)]
    pub(in crate::cli) token: Option<String>,
    /// Answer for the hosts of providers, too: for clients that use the proxy as their network proxy
    #[arg(long, env = "RETAKE_INTERCEPT", help_heading = PROXY)]
    pub(in crate::cli) intercept: bool,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArgs,
}

/// `retake run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Sets the base-URL variables that SDKs read (OPENAI_BASE_URL, ANTHROPIC_BASE_URL, OLLAMA_HOST, …), \
                        RETAKE_PROXY_URL, and a placeholder for every API key that is not set, because SDKs do not \
                        start without one.\n\
                        Ends with the command's exit code (128 + N when signal N ended it, 127 when there is no such \
                        command), and with 1 when it succeeded although a recording was missing, a request went \
                        nowhere, a recording could not be made, or nothing was recorded although something was asked.\n\
                        A provider whose base-URL variable is set already is asked there."
)]
pub(in crate::cli) struct ProgramArgs {
    #[command(flatten)]
    pub(in crate::cli) proxy: ProxyArgs,
    /// Remove the recordings that a command that succeeded did not use, of the providers that it asked; run all of its
    /// tests with it
    #[arg(long, env = "RETAKE_PRUNE", conflicts_with = "twice", help_heading = PROXY)]
    pub(in crate::cli) prune: bool,
    /// Run the command twice, record into temporary folders, and show which fields of requests and replies changed
    #[arg(long, conflicts_with = "reports", help_heading = PROXY)]
    pub(in crate::cli) twice: bool,
    /// Exit 1 if the command ends without a request to the proxy: its SDKs went elsewhere
    #[arg(long, env = "RETAKE_REQUIRE_REQUESTS", help_heading = PROXY)]
    pub(in crate::cli) require_requests: bool,
    /// Set only the base-URL variables: a client that names a provider's host in its code then goes there
    #[arg(long, env = "RETAKE_NO_INTERCEPT", help_heading = PROXY)]
    pub(in crate::cli) no_intercept: bool,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArgs,
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(in crate::cli) command: Vec<String>,
}
