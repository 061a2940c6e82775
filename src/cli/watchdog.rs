//! Processes that retake starts end with it, however it ends: a small process outlives it for a moment and ends them.
//!
//! A process that is killed cannot clean up, so another one must. The watchdog holds the other end of a pipe, which the
//! system closes when this program is gone: by SIGKILL, by a panic, or in order. It leads a process group in which the
//! guarded processes are started, so it knows whom to end before they exist. If a program is killed while it starts
//! another one, nothing is left behind: the half-started process holds the pipe open until it is in the group. (Linux
//! could signal the child alone when its parent dies, but not the processes that the child has started; and other
//! systems cannot.)
//!
//! A command in a terminal cannot be moved to another group: it would get no Ctrl-C, and be stopped when it reads. In
//! this case the watchdog is told its process id, and looks up the processes below it.

#[cfg(unix)]
pub(super) use self::unix::Watchdog;

#[cfg(windows)]
pub(super) use self::job::Watchdog;

#[cfg(unix)]
mod unix {
    use std::io::{self, Read as _, Write as _};
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};

    use rustix::fs::{Mode, OFlags};
    use rustix::process::{Pid, Signal, kill_process_group};

    /// It ignores the signals that are meant for the guarded processes. Until the pipe closes, it reads which process
    /// to end, if it is told. A process is stopped before those below it are looked up, so that it cannot start more.
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

    /// The watchdog of a process and of the processes that it starts.
    pub(in crate::cli) struct Watchdog {
        watcher: Child,
        has_group: bool,
    }

    impl Watchdog {
        /// A watchdog for processes started in its group.
        pub(in crate::cli) fn of_group() -> io::Result<Self> {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", SCRIPT, "retake-watchdog"]).current_dir("/").process_group(0);
            // It does not need the keys.
            command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
            let mut watcher = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
            if let Some(mut said) = watcher.stdout.take() {
                // From then on it ignores signals.
                said.read_exact(&mut [0])?;
            }
            Ok(Watchdog { watcher, has_group: true })
        }

        /// A watchdog for a user's command: for its group, unless the command belongs to a terminal.
        pub(in crate::cli) fn of_command() -> io::Result<Self> {
            let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            let has_terminal = rustix::fs::open("/dev/tty", flags, Mode::empty()).is_ok();
            let mut watchdog = Watchdog::of_group()?;
            watchdog.has_group = !has_terminal;
            Ok(watchdog)
        }

        /// Makes the command start where it is guarded.
        pub(in crate::cli) fn take_in(&self, command: &mut tokio::process::Command) {
            if let Some(group) = self.group() {
                command.process_group(group.as_raw_nonzero().get());
            }
        }

        /// Tells the watchdog which process was started.
        pub(in crate::cli) fn started(&mut self, process: &tokio::process::Child) {
            if let (false, Some(process), Some(pipe)) = (self.has_group, process.id(), &mut self.watcher.stdin) {
                // A watchdog that is gone guards nothing; the command runs all the same.
                let _ = writeln!(pipe, "{process}");
            }
        }

        /// Sends a signal to all guarded processes. The watchdog itself reacts only to KILL.
        pub(in crate::cli) fn tell_all(&self, signal: Signal) {
            if let Some(group) = self.group() {
                // A process that has ended needs no signal.
                let _ = kill_process_group(group, signal);
            }
        }

        /// Ends all guarded processes at once.
        pub(in crate::cli) fn end_all(&self) {
            self.tell_all(Signal::KILL);
        }

        fn group(&self) -> Option<Pid> {
            Pid::from_raw(i32::try_from(self.watcher.id()).ok()?).filter(|_| self.has_group)
        }
    }

    impl Drop for Watchdog {
        /// The watchdog is ended first: once the pipe is closed, it would end the processes that still run.
        fn drop(&mut self) {
            let _ = self.watcher.kill();
            let _ = self.watcher.wait();
        }
    }
}

#[cfg(windows)]
mod job {
    use std::io;
    use std::sync::{Mutex, PoisonError};

    use win32job::{ExtendedLimitInfo, Job};

    /// Here the system is the watchdog: it ends the processes of a job when the last handle of the job is closed, and it
    /// closes the handles of a program that ends in any way.
    pub(in crate::cli) struct Watchdog(Mutex<Option<Job>>);

    impl Watchdog {
        /// A watchdog for processes and those that they start.
        pub(in crate::cli) fn of_group() -> io::Result<Self> {
            let mut limits = ExtendedLimitInfo::new();
            limits.limit_kill_on_job_close();
            let job = Job::create_with_limit_info(&limits).map_err(io::Error::other)?;
            Ok(Watchdog(Mutex::new(Some(job))))
        }

        /// A watchdog for a user's command. Ctrl-C reaches it inside a job, too.
        pub(in crate::cli) fn of_command() -> io::Result<Self> {
            Self::of_group()
        }

        /// A process joins a job after its start.
        pub(in crate::cli) fn take_in(&self, _: &mut tokio::process::Command) {}

        /// Takes in a process that was started just now, and what it will start.
        pub(in crate::cli) fn started(&mut self, process: &tokio::process::Child) {
            let job = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
            if let (Some(job), Some(handle)) = (job, process.raw_handle()) {
                // A process that has ended needs no watchdog.
                let _ = job.assign_process(handle as isize);
            }
        }

        /// Ends all guarded processes at once.
        pub(in crate::cli) fn end_all(&self) {
            drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    impl Drop for Watchdog {
        /// What a command that has ended left running goes on, as on other systems.
        fn drop(&mut self) {
            if let Some(job) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner) {
                let _ = job.set_extended_limit_info(&ExtendedLimitInfo::new());
            }
        }
    }
}
