"""What a request asks for: its path as policies compare it, with identifiers left out, and never a secret."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mistrust.feeds.flows.request import LONGEST, REST, method, path, route
from mistrust.layers.mesh.istio.authorization.paths import path_pattern


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("/", "/"),
        ("/cart/items", "/cart/items"),
        ("/cart/", "/cart/"),
        ("/shop.Cart/AddItem", "/shop.Cart/AddItem"),
        ("http://cart:7070/items", "/items"),
        ("https://cart", "/"),
        ("http://cart?next=/a", "/"),
        ("*", ""),
        ("cart:443", ""),
        ("", ""),
        # the examples of istio.io/latest/docs/reference/config/security/normalization, by BASE
        ("/some%2fdata/%61%62%63", "/{*}/abc"),
        ("/some\\data", "/some/data"),
        ("/some//data///abc", "/some//data///abc"),
        ("/public/./data/abc/../xyz", "/public/data/xyz"),
        ("/foo?v=1", "/foo"),
        ("/%2e%2e/a/%2E/b", "/a/b"),
        ("/a/..", "/"),
        ("/../..", "/"),
    ],
)
def test_the_path_is_the_one_that_policies_compare(target: str, asked: str) -> None:
    assert path(target) == asked


@pytest.mark.parametrize(
    "segment",
    [
        "1",
        "0012",
        "-7",
        "d290f1ee-6c54-4b01-90e6-d701748f0851",
        "3f2a9c1b",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "cus_9s6XKzkNRiz8i3",
        "eyJhbGciOiJIUzI1NiJ9",
        "2026-10-23",
        "2026-10-23T10:00:00Z",
        "10.0.0.1",
        "order-12345",
        "17.pdf",
        "app.3f2a9c1b.js",
        "jane@shop.example",
        "J%C3%B6rg",
        "login;8F2C",
        "x" * 65,
    ],
)
def test_identifiers_are_left_out(segment: str) -> None:
    assert path(f"/shops/{segment}/orders") == "/shops/{*}/orders"


@pytest.mark.parametrize(
    "segment",
    [
        "v1",
        "api",
        "oauth2",
        "2fa",
        "list-orders-2024",
        "main.css",
        "jquery-3.7.1.min.js",
        "deadbeef",
        "Cart",
        "a_b",
        "~me",
    ],
)
def test_words_stay(segment: str) -> None:
    assert path(f"/shops/{segment}/orders") == f"/shops/{segment}/orders"


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("/k=v", "/k=v"),  # no template, so it may have any letters
        ("/7/k=v", "/{*}/{**}"),
        ("/a//7", "/a/{**}"),
        ("/a/*", "/a/{**}"),
        ("/login;jsessionid=8F2C/next", "/{**}"),
        ("/{x}/admin", "/{*}/admin"),
        ("/{*}/admin", "/{**}"),
        ("/{**}", "/{**}"),
        ("/x" * 40, "/x" * 15 + "/{**}"),
        ("/" + "x/" * 20_000, "/{**}"),
    ],
)
def test_what_no_template_holds_and_what_is_too_much_is_a_rest(target: str, asked: str) -> None:
    assert path(target) == asked


@pytest.mark.parametrize(
    ("template", "target", "asked"),
    [
        ("/users/{name}", "/users/jane", "/users/{*}"),
        ("/users/:name", "/users/jane", "/users/{*}"),
        ("/users/<string:name>", "/users/jane", "/users/{*}"),
        ("/users/{name}", "", "/users/{*}"),
        ("/files/*", "/files/a/b", "/files/{**}"),
        ("/files/{path...}", "/files/a/b", "/files/{**}"),
        ("/files/{*path}", "", "/files/{**}"),
        ("/files/<path:path>", "", "/files/{**}"),
        ("/:id", "/users/7", "/users/{*}"),  # below another router
        ("GET /users/{name}", "/users/7", "/users/{*}"),
        ("/u/(?P<id>x+)", "/u/x", "/u/x"),
        ("", "/users/7", "/users/{*}"),
    ],
)
def test_the_template_of_a_framework_counts_where_it_is_the_whole_path(template: str, target: str, asked: str) -> None:
    assert route(template, target) == asked


def test_methods_are_registered_ones() -> None:
    assert [method(text) for text in ("GET", "PATCH", "CONNECT", "get", "EVIL", "-")] == [
        "GET",
        "PATCH",
        "",
        "",
        "",
        "",
    ]


SEGMENTS = st.lists(st.text("ab1-.~%@;=*{}? \\é", max_size=4), max_size=6)


@given(SEGMENTS)
@example(["a", "", "1"])
def test_a_path_stands_for_itself(segments: list[str]) -> None:
    """In Istio: what is asked for matches the template, and what is found is found again."""
    target = "/" + "/".join(segments)
    asked = path(target)
    assert path(asked.replace("{*}", "1")) == asked or REST in asked
    assert asked.count(REST) <= 1
    assert "?" not in asked
    plain = path_of(target)
    if asked.endswith(REST):
        begin = asked.removesuffix(REST)
        depth = begin.count("/")
        start = "/".join(plain.split("/")[:depth]) + "/"
        assert matches(begin, start), (plain, asked)
    else:
        assert matches(asked, plain), (plain, asked)


def path_of(target: str) -> str:
    """Normalised, by the slow definition: decode, then resolve."""
    from urllib.parse import urlsplit

    text = urlsplit("http://x" + target.partition("?")[0].replace("\\", "/")).path or "/"
    for code in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B), *b"-._~"):
        for spelling in (f"%{code:02x}", f"%{code:02X}"):
            text = text.replace(spelling, chr(code))
    out: list[str] = []
    segments = text.split("/")[1:]
    for segment in segments:
        out = out[:-1] if segment == ".." else out if segment == "." else [*out, segment]
    if segments[-1] in (".", ".."):
        out.append("")
    return ("/" + "/".join(out)).replace("{", "%7B").replace("}", "%7D")


def matches(template: str, plain: str) -> bool:
    if "{*}" not in template:
        return template == plain
    found = path_pattern(template)
    return found is not None and found.matches(plain)


def test_no_path_is_long() -> None:
    for begin, again in (("/", "a1-"), ("/", "a."), ("/", "1."), ("/", "a-f0"), ("/", "%"), ("", "/.."), ("/", "@")):
        assert len(path(begin + again * 4000)) <= LONGEST
        assert len(path((begin + again * 4000)[:4096])) <= LONGEST
        assert len(route((begin + again * 4000)[:4096], "/a")) <= LONGEST
