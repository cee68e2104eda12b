"""Before and after: what stays keeps its lines, what goes takes its comments with it."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from mistrust.kube.yaml import documents
from mistrust.report.inplace.refusal import RefusedError
from mistrust.report.inplace.rewrite import rewritten


def edit(before: str, after: str) -> str:
    """The first text, made to say what the second says."""
    before, after = (textwrap.dedent(text).lstrip("\n") for text in (before, after))
    return rewritten(before, said(before), said(after))


def said(text: str) -> Any:
    return documents(text.encode())[0][0].value


def check(before: str, after: str) -> None:
    assert edit(before, after) == textwrap.dedent(after).lstrip("\n")


def test_a_verb_goes_and_the_list_stays_between_its_brackets() -> None:
    check(
        """
        rules:
          - apiGroups: [""]   # core
            resources: ["pods", 'secrets']
            verbs: [get, list, "watch"]
        """,
        """
        rules:
          - apiGroups: [""]   # core
            resources: ["pods"]
            verbs: [get, "watch"]
        """,
    )


def test_a_verb_on_a_line_of_its_own_takes_its_comments_with_it() -> None:
    check(
        """
        verbs:
        # one at a time
        - get
        # all of them
        - list  # slow
        # and for ever
        - watch
        """,
        """
        verbs:
        # one at a time
        - get
        # and for ever
        - watch
        """,
    )


def test_a_rule_goes_and_its_neighbours_stay() -> None:
    check(
        """
        rules:
        # reads
        - resources: [pods]
          verbs: [get]

        # writes
        - resources: [pods]
          # everything, for now
          verbs: ["*"]
          # end of it
        # configuration
        - resources: [configmaps]
          verbs: [get]
        """,
        """
        rules:
        # reads
        - resources: [pods]
          verbs: [get]

        # configuration
        - resources: [configmaps]
          verbs: [get]
        """,
    )


def test_a_comment_at_the_end_of_a_neighbour_is_its_own() -> None:
    check("a:\n- b: 1\n  # end of b\n- c: 1\n", "a:\n- b: 1\n  # end of b\n")


def test_an_item_that_stays_keeps_its_place_though_others_are_like_it() -> None:
    check(
        """
        rules:
        - {resources: [pods], verbs: [get]}  # one
        - {resources: [pods, jobs], verbs: [get]}  # two
        """,
        """
        rules:
        - {resources: [pods, jobs], verbs: [get]}  # two
        - resources: [jobs]
          verbs: [get]
        """,
    )


def test_a_rule_becomes_two_in_the_same_hand() -> None:
    check(
        """
        rules:
            - resources:
              - pods
              - secrets
              verbs:
              - get
              - list   # all
        """,
        """
        rules:
            - resources:
              - pods
              verbs:
              - get
              - list   # all
            - resources:
              - secrets
              verbs:
              - get
        """,
    )


def test_the_first_field_of_an_item_goes_and_the_dash_stays() -> None:
    check(
        """
        ports:
        - name: web
          port: 80
        - protocol: TCP  # of course
          # the other one
          port: 81
        """,
        """
        ports:
        - port: 80
        -
          # the other one
          port: 81
        """,
    )


def test_nothing_left_is_an_empty_list_and_what_was_empty_is_filled() -> None:
    check("egress:\n- {}\ningress: []\n", "egress: []\ningress:\n- from: [a]\n")
    check("rules: []  # for now\n", "rules: [{verbs: [get]}]  # for now\n")
    check("spec:\nkind: A\n", "spec:\n  a: 1\nkind: A\n")


def test_a_value_keeps_its_quotes() -> None:
    check("""a: 'x'\nb: "x"\nc: x\n""", """a: 'z'\nb: "z"\nc: z\n""")


def test_text_that_would_be_something_else_is_quoted_as_the_rest_is() -> None:
    check("a: 'x'\nb: x  # why\n", "a: 'x'\nb: 'yes'  # why\n")
    check("a: x\n", 'a: "0644"\n')


def test_a_field_is_added_behind_the_one_it_follows() -> None:
    check(
        """
        spec:
          podSelector: {}  # every pod
          # nobody
          ingress: []
        """,
        """
        spec:
          podSelector: {}  # every pod
          policyTypes: [Ingress]
          # nobody
          ingress: []
        """,
    )


def test_brackets_over_several_lines() -> None:
    check(
        """
        verbs: [
          get,   # one
          # not this
          list,  # all
          watch  # for ever
        ]
        names: [a, b,
          c, d]
        """,
        """
        verbs: [
          get,   # one
          watch  # for ever
        ]
        names: [a,
          c, d, e]
        """,
    )


def test_the_last_one_between_brackets_leaves_no_comma_that_was_not_needed() -> None:
    check("a: [\n  b,\n  c\n]\n", "a: [\n  b\n]\n")
    check("a: [\n  b,  # why\n  c\n]\n", "a: [\n  b,  # why\n]\n")
    check("a: [\n  b,\n  c  # why\n]\n", "a: [\n  b\n]\n")


def test_json_keeps_its_indentation() -> None:
    check(
        """
        {
            "rules": [
                {
                    "verbs": ["get", "list"],
                    "resources": [
                        "pods"
                    ]
                }
            ],
            "subjects": []
        }
        """,
        """
        {
            "rules": [
                {
                    "verbs": ["get"],
                    "resources": [
                        "pods",
                        "services"
                    ]
                },
                {
                    "verbs": [
                        "*"
                    ]
                }
            ],
            "subjects": []
        }
        """,
    )
    check('{"a":[1,2],"b":{"c":"d"}}\n', '{"a":[2],"b":{"c":"e"}}\n')


def test_json_with_tabs() -> None:
    check('{\n\t"a": [\n\t\t1\n\t]\n}\n', '{\n\t"a": [\n\t\t1,\n\t\t{\n\t\t\t"b": 2\n\t\t}\n\t]\n}\n')


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("a: &x [1, 2]\nb: *x\n", "a: [1]\nb: [1, 2]\n", "&x"),
        ("a: &x [1, 2]\nb: *x\n", "a: [1, 2]\nb: [1]\n", r"\*x"),
        ("a: &x {c: 1}\nb:\n  <<: *x\n  d: 1\n", "a: {c: 1}\nb: {c: 1, d: 2}\n", "<<"),
        ("a:\n- &x 1\n- 2\nb: *x\n", "a:\n- 2\nb: 1\n", "&x"),
        ("a: {b: &x 1}\nc: *x\n", "a: 5\nc: 1\n", "&x"),
        ("a: 1\na: 2\n", "a: 3\n", "written twice"),
    ],
)
def test_what_is_repeated_elsewhere_is_not_touched(before: str, after: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        edit(before, after)


def test_an_anchor_elsewhere_does_no_harm() -> None:
    check("a: &x [1, 2]\nb: *x\nc: [1, 2]\n", "a: &x [1, 2]\nb: *x\nc: [2]\n")
    check("a: &x [1, 2]\nb: *x\nc: [1, 2]\n", "a: &x [1, 2]\nc: [1, 2]\n")


def test_text_over_several_lines_goes_as_a_whole() -> None:
    check("a: |\n  # not a comment\n  b\n\n  c\n# about d\nd: >-\n  x\n  y\n", "# about d\nd: >-\n  x\n  y\n")
    check("a: |\n  b\n# about d\nd: 1\n", "a: z\n# about d\nd: 1\n")
