"""Drives the kernel as Jupyter does: jupyter_client, the written kernelspec, one notebook's cells.

Prints one JSON object. Usage: JUPYTER_PATH=... python drive_kernel.py FOLDER
"""

import json
import os
import sys
import time

from jupyter_client.manager import KernelManager

manager = KernelManager(kernel_name="rag-cells-typescript")
manager.start_kernel(cwd=sys.argv[1])
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)


def run(code, interrupt_after=None):
    """Runs one cell; returns its reply's status, its text, and the MIME types it displayed."""
    request = client.execute(code)
    text, displayed = [], []
    deadline = time.monotonic() + 120
    pressed = None
    while True:
        if interrupt_after is not None and pressed is None and "ready to stop" in "".join(text):
            time.sleep(interrupt_after)
            pressed = time.monotonic()
            manager.interrupt_kernel()
        try:
            message = client.get_iopub_msg(timeout=0.2)
        except Exception:
            if time.monotonic() > deadline:
                raise
            continue
        if message["parent_header"].get("msg_id") != request:
            continue
        content = message["content"]
        if message["msg_type"] == "stream":
            text.append(content["text"])
        elif message["msg_type"] in ("display_data", "execute_result"):
            displayed.append(sorted(content["data"]))
        elif message["msg_type"] == "status" and content["execution_state"] == "idle":
            break
    while True:
        reply = client.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == request:
            break
    seconds = None if pressed is None else time.monotonic() - pressed
    return {"status": reply["content"]["status"], "text": "".join(text), "displayed": displayed, "seconds": seconds}


try:
    out = os.environ["RAG_CELLS_TEST_OUT"]
    result = {
        "lines": run("for (let i = 0; i < 5000; i++) console.log('line', i);")["text"].count("line"),
        "card": run(
            'import * as rag from "rag-cells";\n'
            f'const session = await rag.openSession({{ name: "jupyter", dir: {json.dumps(out)}, modelDirs: ["sample/models"], '
            'dense: ["sample-dense"], sparse: ["bm25"], rerank: "sample-rerank", device: "cpu", tokenBudget: 64 });\n'
            'const chunks = await rag.chunk(session, { files: "sample/corpus/**/*.md" });\n'
            "chunks"
        ),
        "stop": run(
            'console.log("ready to stop");\nconst dense = await rag.runDense(session, chunks);', interrupt_after=0.5
        ),
    }
    # tslab answers "abort" for 200 ms after a failed cell.
    time.sleep(0.5)
    result["after"] = run("console.log(chunks.count)")
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
print(json.dumps(result))
