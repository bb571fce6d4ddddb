"""The folder of files made here and its index.json, which says what to give each file and what must come out."""

import json
from pathlib import Path

import numpy as np

from network import check_moves, picture


class Index:
    """Writes inputs and logits as .npy, and one entry a file into index.json, as each is made."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "index.json"

    def expect(self, name, run, facts):
        """Runs `run`, a model in its framework, on two pictures, and keeps the first and its logits.

        `facts`: resolution, alpha, classes, family, padding. Returns them with input and logits, as `add` wants them.
        """
        resolution = facts["resolution"]
        first, second = picture(resolution, 1), picture(resolution, 2)
        logits, others = run(first), run(second)
        spread, moved = check_moves(logits, others)
        print(f"{name}: spread of the logits {spread:.2f}, from picture to picture up to {moved:.2f}")

        facts = facts | {"input": f"input_{resolution}.npy", "logits": f"{name}.logits.npy"}
        np.save(self.folder / facts["input"], first)
        np.save(self.folder / facts["logits"], logits.astype(np.float32))
        return facts

    def add(self, file, facts):
        """Enters `file`, a path below the folder, or replaces its entry."""
        entries = [entry for entry in self._entries() if entry["file"] != file]
        entries.append({"file": file, **facts})
        self.path.write_text(json.dumps(entries, indent=1) + "\n")
        print(f"  {file}")

    def _entries(self):
        return json.loads(self.path.read_text()) if self.path.exists() else []
