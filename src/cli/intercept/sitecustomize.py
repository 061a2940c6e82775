"""Lets aiohttp use the proxy of the environment, as other clients do, then runs the sitecustomize that this one hides."""

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys


class _Aiohttp(importlib.abc.MetaPathFinder):
    """Changes a default of ``aiohttp.ClientSession`` when aiohttp is imported, and not before."""

    def find_spec(self, name, path=None, target=None):
        if name != "aiohttp.client":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            session = getattr(module, "ClientSession", None)
            if session is None:
                return
            init = session.__init__

            @functools.wraps(init)
            def with_environment(self, *args, **kwargs):
                kwargs.setdefault("trust_env", True)
                init(self, *args, **kwargs)

            session.__init__ = with_environment

        spec.loader.exec_module = exec_module
        return spec


def _next():
    here = os.path.dirname(os.path.abspath(__file__))
    others = [place for place in sys.path if os.path.abspath(place) != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


sys.meta_path.insert(0, _Aiohttp())
_next()
