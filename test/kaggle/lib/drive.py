"""Drives a Python kernel as a notebook does, step by step, with Stop and with kills.

Reads a list of steps as JSON from standard input, prints a list of results as JSON.

    {"run": code}                        a cell: status, outputs, seconds
    {"run": code, "stop": text}          and Stop is pressed when the output has that text
    {"run": code, "stop": text, "again": seconds}   and once more, so much later
    {"run": code, "kill": text}          and the TypeScript kernel is killed then
    {"complete": code, "cursor": n}, {"inspect": code, "cursor": n}
    {"sleep": seconds}                   what comes in this time belongs to no running cell
    {"time": code, "times": n}           seconds of each of n runs
    {"end": "kill" | "shutdown"}         of the Python kernel; seconds until its child is gone
    {"end": "kill", "during": code, "when": text}   while a cell runs, when its output has that text
    {"begin": true}                      after an end, a fresh Python kernel
"""

import json
import os
import signal
import sys
import time
from queue import Empty

from jupyter_client.manager import KernelManager

PATIENCE_S = 180


def children(parent: int) -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue  # It ended while we looked.
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(name))
    return found


def typescript_kernel(parent: int) -> int | None:
    for pid in children(parent):
        with open(f"/proc/{pid}/cmdline") as file:
            if "tslab" in file.read():
                return pid
    return None


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


def wait_for(pid: int) -> None:
    deadline = time.monotonic() + 20
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.01)


class Notebook:
    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.manager = KernelManager()
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE_S)
        self.pid = self.manager.provisioner.pid
        # Output of cells by their request, so that late output is seen at its place.
        self.cells: dict[str, list] = {}

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, code: str, step: dict) -> dict:
        began = time.monotonic()
        # Kernels drop what comes in the moment after a failed cell, as for "Run All"; each cell here is one that someone runs.
        request = self.client.execute(code, stop_on_error=False)
        outputs: list = []
        self.cells[request] = outputs
        trigger = step.get("stop") or step.get("kill")
        pressed = None
        presses = [0.0, step["again"]] if "again" in step else [0.0]
        while True:
            if trigger and pressed is None and trigger in text_of(outputs):
                pressed = time.monotonic()
            if pressed is not None and presses and time.monotonic() - pressed >= presses[0]:
                presses.pop(0)
                if "stop" in step:
                    self.manager.interrupt_kernel()
                else:
                    os.kill(typescript_kernel(self.pid), signal.SIGKILL)
            if time.monotonic() - began > PATIENCE_S:
                raise TimeoutError(f"{code!r} printed {outputs}")
            if self.take(0.05) == request:
                break
        seconds = time.monotonic() - began
        reply = self.reply(request)
        return {
            "status": reply["status"],
            "evalue": reply.get("evalue"),
            "ename": reply.get("ename"),
            "outputs": outputs,
            "seconds": seconds,
            "afterStop": None if pressed is None else time.monotonic() - pressed,
        }

    def take(self, timeout: float) -> str | None:
        """Puts one broadcast where it belongs; returns the request that has become idle."""
        try:
            message = self.client.get_iopub_msg(timeout=timeout)
        except Empty:
            return None
        request = message["parent_header"].get("msg_id")
        kind, content = message["msg_type"], message["content"]
        if kind == "status":
            return request if content["execution_state"] == "idle" else None
        if request in self.cells and kind not in ("execute_input",):
            self.cells[request].append({"type": kind, **content})
        return None

    def reply(self, request: str) -> dict:
        while True:
            reply = self.client.get_shell_msg(timeout=PATIENCE_S)
            if reply["parent_header"].get("msg_id") == request:
                return reply["content"]

    def end(self, how: str, step: dict) -> dict:
        if "during" in step:
            outputs = self.cells.setdefault(self.client.execute(step["during"], stop_on_error=False), [])
            deadline = time.monotonic() + PATIENCE_S
            while step["when"] not in text_of(outputs):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{step['during']!r} printed {outputs}")
                self.take(0.05)
        child = typescript_kernel(self.pid)
        began = time.monotonic()
        if how == "kill":
            os.kill(self.pid, signal.SIGKILL)
        else:
            self.client.shutdown()
        wait_for(child)
        seconds = time.monotonic() - began
        wait_for(self.pid)
        return {"gone": gone(child), "seconds": seconds}


def text_of(outputs: list) -> str:
    return "".join(output.get("text", "") for output in outputs)


def perform(notebook: Notebook, step: dict) -> dict:
    if "run" in step:
        return notebook.run(step["run"], step)
    if "complete" in step:
        return notebook.reply(notebook.client.complete(step["complete"], step["cursor"]))
    if "inspect" in step:
        return notebook.reply(notebook.client.inspect(step["inspect"], step["cursor"]))
    if "time" in step:
        return {"seconds": [notebook.run(step["time"], {})["seconds"] for _ in range(step["times"])]}
    if "end" in step:
        return notebook.end(step["end"], step)
    if "begin" in step:
        notebook.close()
        notebook.begin()
        return {}
    end = time.monotonic() + step["sleep"]
    while time.monotonic() < end:
        notebook.take(0.05)
    return {}


steps = json.load(sys.stdin)
notebook = Notebook()
try:
    results = [perform(notebook, step) for step in steps]
finally:
    notebook.close()
# What clients print while they are torn down does not belong to the results.
sys.stdout.write(json.dumps(results))
sys.stdout.flush()
os._exit(0)
