"""What a terminal can show: its width, colours if wanted, and plain ASCII where nothing else arrives intact."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Literal

import msgspec

from mistrust.access.finding import Severity
from mistrust.report.clean import ascii_only, clean, clean_lines, pad, shorten

Style = Literal["bold", "dim", "red", "yellow", "green", "blue", "magenta", "plain"]

_CODES: Mapping[Style, str] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "plain": "",
}

SEVERITY_STYLE: Mapping[Severity, Style] = {
    Severity.CRITICAL: "magenta",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
}


class Screen(msgspec.Struct, frozen=True):
    """Where text is printed. The default is what a pipe gets: no colour, 100 columns."""

    width: int = 100
    colour: bool = False
    unicode: bool = True

    @property
    def arrow(self) -> str:
        """From one thing to the next."""
        return "→" if self.unicode else "->"

    @property
    def remark(self) -> str:
        """Points back at what a remark is about."""
        return "←" if self.unicode else "<-"

    @property
    def dot(self) -> str:
        """Between the parts of a line."""
        return "·" if self.unicode else "|"

    @property
    def ellipsis(self) -> str:
        """Something is left out here."""
        return "…" if self.unicode else "..."

    def clean(self, text: str) -> str:
        """The text, safe to print here."""
        return clean(text) if self.unicode else ascii_only(text)

    def fit(self, text: str, width: int) -> str:
        """The text, safe to print here, in at most `width` columns."""
        return shorten(self.clean(text), width, self.ellipsis)

    def cell(self, text: str, width: int) -> str:
        """The text, safe to print here, in exactly `width` columns."""
        return pad(self.fit(text, width), width)

    def paint(self, text: str, style: Style) -> str:
        """The text in a style, where there are colours; nothing is said by colour alone."""
        code = _CODES[style]
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text else text

    def wrap(self, text: str, indent: str = "") -> list[str]:
        """A paragraph as lines that fit."""
        room = max(20, min(self.width, 100) - len(indent))
        lines = textwrap.wrap(self.clean(text), room, break_long_words=False, break_on_hyphens=False)
        return [indent + line for line in lines]

    def prose(self, markdown: str, indent: str = "") -> list[str]:
        """Markdown as it reads on a terminal: paragraphs wrapped, lists and code as they are."""
        out: list[str] = []
        paragraph: list[str] = []
        fenced = False
        for line in [*clean_lines(markdown).split("\n"), ""]:
            fence = line.lstrip().startswith("```")
            verbatim = fenced or fence or line[:1] in ("-", "*", "#", " ", "|", ">") or line[:2].rstrip(".").isdigit()
            if (verbatim or not line.strip()) and paragraph:
                out += self.wrap(" ".join(paragraph), indent)
                paragraph = []
            if verbatim and not fence:
                out += [indent + self.clean(line)] if fenced or line[:1] in (" ", "|") else self.wrap(line, indent)
            elif not verbatim and line.strip():
                paragraph.append(line.strip())
            elif not line.strip() and out and out[-1]:
                out.append("")
            fenced ^= fence
        while out and not out[-1]:
            out.pop()
        return out


def screen(
    environment: Mapping[str, str],
    *,
    terminal: bool,
    columns: int = 0,
    encoding: str = "utf-8",
    colour: Literal["auto", "always", "never"] = "auto",
) -> Screen:
    """The screen that a command prints to.

    `terminal` is whether somebody looks; `columns` its width, 0 if that is not known. NO_COLOR (https://no-color.org),
    TERM=dumb and a pipe switch colour off; `colour` other than "auto" decides alone.
    """
    quiet = bool(environment.get("NO_COLOR")) or environment.get("TERM") == "dumb"
    return Screen(
        width=max(40, columns) if terminal and columns else Screen().width,
        colour=colour == "always" or (colour == "auto" and terminal and not quiet),
        unicode=encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf16le", "utf16", "utf32"),
    )
