//! `retake completions` and `retake man`.

use std::path::PathBuf;

use clap::Args;

/// `retake completions`.
#[derive(Debug, Args)]
#[command(after_help = "bash:       eval \"$(retake completions bash)\", in ~/.bashrc\n\
                        zsh:        eval \"$(retake completions zsh)\", in ~/.zshrc after compinit\n\
                        fish:       retake completions fish > ~/.config/fish/completions/retake.fish\n\
                        PowerShell: retake completions powershell | Out-String | Invoke-Expression, in $PROFILE\n\
                        elvish:     eval (retake completions elvish | slurp), in rc.elv")]
pub(in crate::cli) struct CompletionArgs {
    /// The shell
    #[arg(value_enum)]
    pub(in crate::cli) shell: clap_complete::Shell,
}

/// `retake man`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ManArgs {
    /// The folder, which is made if it is missing
    pub(in crate::cli) dir: PathBuf,
}
