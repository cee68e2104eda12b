"""Writes what `mistrust diff` found to a pull request: `comment` as the one comment of it, `sarif` to code scanning.

Everything comes from the environment. A token that may not write (a pull request from a fork) is a warning: the
summary of the job holds the same text.
"""

import base64
import gzip
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

API = os.environ.get("GITHUB_API_URL", "https://api.github.com")
REPOSITORY = os.environ["GITHUB_REPOSITORY"]
FOLDER = Path(os.environ["FOLDER"])
PAGES = 20


def call(method, path, body=None):
    """Ask the API; the answer as a value."""
    request = urllib.request.Request(f"{API}/repos/{REPOSITORY}/{path}", method=method)
    request.add_header("Authorization", f"Bearer {os.environ['TOKEN']}")
    request.add_header("Accept", "application/vnd.github+json")
    request.add_header("X-GitHub-Api-Version", "2022-11-28")
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=60) as answer:
        return json.load(answer)


def comment():
    """Write the comment over that of an earlier run; none where nothing changes and none is there."""
    number, name = os.environ["NUMBER"], os.environ["NAME"]
    mark = f"<!-- mistrust diff: {''.join(c for c in name if c.isalnum() or c in ' ._')} -->"
    body = {"body": f"{mark}\n{(FOLDER / 'comment.md').read_text('utf-8')}"}
    for page in range(1, PAGES + 1):
        found = call("GET", f"issues/{number}/comments?per_page=100&page={page}")
        for each in found:
            if each["body"].startswith(mark) and each["user"]["login"] == os.environ["AUTHOR"]:
                call("PATCH", f"issues/comments/{each['id']}", body)
                return
        if len(found) < 100:
            break
    if changes():
        call("POST", f"issues/{number}/comments", body)


def changes():
    """Is there anything to say?"""
    effect = json.loads((FOLDER / "effect.json").read_text("utf-8"))
    return effect["unknown"] or any(c["gained"] or c["lost"] for c in effect["counts"])


def sarif():
    """Upload the results for the merge of the pull request, or for the branch."""
    number = os.environ["NUMBER"]
    packed = base64.b64encode(gzip.compress((FOLDER / "diff.sarif").read_bytes())).decode()
    ref = f"refs/pull/{number}/merge" if number else os.environ["GITHUB_REF"]
    call("POST", "code-scanning/sarifs", {"commit_sha": os.environ["COMMIT"], "ref": ref, "sarif": packed})


try:
    {"comment": comment, "sarif": sarif}[sys.argv[1]]()
except urllib.error.HTTPError as error:
    if error.code not in (401, 403, 404):
        raise
    print(f"::warning::the token may not write the {sys.argv[1]} ({error.code}); the job summary has the text")
