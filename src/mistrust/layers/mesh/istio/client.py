"""What a client sends: mutual TLS, HBONE, TLS of its own or plaintext, for each way to dial a server.

Sources: pilot/pkg/networking/core/cluster_tls.go (`buildUpstreamTLSSettings`, `applyUpstreamTLSSettings`,
`applyHBONETransportSocketMatches`), pilot/pkg/model/push_context.go (`BestEffortInferServiceMTLSMode`),
pilot/pkg/xds/endpoints/mtls_checker.go.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from enum import StrEnum
from ipaddress import ip_address, ip_network

import msgspec

from mistrust.access.evidence import Evidence
from mistrust.kube.istio import ClientTLS
from mistrust.layers.mesh.istio.capture import Side
from mistrust.layers.mesh.istio.hosts import Via
from mistrust.layers.mesh.istio.rules import Merged, Setting, settings
from mistrust.layers.mesh.istio.scopes import Known
from mistrust.layers.mesh.istio.server import Mode, Served
from mistrust.layers.mesh.member import Kind

CONFIG_MAP = "configmap://"
INVALID = "invalid://"
HBONE_UNKNOWN = "whether sidecars speak HBONE (ISTIO_META_ENABLE_HBONE in the settings of the mesh)"


class Wire(StrEnum):
    """What leaves the client's pod."""

    MUTUAL = "mutual"
    """Mutual TLS between proxies, with the mesh's identities."""
    HBONE = "hbone"
    """The same in ambient's tunnel."""
    TLS = "tls"
    """TLS by a DestinationRule, with certificates that are not the mesh's."""
    PLAIN = "plain"
    """What the application sends, as it is."""
    NOTHING = "nothing"
    """The client's proxy refuses to send."""
    UNKNOWN = "unknown"


class Way(msgspec.Struct, frozen=True, gc=False):
    """One thing that a client may do."""

    wire: Wire
    because: str
    decided_by: tuple[Evidence, ...] = ()
    unknown: tuple[str, ...] = ()
    certificate: bool = False
    """Of TLS: does the client present a certificate of its own?"""


class Client(msgspec.Struct, frozen=True):
    """All that decides what an endpoint sends."""

    kind: Kind
    namespace: str = ""
    labels: Mapping[str, str] = {}
    outbound: Side = Side()
    ranges: tuple[str, str] = ("*", "")
    """Addresses that its proxy carries, and those that pass it by."""
    hbone: bool | None = False
    """Does its proxy speak HBONE to servers in ambient? None: not known."""
    known: Known = Known()
    told: tuple[Evidence, ...] = ()
    """Its annotations about what its proxy carries."""


class Server(msgspec.Struct, frozen=True):
    """All that decides what clients send to an endpoint, its port aside."""

    kind: Kind
    labels: Mapping[str, str]
    tls_mode: str
    """The label `security.istio.io/tlsMode`: `istio` where the injector set it."""
    tunnel: bool | None
    """Does it take HBONE? None: not known."""


class Dialled(msgspec.Struct, frozen=True):
    """A way to the server, with what istiod knows of it."""

    via: Via
    merged: Merged | None
    """The DestinationRule that this client follows."""
    namespace: Served
    """What clients go by of its namespace."""
    whole: bool
    """Have all endpoints of the Service a sidecar?"""


def sends(
    client: Client, server: Server, port: int, mode: Mode, dialled: tuple[Dialled, ...], *, auto: bool
) -> Iterator[Way]:
    """What the client may send to one port of the server, where the server's own mode for it is `mode`.

    `dialled` are the ways that lead there. Where there is none, the client dials the pod itself.
    """
    match client.kind:
        case Kind.AMBIENT:
            yield _ztunnel(server)
        case Kind.SIDECAR | Kind.GATEWAY:
            shown = [d for d in dialled if client.known.sees(d.via, client.namespace)]
            for d in shown:
                yield from _through(client, server, mode, d, auto=auto)
            if not shown:
                yield _direct(client, port, seen=bool(dialled))
        case _:
            yield Way(Wire.PLAIN, "the client is not in this mesh")


def _ztunnel(server: Server) -> Way:
    """It knows every pod by its address; DestinationRules mean nothing to it."""
    if server.tunnel:
        return Way(Wire.HBONE, "the client's ztunnel sends HBONE")
    if server.tunnel is None:
        return Way(Wire.UNKNOWN, "the client is in ambient, the server has a sidecar", unknown=(HBONE_UNKNOWN,))
    if server.kind in (Kind.SIDECAR, Kind.GATEWAY):
        return Way(Wire.PLAIN, "the server's proxy takes no HBONE, so the client's ztunnel sends plaintext")
    return Way(Wire.PLAIN, "the server is in no mesh, so the client's ztunnel sends plaintext")


def _direct(client: Client, port: int, *, seen: bool) -> Way:
    if client.kind is Kind.GATEWAY:
        return Way(Wire.NOTHING, "a gateway sends only where its routes point, and no Service leads here")
    why = "the Services here are not shown to the client" if seen else "no Service leads to this port"
    if client.known.registry_only and port not in client.outbound:
        return Way(Wire.PLAIN, f"{why}, and port {port} is excluded from the client's proxy", client.told)
    if client.known.registry_only:
        return Way(Wire.NOTHING, f"{why}, and the client's proxy refuses what the mesh does not know")
    return Way(Wire.PLAIN, f"{why}, so the client's proxy passes it on as it is")


def _through(client: Client, server: Server, mode: Mode, d: Dialled, *, auto: bool) -> Iterator[Way]:
    if client.kind is Kind.SIDECAR and d.via.port not in client.outbound:
        because = f"port {d.via.port} of its Service is excluded from the client's proxy"
        yield Way(Wire.PLAIN, because, client.told)
        return
    outside = _passes_by(client, d.via)
    for setting in settings(d.merged, d.via.port, server.labels):
        way = _by_rule(client, server, mode, d, setting, auto=auto)
        if setting.subset:
            note = f"it applies where a VirtualService sends to subset {setting.subset}"
            way = msgspec.structs.replace(way, unknown=(*way.unknown, note))
        if outside and way.wire is not Wire.PLAIN:
            yield Way(Wire.UNKNOWN, outside, client.told, (outside,))
        else:
            yield way


def _by_rule(client: Client, server: Server, mode: Mode, d: Dialled, s: Setting, *, auto: bool) -> Way:
    found = _tls(client, s.tls, s) if s.tls is not None else _automatic(server, mode, d, s, auto=auto)
    if not server.tunnel:
        return found
    match client.hbone:
        case True:
            return Way(Wire.HBONE, "the client's proxy sends HBONE", found.decided_by)
        case None if found.wire is Wire.MUTUAL:
            return msgspec.structs.replace(found, unknown=(*found.unknown, HBONE_UNKNOWN))
        case None:
            return Way(Wire.UNKNOWN, "the server is in ambient", found.decided_by, (HBONE_UNKNOWN,))
        case _:
            return found


def _tls(client: Client, tls: ClientTLS, s: Setting) -> Way:
    match tls.mode or "DISABLE":
        case "DISABLE":
            return Way(Wire.PLAIN, "a DestinationRule switches TLS off", s.decided_by)
        case "ISTIO_MUTUAL":
            return Way(Wire.MUTUAL, "a DestinationRule asks for mutual TLS", s.decided_by)
        case "SIMPLE" | "MUTUAL":
            held = tls.credential_name
            if held and not held.startswith((CONFIG_MAP, INVALID)) and client.kind is Kind.SIDECAR and not s.selected:
                because = "sidecars ignore credentialName in a DestinationRule without workloadSelector: plaintext"
                return Way(Wire.PLAIN, because, s.decided_by)
            because = f"a DestinationRule asks for TLS of its own ({tls.mode})"
            if tls.insecure_skip_verify:
                because += " and does not verify the server"
            return Way(Wire.TLS, because, s.decided_by, certificate=tls.mode == "MUTUAL")
        case other:
            because = f"a DestinationRule has the TLS mode {other!r}, which Istio refuses"
            return Way(Wire.UNKNOWN, because, s.decided_by, (because,))


def _automatic(server: Server, mode: Mode, d: Dialled, s: Setting, *, auto: bool) -> Way:
    if d.via.external:
        return Way(Wire.PLAIN, "its ServiceEntry says that it is outside the mesh")
    if not auto:
        return Way(Wire.PLAIN, "automatic mutual TLS is switched off and no DestinationRule asks for it")
    passthrough = d.via.headless or s.passthrough
    if passthrough and not d.whole:
        return Way(Wire.PLAIN, "the Service is headless, and not all of its endpoints have a sidecar")
    if d.namespace.mode is Mode.DISABLE:
        because = "the PeerAuthentication for the Service's namespace switches mutual TLS off for its clients"
        return Way(Wire.PLAIN, because, d.namespace.decided_by)
    if passthrough:
        return Way(Wire.MUTUAL, "automatic mutual TLS: all endpoints of the headless Service have a sidecar")
    if s.told:
        return (
            Way(Wire.MUTUAL, "a DestinationRule asks for mutual TLS", s.decided_by)
            if s.told == "ISTIO_MUTUAL"
            else Way(Wire.PLAIN, f"a DestinationRule has mode {s.told} for its other ports", s.decided_by)
        )
    if server.kind is not Kind.SIDECAR or server.tls_mode != "istio":
        return Way(Wire.PLAIN, "the server has no sidecar")
    if mode is Mode.DISABLE:
        return Way(Wire.PLAIN, "the server's PeerAuthentication switches mutual TLS off")
    return Way(Wire.MUTUAL, "automatic mutual TLS")


def _passes_by(client: Client, via: Via) -> str:
    """Why traffic to this address may pass the client's proxy by; empty where it does not."""
    included, excluded = client.ranges
    if not client.outbound.ranges:
        return ""
    if not via.address:
        return "annotations exclude addresses from the client's proxy, and the address of the Service is not known"
    if _within(via.address, excluded) or not (included == "*" or _within(via.address, included)):
        return f"annotations exclude {via.address} from the client's proxy"
    return ""


def _within(address: str, ranges: str) -> bool:
    try:
        here = ip_address(address)
        return any(here in ip_network(r.strip(), strict=False) for r in ranges.split(",") if r.strip())
    except ValueError:
        return True  # not understood: it may be


def key(client: Client) -> Hashable:
    """What tells two clients apart, their names aside."""
    side = (client.outbound.every, client.outbound.included, client.outbound.excluded, client.outbound.ranges)
    return client.kind, side, client.ranges, client.hbone, client.known.key()
