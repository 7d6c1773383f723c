"""A worker without torch: answers each request with the messages in ``answers.json`` beside it.

``{"sleep": seconds}`` waits; a ``result`` comes with a copy of the ``result.npz`` beside it.
"""

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent

parser = argparse.ArgumentParser()
parser.add_argument("--nice")
parser.parse_args()
print(json.dumps({"event": "hello", "protocol": 1, "python": "", "torch": "", "version": ""}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] != "reconstruct":
        continue
    (HERE / "request.json").write_text(line, encoding="utf-8")
    for answer in json.loads((HERE / "answers.json").read_text(encoding="utf-8")):
        if "sleep" in answer:
            time.sleep(answer["sleep"])
            continue
        if answer["event"] == "result":
            shutil.copy(HERE / "result.npz", request["output"])
            answer["path"] = request["output"]
        print(json.dumps({"id": request["id"], **answer}), flush=True)
