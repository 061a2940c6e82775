"""``python -m retake``: the program, with the same arguments."""

from __future__ import annotations

import os
import subprocess
import sys

from ._program import find


def main() -> int:
    program = find()
    if os.name != "nt":
        os.execv(program, [program, *sys.argv[1:]])
    # Windows cannot replace a process: wait for the program, which gets Ctrl-C by itself.
    child = subprocess.Popen([program, *sys.argv[1:]])
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue


if __name__ == "__main__":
    sys.exit(main())
