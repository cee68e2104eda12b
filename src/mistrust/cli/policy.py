"""Run policies as they are: ask Rego and CEL, run their tests, and hold objects against them.

eval answers a query as `opa eval --format json` does; cel answers an expression. test runs suites of `gator verify`,
`kyverno test` and `opa test` as they are. check asks every policy of a folder about every object, and shows all that
fails. replay asks two folders about recorded AdmissionReviews, one a line, and shows what would change. list shows the
starter set, and export writes it, or the policies named, as ValidatingAdmissionPolicies with bindings, for `kubectl
apply`.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from mistrust.kube.errors import UsageError

EXAMPLES = """examples:
  mistrust policy eval -d policies/ -i review.json 'data.kubernetes.admission.deny'
  mistrust policy cel 'object.spec.replicas <= 5' -i deployment.yaml
  mistrust policy test policies/
  mistrust policy check -d policies/ manifests/
  mistrust policy check -d policies/ manifests/ -o openreports | kubectl apply -f -
  mistrust policy check --baseline manifests/
  mistrust policy replay policies/ new/ reviews.jsonl
  mistrust policy list
  mistrust policy export --action audit | kubectl apply -f -
  mistrust policy export privileged-containers host-paths --exempt kube-system --exempt monitoring --to policies/

exit codes: 0 fine   1 a test or an object fails, something changes   2 usage   3 not understood, or no answer
"""
ACTIONS = ("eval", "cel", "test", "check", "replay", "list", "export")
WITHOUT_WORDS = ("list", "export")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust policy`."""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("words", nargs="*", metavar="QUERY|EXPRESSION|PATH|NAME", help="what is asked, or files")
    parser.add_argument(
        "-d", "--data", action="append", default=[], metavar="PATH", help="policies and data; replay: Namespaces"
    )
    parser.add_argument("-i", "--input", metavar="FILE", help="what it is about; - is standard input")
    parser.add_argument("--v0-compatible", action="store_true", help="eval, test: Rego of version 0")
    parser.add_argument("--strict-builtin-errors", action="store_true", help="eval: a built-in that fails ends it")
    parser.add_argument("--kubernetes", metavar="1.N", help="cel: what this version of Kubernetes knows (the latest)")
    parser.add_argument("-o", "--output", choices=("policyreport", "openreports"), help="check: reports for a cluster")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="test: every test; replay: every change; list: all"
    )
    parser.add_argument("--baseline", action="store_true", help="check: the policies of the starter set too")
    export = parser.add_argument_group("export")
    export.add_argument(
        "--from", dest="source", metavar="DIR", help="policies of a folder, not those of the starter set"
    )
    export.add_argument("--to", metavar="DIR", help="a file for each; - is standard output (the default)")
    export.add_argument(
        "--action",
        dest="leads_to",
        choices=("deny", "warn", "audit"),
        help="what a violation leads to (deny; --from: as it is)",
    )
    export.add_argument(
        "--exempt",
        action="append",
        metavar="NAMESPACE",
        help="not asked about it (kube-system; --from: as it is); none: --exempt ''",
    )


def run(args: argparse.Namespace) -> int:
    """Run one action. Raises `Error` for what cannot be read or understood."""
    if not args.words and args.action not in WITHOUT_WORDS:
        raise UsageError("nothing is asked", wanted=f"mistrust policy {args.action} QUERY|EXPRESSION|PATH")
    code: int = import_module(f"mistrust.cli.policy_{args.action}").run(args)
    return code
