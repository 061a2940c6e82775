//! `retake man`: commands and flags, as pages for man.

use std::fs;

use clap::CommandFactory;

use super::args::{ManArgs, Program};
use super::exit::{Exit, Stop};

/// Writes one page for the program and one for each command.
pub(super) fn run(args: &ManArgs) -> Result<Exit, Stop> {
    let cannot = |error| Stop::usage(format!("cannot write man pages in {}: {error}", args.dir.display()));
    fs::create_dir_all(&args.dir).map_err(cannot)?;
    clap_mangen::generate_to(Program::command(), &args.dir).map_err(cannot)?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn every_command_that_help_lists_has_a_page() {
        let folder = TempDir::new().unwrap();
        let dir = folder.path().join("man/man1");
        run(&ManArgs { dir: dir.clone() }).unwrap();
        for command in Program::command().get_subcommands() {
            let page = dir.join(format!("retake-{}.1", command.get_name()));
            assert_eq!(page.is_file(), !command.is_hide_set(), "{}", page.display());
        }
        let page = fs::read_to_string(dir.join("retake-test.1")).unwrap();
        assert!(page.contains(r"\-\-setup") && page.contains("RETAKE_SETUP"), "{page}");
    }

    #[test]
    fn a_place_that_is_no_folder_is_named() {
        let folder = TempDir::new().unwrap();
        let dir = folder.path().join("taken");
        fs::write(&dir, "").unwrap();
        let stop = run(&ManArgs { dir }).unwrap_err();
        assert!(stop.exit == Exit::Usage && stop.message.contains("taken"), "{}", stop.message);
    }
}
