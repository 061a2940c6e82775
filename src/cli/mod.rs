//! Words to settings to a wired program to an exit code.
