"""Connections as np-guard's netpol-analyzer prints them (`list`): txt, json, csv, md.

Written from pkg/netpol/connlist/conns_formatter*.go of np-guard/netpol-analyzer. Each form is a way to write one
line, made of what the source gives and what the target gives, so that targets shared by many sources are written once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from mistrust.access.ports import Ports
from mistrust.report.clean import clean
from mistrust.report.connections.listed import Connections, Peer, Potential

Head = Callable[[Peer], str]
Tail = Callable[[Peer, str], str]
HEADER = "Exposure Analysis Result"


def render(connections: Connections, form: str) -> Iterator[str]:
    """The text in pieces, in the form `txt`, `json`, `csv`, `md` or `dot`."""
    match form:
        case "json":
            return _json(connections)
        case "csv":
            return _csv(connections)
        case "md":
            return _md(connections)
        case "dot":
            from mistrust.report.connections.dot import dot

            return dot(connections)
        case _:
            return _txt(connections)


def lines(connections: Connections, head: Head, tail: Tail, between: str) -> Iterator[str]:
    """One piece a source: its lines, each ended by `between`."""
    written: dict[int, tuple[list[str], dict[Peer, int]]] = {}
    told: dict[Ports, str] = {}
    for source, targets in connections.rows:
        if id(targets) not in written:
            tails = []
            for target, ports in targets:
                if ports not in told:
                    told[ports] = str(ports)
                tails.append(tail(target, told[ports]) + between)
            written[id(targets)] = tails, {target: i for i, (target, _) in enumerate(targets)}
        tails, place = written[id(targets)]
        itself = place.get(source)
        if itself is not None:
            tails = tails[:itself] + tails[itself + 1 :]
        if tails:
            start = head(source)
            yield start + start.join(tails)


def _txt(connections: Connections) -> Iterator[str]:
    only, exposure = connections.only, connections.exposure
    if only is not None:
        yield f"Permitted connections on {only}:\n"
    any_line = False
    for piece in lines(connections, _txt_head, _txt_tail if only is None else _txt_bare, "\n"):
        any_line = True
        yield piece
    if exposure is None:
        return
    yield "\n" if any_line or only is not None else ""
    yield f"{HEADER}{'' if only is None else f' On {only}'}:\n"
    width = max((len(p.text) for p in exposure.peers), default=0)
    for title, rows, arrow in (("Egress", exposure.egress, "=>"), ("Ingress", exposure.ingress, "<=")):
        if rows:
            yield "\n" if title == "Ingress" and exposure.egress else ""
            yield f"{title} Exposure:\n"
            for row in rows:
                ports = "" if only is not None else f" : {row.ports}"
                yield f"{clean(row.workload.text):<{width}} \t{arrow} \t{clean(row.other)}{ports}\n"
    if exposure.unprotected:
        yield "\nWorkloads not protected by network policies:\n"
        yield from sorted(f"{clean(p.text)} is not protected on {way}\n" for p, way in exposure.unprotected)


def _txt_head(source: Peer) -> str:
    return f"{clean(source.text)} => "


def _txt_tail(target: Peer, ports: str) -> str:
    return f"{clean(target.text)} : {ports}"


def _txt_bare(target: Peer, _: str) -> str:
    return clean(target.text)


def _json(connections: Connections) -> Iterator[str]:
    bare, exposure = connections.only is not None, connections.exposure
    indent = "  " if exposure is None else "    "
    if exposure is not None:
        yield '{\n  "connlist_conn_focus_results": ' if bare else '{\n  "connlist_results": '
    yield from _json_list(_json_lines(connections, indent, bare=bare), indent)
    if exposure is not None:
        yield ',\n  "exposure_conn_focus_results": {\n' if bare else ',\n  "exposure_results": {\n'
        yield '    "egress_exposure": '
        yield from _json_exposed(exposure.egress, ingress=False, bare=bare)
        yield ',\n    "ingress_exposure": '
        yield from _json_exposed(exposure.ingress, ingress=True, bare=bare)
        yield "\n  }\n}"


def _json_lines(connections: Connections, indent: str, *, bare: bool) -> Iterator[str]:
    inner = f"{indent}  "

    def head(source: Peer) -> str:
        return f"{indent}{{\n{inner}{_member('src', source.text)},\n"

    def tail(target: Peer, ports: str) -> str:
        conn = "" if bare else f",\n{inner}{_member('conn', ports)}"
        return f"{inner}{_member('dst', target.text)}{conn}\n{indent}}}"

    return lines(connections, head, tail, ",\n")


def _member(key: str, value: str) -> str:
    return f'"{key}": {_quoted(value)}'


def _quoted(text: str) -> str:
    """As encoding/json writes it: `<`, `>` and `&` escaped."""
    told = json.dumps(text, ensure_ascii=not text.isprintable())
    return told.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json_list(pieces: Iterator[str], indent: str) -> Iterator[str]:
    """`pieces` end with a comma and a line break each; the last comma is left out."""
    last = ""
    for piece in pieces:
        yield last or "[\n"
        last = piece
    yield f"{last[:-2]}\n{indent[2:]}]" if last else "[]"


def _json_exposed(rows: tuple[Potential, ...], *, ingress: bool, bare: bool) -> Iterator[str]:
    if not rows:
        yield "[]" if bare else "null"
        return
    told = []
    for row in rows:
        source, target = (row.other, row.workload.text) if ingress else (row.workload.text, row.other)
        members = [_member("src", source), _member("dst", target), *([] if bare else [_member("conn", row.ports)])]
        told.append("      {\n        " + ",\n        ".join(members) + "\n      }")
    yield "[\n" + ",\n".join(told) + "\n    ]"


def _csv(connections: Connections) -> Iterator[str]:
    only, exposure = connections.only, connections.exposure
    bare = only is not None
    yield "src,dst\n" if bare else "src,dst,conn\n"

    def head(source: Peer) -> str:
        return f"{cell(source.text)},"

    def tail(target: Peer, ports: str) -> str:
        return cell(target.text) if bare else f"{cell(target.text)},{cell(ports)}"

    yield from lines(connections, head, tail, "\n")
    if exposure is None:
        return
    yield f"{cell(HEADER + (f' On {only}' if bare else '') + ':')},,\n"
    for title, rows, ends in (("Egress", exposure.egress, "src,dst"), ("Ingress", exposure.ingress, "dst,src")):
        if rows:
            yield f"{title} Exposure:,,\n{ends}{'' if bare else ',conn'}\n"
            for row in rows:
                ports = "" if bare else f",{cell(row.ports)}"
                yield f"{cell(row.workload.text)},{cell(row.other)}{ports}\n"


def cell(text: str) -> str:
    """One field as encoding/csv writes it: quoted only where it has to be."""
    text = clean(text)
    if text and (text[0] == " " or any(c in text for c in ',"\n\r')):
        return '"' + text.replace('"', '""') + '"'
    return text


def _md(connections: Connections) -> Iterator[str]:
    only, exposure = connections.only, connections.exposure
    bare = only is not None
    rule = "|-----|-----|\n" if bare else "|-----|-----|------|\n"

    def columns(first: str, second: str) -> str:
        return f"| {first} | {second} |\n{rule}" if bare else f"| {first} | {second} | conn |\n{rule}"

    def head(source: Peer) -> str:
        return f"| {column(source.text)} | "

    def tail(target: Peer, ports: str) -> str:
        return f"{column(target.text)} |" if bare else f"{column(target.text)} | {ports} |"

    yield columns("src", "dst")
    yield from lines(connections, head, tail, "\n")
    if exposure is None:
        return
    yield f"## {HEADER}{f' On {only}' if bare else ''}:\n"
    for title, rows, ends in (
        ("Egress", exposure.egress, ("src", "dst")),
        ("Ingress", exposure.ingress, ("dst", "src")),
    ):
        if rows:
            yield f"### {title} Exposure:\n{columns(*ends)}"
            for row in rows:
                ports = "" if bare else f" {row.ports} |"
                yield f"| {column(row.workload.text)} | {column(row.other)} |{ports}\n"
        yield "\n" if title == "Egress" else ""


def column(text: str) -> str:
    """A cell of a Markdown table."""
    return clean(text).replace("|", "\\|")
