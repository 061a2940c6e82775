"""retake for pytest: each test has its own recordings. See ``retake.plugin``."""
