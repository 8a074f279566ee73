"""Downloads a snapshot with the hub's own client, for tests of the test hub.

    python download_snapshot.py REPO ENDPOINT CACHE [TOKEN]

Prints, as JSON, the snapshot's folder or the name of the error.
"""

import json
import sys

from huggingface_hub import snapshot_download

repo, endpoint, cache, *token = sys.argv[1:]
try:
    folder = snapshot_download(repo, endpoint=endpoint, cache_dir=cache, token=token[0] if token else False)
    print(json.dumps({"folder": folder}))
except Exception as error:  # The test asks which.
    print(json.dumps({"error": type(error).__name__}))
