"""A TypeScript kernel (tslab) as a child of this Python process.

The kernel's own command comes from the rag-cells package (`rag-cells kernel --print`), the
messages are made and read by jupyter_client. Process and sockets are kept here by hand:
jupyter_client's own manager and clients run an event loop inside the notebook's, which a
Stop in the wrong moment leaves in pieces. Sockets are files in a private folder, so there is
no port, and nobody else can connect.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.session import Session

Message = dict[str, Any]
OnMessage = Callable[[Message], None]

START_PATIENCE_S = 60.0
# tslab refuses cells for 200 ms after one that failed; on a machine that is busy, longer.
ABORT_PATIENCE_S = 15.0
SHUTDOWN_PATIENCE_S = 1.0
POLL_MS = 100
# Unix socket paths end at 107 bytes on Linux, 103 on macOS.
LONGEST_SOCKET_PATH = 103
PORTS = {"shell": 1, "iopub": 2, "stdin": 3, "control": 4, "hb": 5}
# Becomes the program it is given, which the system kills when this process is gone: a kernel
# in a loop without an `await` can't see that by itself. Not a preexec_fn, which would fork a
# process that may hold gigabytes and run threads.
WITH_PARENT = """\
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class TypeScriptError(Exception):
    """A TypeScript cell failed; the message is the kernel's own."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message. The Python frames above it are all of the magic."""
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {self}"]


class KernelEnded(TypeScriptError):
    """The kernel's process is gone, and with it the variables of all cells."""


class TypeScriptStopped(KeyboardInterrupt):
    """A TypeScript cell was stopped."""

    _render_traceback_ = TypeScriptError._render_traceback_


class Kernel:
    """A kernel's process and the two sockets that lead to it. Not for two threads at once."""

    def __init__(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rag-ts-"))
        self._context = zmq.Context()
        try:
            key = secrets.token_hex(32)
            connection = self._write_connection(key)
            self._log = self._folder / "log"
            with open(self._log, "wb") as log:
                # A session of its own: the notebook's Stop reaches it once, through us.
                self._process = subprocess.Popen(
                    dying_with_us([connection if arg == "{connection_file}" else arg for arg in argv]),
                    cwd=cwd,
                    env=dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._session = Session(key=key.encode(), signature_scheme="hmac-sha256")
            self._shell = self._connect(zmq.DEALER, "shell")
            self._iopub = self._connect(zmq.SUB, "iopub")
            self._iopub.subscribe(b"")
            self._poller = zmq.Poller()
            self._poller.register(self._shell, zmq.POLLIN)
            self._poller.register(self._iopub, zmq.POLLIN)
        except BaseException:
            self._clean()
            raise
        self.on_stray: OnMessage = lambda message: None
        """Receives output that belongs to no open request, such as what comes after a cell's end."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_ready(self) -> None:
        """Asks until an answer and its `idle` arrive: what is broadcast before we listen is lost."""
        deadline = time.monotonic() + START_PATIENCE_S
        while time.monotonic() < deadline:
            if self.request("kernel_info_request", {}, patience=0.1) is not None:
                return
        raise TypeScriptError(
            f"The TypeScript kernel gave no answer within {START_PATIENCE_S:.0f} s. {self._last_words()}"
        )

    def execute(
        self,
        code: str,
        on_message: OnMessage,
        on_quiet: Callable[[], None] = lambda: None,
    ) -> str:
        """Runs a cell; returns the status of its reply, `ok` or `error`.

        `on_quiet` is called when nothing has come for a tenth of a second.
        Raises KernelEnded.
        """
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        deadline = time.monotonic() + ABORT_PATIENCE_S
        asked: set[str] = set()
        while True:
            reply = self.request("execute_request", content, on_message, on_quiet, asked=asked)
            assert reply is not None, "only a request with a patience can go unanswered"
            if reply["status"] != "abort":
                break
            if time.monotonic() > deadline:
                raise TypeScriptError("The TypeScript kernel refuses cells after an earlier failure. Run %ts_restart.")
            time.sleep(0.025)
        # A rejection that nobody handles is printed one turn of the event loop after the cell's end.
        self.request("kernel_info_request", {}, on_message, on_quiet, asked=asked)
        return reply["status"]

    def request(
        self,
        kind: str,
        content: Mapping[str, Any],
        on_message: OnMessage | None = None,
        on_quiet: Callable[[], None] = lambda: None,
        patience: float | None = None,
        asked: set[str] | None = None,
    ) -> dict[str, Any] | None:
        """Sends a request; returns the reply's content once the broadcast `idle` has come too,
        so that no output is missing, or None where `patience` seconds were not enough.

        `asked` collects the ids of requests that belong together: what any of them brings goes
        to `on_message`. Raises KernelEnded.
        """
        deadline = None if patience is None else time.monotonic() + patience
        this = self._session.send(self._shell, kind, dict(content))["header"]["msg_id"]
        asked = set() if asked is None else asked
        asked.add(this)
        reply: dict[str, Any] | None = None
        idle = False
        while reply is None or not idle:
            if deadline is not None and time.monotonic() > deadline:
                return None
            ended = not self.alive()
            ready = dict(self._poller.poll(POLL_MS))
            if not ready:
                if ended:
                    raise KernelEnded(self._how_it_ended())
                on_quiet()
            if self._shell in ready:
                message = self._receive(self._shell)
                if message is not None and parent_of(message) == this:
                    reply = message["content"]
            if self._iopub in ready:
                message = self._receive(self._iopub)
                if message is None:
                    continue
                if message["msg_type"] != "status":
                    mine = on_message is not None and parent_of(message) in asked
                    (on_message if mine else self.on_stray)(message)
                elif parent_of(message) == this and message["content"]["execution_state"] == "idle":
                    idle = True
        return reply

    def drain(self) -> None:
        """Hands on what has come since the last request; not all at once where it never ends."""
        for _ in range(1000):
            message = self._receive(self._iopub)
            if message is None:
                return
            if message["msg_type"] != "status":
                self.on_stray(message)

    def send_signal(self, number: int) -> None:
        """Signals the kernel's process and all that it has started."""
        if self.alive():
            os.killpg(self._process.pid, number)

    def shutdown(self) -> None:
        """Ends the kernel, by force where it does not end by itself within a second. Safe to repeat."""
        if self._context.closed:
            return
        if self.alive():
            self._session.send(self._shell, "shutdown_request", {"restart": False})
            try:
                self._process.wait(SHUTDOWN_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.send_signal(signal.SIGKILL)
        self._process.wait()
        self._clean()

    def _write_connection(self, key: str) -> str:
        address = str(self._folder / "k")
        if len(os.fsencode(f"{address}:5")) > LONGEST_SOCKET_PATH:
            raise TypeScriptError(
                f"The temporary folder's path is too long for a Unix socket: {address}. "
                "Set TMPDIR to a short path, such as /tmp, and run the cell again."
            )
        connection = {
            "transport": "ipc",
            "ip": address,
            "key": key,
            "signature_scheme": "hmac-sha256",
            # The kernel ends itself when this process is gone, however that came.
            "parent_pid": os.getpid(),
            **{f"{name}_port": port for name, port in PORTS.items()},
        }
        path = self._folder / "connection.json"
        path.write_text(json.dumps(connection))
        return str(path)

    def _connect(self, kind: int, channel: str) -> zmq.Socket:
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.rcvhwm = 0
        socket.reconnect_ivl = 20
        socket.connect(f"ipc://{self._folder / 'k'}:{PORTS[channel]}")
        return socket

    def _receive(self, socket: zmq.Socket) -> Message | None:
        return self._session.recv(socket, zmq.NOBLOCK)[1]

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        memory = " SIGKILL from outside mostly means that memory ran out." if how == "SIGKILL" else ""
        return (
            f"The TypeScript kernel ended ({how}) and took its variables with it.{memory} "
            f"The next %%ts cell starts a fresh one. {self._last_words()}"
        )

    def _last_words(self) -> str:
        said = plain_text(self._log.read_bytes()[-2000:].decode("utf-8", "replace")).strip()
        return f"Its last words: {said}" if said else "It wrote nothing before its end."

    def _clean(self) -> None:
        self._context.destroy(linger=0)
        shutil.rmtree(self._folder, ignore_errors=True)


def dying_with_us(command: list[str]) -> list[str]:
    """The command for a process that ends when this one does, by whatever end.

    Linux alone can do that, and it watches the thread that starts the process, so only the
    main thread, which lives as long as this process, may ask for it.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return command
    return [sys.executable, "-I", "-S", "-c", WITH_PARENT, str(os.getpid()), *command]


def parent_of(message: Message) -> str | None:
    return message["parent_header"].get("msg_id")


def plain_text(text: str) -> str:
    """Text without the escapes of a terminal."""
    return re.sub(r"\x1b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)", "", text)


# How a cell failed. tslab sends no `error` message: it prints to stderr, and a rejection that
# nobody handles even leaves the cell "ok". src/notebook/failure.ts reads the same; a test
# compares them.
UNCAUGHT = re.compile(r"(UnhandledPromiseRejection|UncaughtException):")
DIAGNOSTIC = re.compile(r"(\S+ )?\d+:\d+ - ")
INNER_FRAME = re.compile(
    r" +at .*(/tslab/dist/|/commander/lib/|node:vm:|node:internal/|evalmachine\.<anonymous>:\d+:\d+$)"
)


def cell_failure(status: str, writes: Sequence[str]) -> str | None:
    """The text of a cell's failure, or None where it did not fail.

    `writes` are the cell's writes to stderr, one entry each.
    """
    texts = [without_inner_frames(plain_text(write)).rstrip() for write in writes]
    uncaught = [text for text in texts if UNCAUGHT.match(text)]
    if status == "ok":
        return "\n".join(uncaught) or None
    rest = [text for text in texts if text and not UNCAUGHT.match(text)]
    first = max(len(rest) - 1, 0)
    while first > 0 and DIAGNOSTIC.match(rest[first]) and DIAGNOSTIC.match(rest[first - 1]):
        first -= 1
    return "\n".join(rest[first:] + uncaught) or f"The kernel answered {status} without a message."


def without_inner_frames(text: str) -> str:
    """Without the stack frames of tslab and of Node, which say nothing about the cell."""
    return "\n".join(line for line in text.split("\n") if not INNER_FRAME.match(line))
