"""Serve policies as an admission webhook: the API server asks, and they answer.

POST /validate over TLS answers AdmissionReviews by the policies of a folder: Gatekeeper's templates and constraints,
ValidatingAdmissionPolicies with their bindings. A policy without an answer denies, unless it says otherwise. The
folder, the certificate and the break-glass file may change meanwhile; what is no good is said, and the old stays.
/livez, /readyz and /metrics are on the health port, without TLS.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mistrust.serve.certificates import Pair

EXAMPLES = """examples:
  mistrust serve --policies policies/ --tls-cert tls.crt --tls-key tls.key
  mistrust serve --policies policies/ --authority ca/ --name mistrust.mistrust.svc
  mistrust serve --authority ca/ --print-authority          caBundle for the webhook's configuration
  mistrust serve --policies new/ --authority ca/ --dry-run  nothing is denied; what would be is a warning

exit codes: 0 ended by a signal   2 usage   3 certificates or policies were not understood
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `mistrust serve`."""
    parser.add_argument("--policies", metavar="DIR", help="the folder of policies; followed")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (%(default)s)")  # noqa: S104
    parser.add_argument("--port", type=int, default=8443, help="for reviews (%(default)s)")
    parser.add_argument("--health-port", type=int, default=8080, help="for health and metrics (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (%(default)s)")
    tls = parser.add_argument_group("certificates")
    tls.add_argument("--tls-cert", metavar="FILE", help="certificate, read again when it changes")
    tls.add_argument("--tls-key", metavar="FILE", help="its key")
    tls.add_argument("--authority", metavar="DIR", help="sign our own by DIR/ca.crt and DIR/ca.key; made if missing")
    tls.add_argument("--name", action="append", default=[], help="host name or address of our own (localhost)")
    tls.add_argument("--print-authority", action="store_true", help="print ca.crt in base64, for caBundle, and end")
    tls.add_argument("--client-ca", metavar="FILE", help="who asks must have a certificate of these authorities")
    rules = parser.add_argument_group("decisions")
    rules.add_argument("--dry-run", action="store_true", help="deny nothing; what would be denied is a warning")
    rules.add_argument(
        "--exempt-namespace",
        action="append",
        metavar="NS",
        help="objects in it are always let in (kube-system, and our own: POD_NAMESPACE); none: --exempt-namespace ''",
    )
    rules.add_argument("--break-glass", metavar="FILE", help="who is not denied, until when and why; followed")
    rules.add_argument("--budget", type=float, default=1.0, metavar="S", help="seconds for one review (%(default)s)")
    rules.add_argument("--log", choices=("all", "findings", "none"), default="findings", help="reviews to log")
    rules.add_argument("--record", metavar="FILE", help="keep reviews for mistrust policy replay")
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument("--cluster", action="store_true", help="know Namespaces from the API server")
    cluster.add_argument("--context", metavar="NAME", help="the same, by this kubeconfig context")
    cluster.add_argument("--kubeconfig", metavar="FILE", help="kubeconfig file, as kubectl reads it")
    end = parser.add_argument_group("end")
    end.add_argument("--linger", type=float, default=5.0, metavar="S", help="seconds to go on after SIGTERM (5)")
    end.add_argument("--drain", type=float, default=15.0, metavar="S", help="seconds for open requests (15)")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM. Raises `Error` for what cannot be served."""
    from mistrust.kube.errors import UsageError
    from mistrust.serve.limits import Limits
    from mistrust.serve.run import run as serve
    from mistrust.serve.worker import Settings

    authority = _authority(args)
    if args.print_authority:
        return _print(authority)
    if not args.policies or not Path(args.policies).is_dir():
        raise UsageError("no policies", got=args.policies or "", wanted="--policies DIR")
    if args.workers < 1 or args.budget <= 0:
        raise UsageError("--workers and --budget are positive")
    if args.client_ca and not Path(args.client_ca).is_file():
        raise UsageError("no such file", where=args.client_ca)
    exempt = args.exempt_namespace
    if exempt is None:
        exempt = ["kube-system", os.environ.get("POD_NAMESPACE", "")]
    return serve(
        Settings(
            policies=Path(args.policies),
            host=args.host,
            port=args.port,
            health_port=args.health_port,
            workers=args.workers,
            certificate=Path(args.tls_cert) if args.tls_cert else None,
            key=Path(args.tls_key) if args.tls_key else None,
            authority=authority,
            names=tuple(args.name or ["localhost"]),
            clients=Path(args.client_ca) if args.client_ca else None,
            break_glass=Path(args.break_glass) if args.break_glass else None,
            exempt=tuple(filter(None, exempt)),
            dry_run=args.dry_run,
            log=args.log,
            record=Path(args.record) if args.record else None,
            linger=args.linger,
            drain=args.drain,
            cluster=bool(args.cluster or args.context or args.kubeconfig),
            context=args.context,
            kubeconfig=Path(args.kubeconfig) if args.kubeconfig else None,
            limits=Limits(budget=args.budget),
        )
    )


def _authority(args: argparse.Namespace) -> Pair | None:
    """The authority to sign with; None where certificates are given. Certificates that are no good are told here."""
    from mistrust.kube.errors import UsageError
    from mistrust.serve.certificates import authority, given

    if bool(args.tls_cert) is not bool(args.tls_key) or bool(args.tls_cert) is bool(args.authority):
        raise UsageError("no certificates", wanted="--tls-cert and --tls-key, or --authority")
    if args.authority:
        return authority(Path(args.authority))
    given(Path(args.tls_cert), Path(args.tls_key))
    return None


def _print(authority: Pair | None) -> int:
    import base64
    import sys

    from mistrust.kube.errors import UsageError

    if authority is None:
        raise UsageError("no authority of our own", wanted="--authority DIR")
    sys.stdout.write(base64.b64encode(authority.certificate).decode() + "\n")
    return 0
