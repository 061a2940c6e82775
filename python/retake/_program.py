"""Where the program `retake` is that came with this package."""

from __future__ import annotations

import os
import sys
import sysconfig

__all__ = ["find"]


def find() -> str:
    """The path of the program.

    It lies where pip puts scripts: those of this Python, of the user, or beside the package (``pip install --target``).
    Raises ``FileNotFoundError`` with the places that were looked at.
    """
    name = "retake" + (sysconfig.get_config_var("EXE") or "")
    beside = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = [
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", vars={"base": sys.base_prefix}),
        sysconfig.get_path("scripts", scheme=_user_scheme()),
        os.path.join(beside, "bin"),
    ]
    places = [os.path.join(folder, name) for folder in dict.fromkeys(folders)]
    for place in places:
        if os.path.isfile(place):
            return place
    raise FileNotFoundError(
        "the program `retake` is in none of these places: {}\n"
        "install it again: pip install --force-reinstall retake-llm".format(", ".join(places))
    )


def _user_scheme() -> str:
    if sys.version_info >= (3, 10):
        return sysconfig.get_preferred_scheme("user")
    return "nt_user" if os.name == "nt" else "posix_user"
