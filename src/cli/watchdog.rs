//! What retake starts ends with it, however it ends: a small process outlives it by a moment and ends the rest.
//!
//! A process that is killed cleans up nothing, so somebody else must. The watchdog holds the other end of a pipe, which
//! the system closes when this program is gone: by SIGKILL, by a panic in a thread, or in order. It leads a process
//! group into which what is to be guarded is started, so that it knows whom to end before there is anybody: a program
//! that is killed while it starts another one leaves none behind, because the half-started one holds the pipe open until
//! it is in the group. (Linux could send a signal to the child alone when the parent dies, but not to the processes that
//! the child has started, and not on other systems.)
//!
//! A command on a terminal cannot be moved to another group: it would get no Ctrl-C and be stopped when it reads. Then
//! the watchdog is told its process, and looks up those below it.

#[cfg(unix)]
pub(super) use self::unix::Watchdog;

#[cfg(not(unix))]
pub(super) use self::elsewhere::Watchdog;

#[cfg(unix)]
mod unix {
    use std::io::{self, Read as _, Write as _};
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};

    use rustix::fs::{Mode, OFlags};
    use rustix::process::{Pid, Signal, kill_process_group};

    /// Deaf to the signals that are meant for those it guards. It reads whom to end, if it is told, until the pipe closes.
    /// A process is stopped before those below it are looked up, so that it starts no more of them.
    const SCRIPT: &str = r#"
        trap '' HUP INT QUIT TERM
        end() {
            kill -s STOP "$1"
            ps -A -o pid= -o ppid= | while read -r pid parent; do
                if [ "$parent" = "$1" ]; then end "$pid"; fi
            done
            kill -s KILL "$1"
        }
        echo
        one=
        while read -r line; do one=$line; done
        if [ -n "$one" ]; then end "$one"; else kill -s KILL 0; fi
    "#;

    /// The watchdog of a process and of those that it starts.
    pub(in crate::cli) struct Watchdog {
        watcher: Child,
        has_group: bool,
    }

    impl Watchdog {
        /// A watchdog for what is started in its group.
        pub(in crate::cli) fn of_group() -> io::Result<Self> {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", SCRIPT, "retake-watchdog"]).current_dir("/").process_group(0);
            // The keys are none of its business.
            command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
            let mut watcher = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
            if let Some(mut said) = watcher.stdout.take() {
                // From then on it is deaf.
                said.read_exact(&mut [0])?;
            }
            Ok(Watchdog { watcher, has_group: true })
        }

        /// A watchdog for a command of the user's: for its group, unless it belongs to a terminal.
        pub(in crate::cli) fn of_command() -> io::Result<Self> {
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            let has_terminal = rustix::fs::open("/dev/tty", flags, Mode::empty()).is_ok();
            let mut watchdog = Watchdog::of_group()?;
            watchdog.has_group = !has_terminal;
            Ok(watchdog)
        }

        /// Has the command started where it is guarded.
        pub(in crate::cli) fn take_in(&self, command: &mut tokio::process::Command) {
            if let Some(group) = self.group() {
                command.process_group(group.as_raw_nonzero().get());
            }
        }

        /// Says which process was started.
        pub(in crate::cli) fn started(&mut self, process: Option<u32>) {
            if let (false, Some(process), Some(pipe)) = (self.has_group, process, &mut self.watcher.stdin) {
                // A watchdog that is gone guards nothing, which changes nothing for the command.
                let _ = writeln!(pipe, "{process}");
            }
        }

        /// Sends a signal to all that are guarded. The watchdog itself hears none but KILL.
        pub(in crate::cli) fn tell_all(&self, signal: Signal) {
            if let Some(group) = self.group() {
                // Who is gone already needs no signal.
                let _ = kill_process_group(group, signal);
            }
        }

        /// Ends all that are guarded, at once.
        pub(in crate::cli) fn end_all(&self) {
            self.tell_all(Signal::KILL);
        }

        fn group(&self) -> Option<Pid> {
            Pid::from_raw(i32::try_from(self.watcher.id()).ok()?).filter(|_| self.has_group)
        }
    }

    impl Drop for Watchdog {
        /// It goes first: once the pipe is closed, it would end what is still there.
        fn drop(&mut self) {
            let _ = self.watcher.kill();
            let _ = self.watcher.wait();
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::io;

    /// There is no watchdog here: what was started may outlive a program that is killed.
    pub(in crate::cli) struct Watchdog;

    impl Watchdog {
        pub(in crate::cli) fn of_group() -> io::Result<Self> {
            Ok(Watchdog)
        }

        pub(in crate::cli) fn of_command() -> io::Result<Self> {
            Ok(Watchdog)
        }

        pub(in crate::cli) fn take_in(&self, _: &mut tokio::process::Command) {}

        pub(in crate::cli) fn started(&mut self, _: Option<u32>) {}

        pub(in crate::cli) fn end_all(&self) {}
    }
}
