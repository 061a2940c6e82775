"""A pytest plugin: under ``retake run -- pytest``, or beside ``retake serve``, each test is a session of its own.

A test's requests count for that test alone, whatever order the tests run in and however many processes run them. A
request without a recording fails the test that sent it, with retake's own message. Without a proxy (``RETAKE_PROXY_URL``
is not set) the plugin does nothing.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import urllib.parse
from typing import Any, Dict, Generator, List, Optional, cast

import pytest

_URL = "RETAKE_PROXY_URL"
_MODES = ("live", "record", "record-if-missing", "replay")
_ARGUMENTS = ("faults", "mode", "allow_hosts")
_MARKER = (
    "retake(faults=[...], mode=..., allow_hosts=[...]): faults that retake makes of this test's requests; the mode, or list "
    "of modes, without which the test is skipped; hosts that it may reach under --block-network"
)
#: What a test run asked, from the reports that `finish` gave.
_Counts = Dict[str, int]


class ProxyError(Exception):
    """The proxy gave no answer, or one that is no success: then with its status."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Proxy:
    """The control routes of a proxy at ``http://host:port``."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self.url = url
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 80

    def ask(self, method: str, path: str, body: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Sends a request, past any network proxy. Returns the JSON object of the reply."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=60)
        headers = {"content-type": "application/json"}
        token = os.environ.get("RETAKE_TOKEN")
        if token:
            headers["x-retake-token"] = token
        try:
            connection.request(method, path, json.dumps(body or {}).encode(), headers)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ProxyError(f"the proxy at {self.url} ({_URL}) does not answer: {error}") from error
        finally:
            connection.close()
        try:
            told = json.loads(text)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise ProxyError(f"{self.url} ({_URL}) is no retake: it answers {method} {path} with {response.status} and no JSON")
        if response.status >= 300:
            problem = told.get("error")
            message = problem.get("message") if isinstance(problem, dict) else None
            raise ProxyError(str(message or f"{method} {path}: {response.status}"), response.status)
        return cast("Dict[str, Any]", told)

    def begin(self, session: str, body: Dict[str, Any]) -> None:
        """Begins a session. One that a process left open that is no more is ended first."""
        try:
            self.ask("POST", session, body)
        except ProxyError as error:
            if error.status != 409 or not self._is_left_open(session):
                raise
            self.ask("POST", session + "/finish", {"outcome": "failed", "again": True})
            self.ask("POST", session, body)

    def _is_left_open(self, session: str) -> bool:
        try:
            process = self.ask("GET", session).get("for")
        except ProxyError:
            return False
        number = re.fullmatch(r"~.*-(\d+)", process or "")
        # The process of another machine, which this one knows nothing of, has its proxy elsewhere.
        is_here = self._host in ("127.0.0.1", "localhost", "::1")
        return bool(number and is_here and process != _process() and not _is_alive(int(number[1])))


def addressed(value: str, url: str, process: str) -> str:
    """A variable's value with the process in it, if it is an address of the proxy at ``url``; else as it was."""
    server = url.split("://", 1)[1]
    by_user = re.fullmatch(r"(https?://)(?:~[^@/]*(?::[^@/]*)?@)?" + re.escape(server) + r"/?", value)
    if by_user:
        # Python's own clients send no user name without a password.
        password = urllib.parse.quote(os.environ.get("RETAKE_TOKEN", "") or "retake", safe="")
        return f"{by_user[1]}{process}:{password}@{server}"
    by_path = re.fullmatch(re.escape(url) + r"(?:/session/~[^/]*)?(/.+)", value)
    if by_path:
        return f"{url}/session/{process}{by_path[1]}"
    return value


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # There, a signal of 0 ends the process.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # It is another user's.
    return True


def _process() -> str:
    return f"~{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{os.getpid()}"


class Plugin:
    """The hooks of one process, with its proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.process = _process()
        self.mode = ""
        self.providers = 0
        self.counts: _Counts = {"used": 0, "recorded": 0, "missed": 0}
        self.requests = 0
        self.notes: List[str] = []
        self.all_files = 0
        self.is_told = False
        self._files: Dict[str, set[str]] = {"used": set(), "recorded": set()}
        self._told = 0
        self._failed = False
        self._reason = ""
        self._runs = ""
        self._within: List[str] = []
        self._finished: List[Dict[str, Any]] = []
        for name, value in list(os.environ.items()):
            if name != _URL and self.proxy.url.split("://", 1)[1] in value:
                os.environ[name] = addressed(value, self.proxy.url, self.process)

    def _session(self) -> str:
        return _path(self._runs)

    # The first lines of a run.

    def pytest_report_header(self) -> str:
        return f"retake: mode {self.mode}, {self.providers} providers at {self.proxy.url}"

    # A test.

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begins the test's session. A plugin that runs a test again begins another."""
        marks = _arguments(item)
        modes = marks.get("mode")
        wanted = [modes] if isinstance(modes, str) else modes
        if wanted and self.mode not in wanted:
            pytest.skip(f"retake: it needs mode {' or '.join(wanted)}, and this is mode {self.mode}")
        body: Dict[str, Any] = {"for": self.process}
        body.update({name: marks[name] for name in ("faults", "allow_hosts") if name in marks})
        self._told, self._failed, self._reason, self._runs = 0, False, "", item.nodeid
        refused = ""
        try:
            self.proxy.begin(self._session(), body)
        except ProxyError as error:
            refused = str(error)
        if refused:
            self._runs = ""
            pytest.fail(f"retake: {refused}", pytrace=False)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """A fixture for many tests has a session of its own: which test needs it first depends on their order."""
        if fixturedef.scope == "function" or not self._runs:
            return (yield)
        param = f"[{getattr(request, 'param_index', 0)}]" if hasattr(request, "param") else ""
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        name = f"{fixturedef.baseid}::{fixturedef.argname}{param}{f' ({worker})' if worker else ''}"
        body = {"for": self.process, "within": self._within[-1] if self._within else self._runs}
        self.proxy.begin(_path(name), body)
        self._within.append(name)
        outcome, troubles = "failed", []
        try:
            value = yield
            outcome = "passed"
        finally:
            troubles = self.proxy.ask("GET", _path(name))["troubles"]
            self._within.pop()
            ended = {"outcome": "failed" if troubles else outcome, "part": True}
            self._count(self.proxy.ask("POST", _path(name) + "/finish", ended))
            if troubles:
                pytest.fail(_words(troubles), pytrace=False)
        return value

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if not self._runs:
            return report
        try:
            self._tell(report, call.when == "teardown", item.config.get_verbosity() > 0)
        except ProxyError as error:
            self._runs = ""
            _fail(report, [{"kind": "proxy", "message": str(error)}], keeps_traceback=False)
        return report

    def _tell(self, report: pytest.TestReport, is_last: bool, keeps_traceback: bool) -> None:
        """Adds to a report what the proxy knows, and ends the test's session with its last one."""
        told = self.proxy.ask("GET", self._session())
        troubles: List[Dict[str, str]] = told["troubles"]
        news, self._told = troubles[self._told :], len(troubles)
        if news:
            _fail(report, news, keeps_traceback)
        elif report.failed and told["blocked"]:
            hosts = ", ".join(told["blocked"])
            way_out = f"@pytest.mark.retake(allow_hosts={told['blocked']!r}) lets this test reach them"
            report.sections.append(("retake", f"--block-network refused {hosts}\n{way_out}"))
        if report.failed and not self._failed:
            self._reason = _reason(report)
        self._failed = self._failed or report.failed
        if is_last:
            self._count(self._finish())
            # xdist hands further members of a report on.
            setattr(report, "retake", self._finished)
            self._finished = []

    def _count(self, finished: Dict[str, Any]) -> None:
        known = {name: finished[name] for name in ("requests", "used", "recorded", "missed", "notes")}
        all_files = finished["unused"]["count"] + len({*finished["used"], *finished["recorded"]})
        self._finished.append({**known, "all": all_files})

    def _finish(self) -> Dict[str, Any]:
        session, self._runs = self._session(), ""
        ended = {"outcome": "failed", "reason": self._reason} if self._failed else {"outcome": "passed"}
        return self.proxy.ask("POST", session + "/finish", ended)

    def pytest_sessionfinish(self) -> None:
        """Ends the session of a test that was interrupted: it gets no more reports."""
        if self._runs:
            self._failed = True
            try:
                self._finish()
            except ProxyError:
                pass  # A proxy that is gone has no session left to end.

    # The last lines of a run, in the process that reports.

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.is_told = self.is_told or hasattr(report, "retake")
        for told in getattr(report, "retake", []):
            for name, files in self._files.items():
                files.update(told[name])
                self.counts[name] = len(files)
            self.counts["missed"] += len(told["missed"])
            self.requests += told["requests"]
            self.all_files = told["all"]
            self.notes.extend(note for note in told["notes"] if note not in self.notes)

    def _came_to(self) -> str:
        """What the run did with recordings. While it records, those that are new are no share of what was there."""
        used, recorded = self.counts["used"], self.counts["recorded"]
        missed = f", {self.counts['missed']} not found" if self.counts["missed"] else ""
        if self.mode == "record":
            return f"{recorded} recorded, {used} unchanged{missed}"
        if self.mode == "record-if-missing":
            return f"{used} recordings used, {recorded} recorded{missed}"
        of_all = f" of {self.all_files}" if self.mode == "replay" else ""
        return f"{used}{of_all} recordings used{missed}"

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.is_told:
            return
        terminalreporter.section("retake")
        came = self._came_to() if self.requests else f"no test asked the proxy at {self.proxy.url} for anything"
        terminalreporter.write_line(f"mode {self.mode}: {came}")
        for note in self.notes:
            terminalreporter.write_line(note)


def _fail(report: pytest.TestReport, troubles: List[Dict[str, str]], keeps_traceback: bool) -> None:
    """Makes a report one of a failure for retake's reasons, in place of what the client made of them."""
    before = report.longreprtext
    if before and keeps_traceback:
        report.sections.append(("What the client made of it", before))
    report.outcome = "failed"
    # A missing recording is no expected failure.
    if hasattr(report, "wasxfail"):
        del report.wasxfail
    report.longrepr = _words(troubles)


def _reason(report: pytest.TestReport) -> str:
    """Why a test failed, in the words of pytest's own summary: the exception and its message."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(getattr(crash, "message", "") or report.longreprtext)


def _words(troubles: List[Dict[str, str]]) -> str:
    return "\n\n".join(f"retake: {trouble['kind']}: {trouble['message']}" for trouble in troubles)


def _path(session: str) -> str:
    return "/session/" + urllib.parse.quote(session, safe="")


def _arguments(item: pytest.Item) -> Dict[str, Any]:
    """The arguments of a test's marks, the nearest of each name."""
    found: Dict[str, Any] = {}
    for mark in item.iter_markers("retake"):
        for name, value in mark.kwargs.items():
            found.setdefault(name, value)
    return found


def _mistake(mark: pytest.Mark) -> Optional[str]:
    """What is wrong with a mark; ``None`` if nothing is."""
    if mark.args:
        return "it takes no positional arguments"
    for name, value in mark.kwargs.items():
        if name not in _ARGUMENTS:
            return f"unknown argument `{name}`: there are {', '.join(_ARGUMENTS)}"
        if name != "mode" and not isinstance(value, (list, tuple)):
            return f"`{name}` is no list"
        if name == "mode":
            modes = [value] if isinstance(value, str) else value
            bad = [mode for mode in modes if mode not in _MODES] if isinstance(modes, (list, tuple)) else [value]
            if bad:
                return f"unknown mode {bad[0]!r}: there are {', '.join(_MODES)}"
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begins before the first module of tests is imported: clients that it makes have the process in their address."""
    url = os.environ.get(_URL, "").rstrip("/")
    if not url or early_config.pluginmanager.has_plugin("retake-proxy"):
        return
    early_config.pluginmanager.register(Plugin(Proxy(url)), "retake-proxy")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    # Where the plugin is loaded too late for the hook above, as by a conftest.
    pytest_load_initial_conftests(config)
    plugin = config.pluginmanager.get_plugin("retake-proxy")
    if isinstance(plugin, Plugin):
        try:
            state = plugin.proxy.ask("GET", "/health")
        except ProxyError as error:
            raise pytest.UsageError(f"retake: {error}") from error
        if state.get("name") != "retake":
            raise pytest.UsageError(f"retake: at {plugin.proxy.url} ({_URL}) is another server")
        plugin.mode, plugin.providers = str(state["mode"]), len(state["prefixes"])


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("retake"):
            wrong = _mistake(mark)
            if wrong:
                path, line, _ = item.location
                place = f"{path}:{(line or 0) + 1}"
                raise pytest.UsageError(f"{place}: @pytest.mark.retake of {item.name}: {wrong}")
