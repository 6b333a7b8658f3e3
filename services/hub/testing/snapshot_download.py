"""Shows that the hub of the tests is one for huggingface_hub, too: the official client takes a whole
repository from it, and every byte is that of the folder that it was made from.

    node scripts/run.js services/hub/testing/serve-folder.ts FOLDER  # prints its address
    HF_ENDPOINT=... python services/hub/testing/snapshot_download.py FOLDER

Tried with huggingface_hub 2.4.0.
"""

import filecmp
import sys
import tempfile
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

folder = Path(sys.argv[1])
files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
with tempfile.TemporaryDirectory() as cache:
    download = lambda **more: huggingface_hub.snapshot_download(
        "local/model", cache_dir=cache, token="hf_local", **more
    )
    snapshot = Path(download())
    match, differ, failed = filecmp.cmpfiles(folder, snapshot, files, shallow=False)
    assert sorted(match) == files, (differ, failed)
    api = huggingface_hub.HfApi(token="hf_local")
    listed = [entry.path for entry in api.list_repo_tree("local/model", recursive=True)]
    assert set(files) <= set(listed), set(files) - set(listed)
    for what, error in [
        (lambda: download(revision="none"), RevisionNotFoundError),
        (lambda: huggingface_hub.model_info("local/none", token="hf_local"), RepositoryNotFoundError),
        (lambda: huggingface_hub.model_info("local/model", token=False), RepositoryNotFoundError),
    ]:
        try:
            what()
        except error:
            continue
        raise AssertionError(f"no {error.__name__}")
    print(f"huggingface_hub {huggingface_hub.__version__}: {len(match)} files equal, at {snapshot.name}")
