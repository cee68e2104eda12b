"""What becomes of files, as a patch that `git apply` and `patch -p1` take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_STRANGE = re.compile(r'[\x00-\x1f"\\\x7f]')
NOTHING = "/dev/null"


def patch(name: str, before: bytes | None, after: bytes | None) -> Iterator[bytes]:
    r"""The lines for one file; None for one that is not there.

    >>> print(b"".join(patch("a.yaml", b"x: 1\ny: 2", b"y: 2")).decode(), end="")
    --- a/a.yaml
    +++ b/a.yaml
    @@ -1,2 +1 @@
    -x: 1
     y: 2
    \ No newline at end of file
    """
    old, new = (_LINE.findall((data or b"").decode("utf-8", "surrogateescape")) for data in (before, after))
    heads = (NOTHING if before is None else _name("a", name)), (NOTHING if after is None else _name("b", name))
    for line in unified_diff(old, new, *heads):
        yield line.encode("utf-8", "surrogateescape")
        if not line.endswith("\n"):
            yield b"\n\\ No newline at end of file\n"


def _name(side: str, name: str) -> str:
    """As git writes it: quoted where it must be, with a tab behind it where it holds a space."""
    text = f"{side}/{name}"
    if _STRANGE.search(text):
        return '"' + _STRANGE.sub(lambda c: f"\\{ord(c[0]):03o}", text) + '"'
    return f"{text}\t" if " " in text else text
