"""JMESPath, and the functions of Kyverno."""

from __future__ import annotations

import pytest

from mistrust.kube.build import Plain
from mistrust.kube.errors import InputError
from mistrust.languages.kyverno.errors import KyvernoError, UnknownError
from mistrust.languages.kyverno.jmespath.compile import evaluate

POD: Plain = {
    "name": "web",
    "labels": {"app": "web", "a.b/c": "x"},
    "containers": [{"name": "a", "ports": [{"p": 1}, {"p": 2}]}, {"name": "b", "image": "x:1"}],
    "empty": [],
    "n": 3,
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("name", "web"),
        ("missing", None),
        ("missing.too", None),
        ("@.name", "web"),
        ('labels."a.b/c"', "x"),
        ("containers[0].name", "a"),
        ("containers[-1].name", "b"),
        ("containers[9].name", None),
        ("containers[*].name", ["a", "b"]),
        ("containers[].ports[].p", [1, 2]),
        ("containers[].image", ["x:1"]),
        ("containers[::-1].name", ["b", "a"]),
        ("containers[:1].name", ["a"]),
        ("containers[?name == 'b'].image", ["x:1"]),
        ("containers[?ports].name | [0]", "a"),
        ("containers[?!ports].name", ["b"]),
        ("containers[?length(ports || `[]`) > `1`].name", ["a"]),
        ("labels.*", ["web", "x"]),
        ("[name, n]", ["web", 3]),
        ("{a: name, b: n}", {"a": "web", "b": 3}),
        ("containers[].{n: name}", [{"n": "a"}, {"n": "b"}]),
        ("missing || 'other'", "other"),
        ("empty || `[]`", []),
        ("missing && name", None),
        ("n && name", "web"),
        ("!missing", True),
        ("n == `3` && n > `2` && n <= `3`", True),
        ("name != 'x'", True),
        ("name > 'a'", None),
        ("`true` == `1`", False),
        ("missing[].x || `[]` | length(@)", 0),
        ("[missing, empty, ['a']][]", ["a"]),
        ("(containers[0] || `{}`).name", "a"),
    ],
)
def test_an_expression(text: str, wanted: Plain) -> None:
    assert evaluate(text, POD) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("labels.keys(@)", ["app", "a.b/c"]),
        ("sort(labels.values(@))", ["web", "x"]),
        ("contains(name, 'e')", True),
        ("contains(['a'], 'b')", False),
        ("join('-', ['a', 'b'])", "a-b"),
        ("max([`1`, `3`])", 3),
        ("sum([`1`, `2.5`])", 3.5),
        ("to_number('2400')", 2400),
        ("to_string({a: n})", '{"a":3}'),
        ("type(@)", "object"),
        ("merge(labels, {app: 'y'})", {"app": "y", "a.b/c": "x"}),
        ("sort_by(containers, &name)[-1].name", "b"),
        ("map(&name, containers)", ["a", "b"]),
        ("not_null(missing, name)", "web"),
        ("regex_match('^w.b$', name)", True),
        ("regex_match('^1', `12`)", True),
        ("regex_replace_all('(w)(e)', name, '$2-${1}')", "e-wb"),
        ("regex_replace_all_literal('e', name, '$1')", "w$1b"),
        ("pattern_match('w*', name)", True),
        ("label_match({app: 'web'}, labels)", True),
        ("label_match({app: 'other'}, labels)", False),
        ("to_upper(name)", "WEB"),
        ("split('a/b', '/')", ["a", "b"]),
        ("replace('aaa', 'a', 'b', `2`)", "bba"),
        ("replace_all('aaa', 'a', 'b')", "bbb"),
        ("trim('xxaxx', 'x')", "a"),
        ("trim_prefix('v1.2', 'v')", "1.2"),
        ("truncate('abcdef', `3`)", "abc"),
        ("add('1Gi', '512Mi')", "1536Mi"),
        ("subtract('1h', '30m')", "30m0s"),
        ("multiply('100m', `3`)", "300m"),
        ("divide('1Gi', '256Mi')", 4),
        ("divide(`10`, `4`)", 2.5),
        ("modulo(`7`, `3`)", 1),
        ("round(`1.256`, `2`)", 1.26),
        ("base64_decode(base64_encode('x'))", "x"),
        ("parse_json('{\"a\": 1}').a", 1),
        ("parse_yaml('a: [1]').a[0]", 1),
        ("items({a: n}, 'k', 'v')", [{"k": "a", "v": 3}]),
        ("object_from_lists(['a', 'b'], [`1`])", {"a": 1, "b": None}),
        ("lookup(labels, 'app')", "web"),
        ("semver_compare('1.5.0', '>=1.2.0 <2.0.0')", True),
        ("semver_compare('2.5.0', '1.x.x || 3.x.x')", False),
        ("path_canonicalize('/var/../etc/./x')", "/etc/x"),
        ("image_normalize('nginx')", "docker.io/nginx:latest"),
        ("to_boolean('TRUE')", True),
        ("equal_fold('A', 'a')", True),
        ("compare('a', 'b')", -1),
        ("sha256('x')", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
        ("time_add('2023-01-12T12:37:56Z', '1h')", "2023-01-12T13:37:56Z"),
        ("time_diff('2023-01-12T12:00:00Z', '2023-01-12T13:30:00Z')", "1h30m0s"),
        ("time_before('2023-01-12T12:00:00Z', '2023-01-12T13:30:00Z')", True),
        ("time_to_cron('2023-02-05T12:30:00Z')", "30 12 5 2 0"),
        ("time_truncate('2023-01-12T17:37:00Z', '1h')", "2023-01-12T17:00:00Z"),
        ("time_utc('2023-01-12T12:00:00+02:00')", "2023-01-12T10:00:00Z"),
    ],
)
def test_a_function(text: str, wanted: Plain) -> None:
    assert evaluate(text, POD) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.",
        "a..b",
        "a[",
        "a[?b",
        "'a",
        "a b",
        "nope(a)",
        "length()",
        "length(a, b)",
        "a[::0]",
        "{a}",
        "(" * 200,
        "$",
    ],
)
def test_what_is_no_expression_is_an_error_before_it_is_asked(text: str) -> None:
    with pytest.raises(InputError):
        evaluate(text, POD)


@pytest.mark.parametrize(
    "text",
    [
        "length(n)",
        "containers[?length(ports) > `1`].name",
        "contains(missing, 'a')",
        "keys(name)",
        "divide(`1`, `0`)",
        "add('1h', '1Gi')",
        "regex_match('(', name)",
        "to_boolean('maybe')",
        "base64_decode('%')",
        "join(',', [`1`])",
        "time_add('yesterday', '1h')",
    ],
)
def test_what_has_no_answer_is_an_error(text: str) -> None:
    with pytest.raises(KyvernoError):
        evaluate(text, POD)


@pytest.mark.parametrize("text", ["time_now()", "random('[a-z]')", "is_external_url('https://a')", "x509_decode('a')"])
def test_what_cannot_be_told_here_is_unknown(text: str) -> None:
    with pytest.raises(UnknownError):
        evaluate(text, POD)


@pytest.mark.parametrize(
    "text",
    [
        "@" + " | [@, @]" * 500,
        "'a'" + " | join(@, [@, @, @])" * 100,
        "'aaaa'" + " | replace_all(@, 'a', 'aaaaaaaaaaaaaaaa')" * 50,
        "'aaaa'" + " | regex_replace_all('a', @, 'aaaaaaaaaaaaaaaa')" * 50,
        "`10`" + " | multiply(@, @)" * 200,
        "'1e999'" + " | multiply(@, `1000000000000`)" * 1000,
    ],
)
def test_an_expression_cannot_make_something_too_large(text: str) -> None:
    with pytest.raises(KyvernoError):
        evaluate(text, POD)
