"""What is wrong with one certificate: a table of questions, each answered with one clause or with nothing.

Times are seconds since 1970 UTC; who calls says which time it is.
"""

from __future__ import annotations

from collections.abc import Callable

from mistrust.layers.mesh.certificates.names import covered, public
from mistrust.layers.mesh.certificates.place import Use
from mistrust.layers.mesh.certificates.seen import Seen

DAY = 86_400
SOON = 30 * DAY
"""A certificate that ends within this time, or within the last quarter of its life where that is shorter, should have
been replaced: renewal, which comes at two thirds, has failed, or there is none."""
SOON_ROOT = 365 * DAY
"""A root takes long to replace: it must be everywhere before the first certificate under it is shown."""
LONGEST = 398 * DAY
"""Validity that public authorities may give (CA/Browser Forum, Baseline Requirements 6.3.2, until March 2026)."""
OVERDUE = 2 / 3
"""Share of an issuer's life after which it should have been rotated."""
OLD_DIGESTS = ("md5", "sha1")
DEMO = ("testrootca@istio.io", "Kubernetes Ingress Controller Fake Certificate", "TRAEFIK DEFAULT CERT")
"""What names the certificates of Istio's samples/certs, whose keys are public, and those of ingresses without one."""


def expired(seen: Seen, now: int) -> str:
    """Has it ended, or not yet begun?"""
    if seen.spare:
        return ""
    if seen.x509.ends < now:
        return f"ended on {seen.x509.until}"
    return "is not valid yet" if seen.x509.starts > now else ""


def expiring(seen: Seen, now: int) -> str:
    """Does it end soon?"""
    left = seen.x509.ends - now
    if seen.spare or not 0 <= left < margin(seen):
        return ""
    days = left // DAY
    return f"ends on {seen.x509.until}, in {days} {'day' if days == 1 else 'days'}"


def margin(seen: Seen) -> int:
    """How long before its end a certificate should have been replaced."""
    x = seen.x509
    root = seen.use is Use.MESH_ROOT or (seen.use is Use.MESH_ISSUER and x.self_signed)
    return SOON_ROOT if root else min(SOON, (x.ends - x.starts) // 4)


def overdue(seen: Seen, now: int) -> str:
    """Is the issuer of a mesh in the last third of its life, with nothing that follows it?"""
    x = seen.x509
    issues = seen.use is Use.MESH_ISSUER and seen.leaf and not x.self_signed
    if not issues or x.ends <= x.starts or x.ends - now < margin(seen):
        return ""
    lived = (now - x.starts) / (x.ends - x.starts)
    return f"has lived {lived:.0%} of its time, which ends on {x.until}" if lived > OVERDUE else ""


def weak_key(seen: Seen, _: int) -> str:
    """Can its key be broken?"""
    return f"has the weak key {seen.x509.key}" if seen.x509.weak_key else ""


def weak_signature(seen: Seen, _: int) -> str:
    """Could another certificate have its signature? What signs itself is trusted by being known, not by that."""
    x = seen.x509
    return f"is signed over {x.digest.upper()}" if x.digest in OLD_DIGESTS and not x.self_signed else ""


def wrong_name(seen: Seen, _: int) -> str:
    """Is it for something else than what it is shown for?"""
    x = seen.x509
    if not seen.leaf or not seen.use.serves or x.problem or not x.named:
        return ""
    missing = [e for e in seen.expected if not covered(e.host, x.names) and e.host not in x.addresses]
    if not missing:
        return ""
    hosts = ", ".join(dict.fromkeys(f"{e.host} ({e.whose})" for e in missing))
    return f"is not for {hosts}, but for {', '.join((*x.names, *x.addresses)[:3])}"


def no_name(seen: Seen, _: int) -> str:
    """Does it name nothing that it could be for? Clients stopped reading the subject for that."""
    x = seen.x509
    return "names no host" if seen.leaf and seen.use.serves and not x.problem and not x.named else ""


def authority(seen: Seen, _: int) -> str:
    """May the key that a server holds sign certificates for anything?"""
    x = seen.x509
    shown = seen.leaf and (seen.use.serves or seen.use is Use.CLIENT)
    return "may sign other certificates, and a server holds its key" if shown and x.ca and not _lonely(seen) else ""


def self_signed(seen: Seen, _: int) -> str:
    """Does nobody vouch for what is shown outside?"""
    more = " and may sign others" if seen.x509.ca else ""
    return f"is signed by itself{more}" if _lonely(seen) else ""


def long_lived(seen: Seen, _: int) -> str:
    """Is it valid for longer than public authorities may say?"""
    x = seen.x509
    hosts = [e.host for e in seen.expected if public(e.host)]
    if seen.use is not Use.DOOR or not seen.leaf or not hosts or x.self_signed or x.ends - x.starts <= LONGEST:
        return ""
    return f"is valid for {(x.ends - x.starts) // DAY} days, for {hosts[0]}"


def demo(seen: Seen, _: int) -> str:
    """Is it one whose key everybody has, or that stands in for one that is missing?"""
    x = seen.x509
    return "is a sample that comes with the software" if any(d in x.subject or d in x.issuer for d in DEMO) else ""


def _lonely(seen: Seen) -> bool:
    return seen.use is Use.DOOR and seen.leaf and seen.x509.self_signed


QUESTIONS: tuple[tuple[str, Callable[[Seen, int], str]], ...] = (
    ("mesh.certificate-expired", expired),
    ("mesh.certificate-expiring", expiring),
    ("mesh.certificate-rotation-overdue", overdue),
    ("mesh.certificate-weak-key", weak_key),
    ("mesh.certificate-weak-signature", weak_signature),
    ("mesh.certificate-wrong-name", wrong_name),
    ("mesh.certificate-no-name", no_name),
    ("mesh.certificate-authority-as-server", authority),
    ("mesh.certificate-self-signed", self_signed),
    ("mesh.certificate-long-lived", long_lived),
    ("mesh.certificate-demo", demo),
)
