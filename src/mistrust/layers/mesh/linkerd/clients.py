"""Endpoints as clients: their names in the mesh and their addresses, as far as some authorization asks."""

from __future__ import annotations

from collections.abc import Mapping

from mistrust.access.match import Match
from mistrust.kube.endpoints import Endpoint
from mistrust.layers.mesh.linkerd.authorization import ANYBODY, Client, is_called
from mistrust.layers.mesh.linkerd.grid import Grid
from mistrust.layers.mesh.linkerd.membership import Member
from mistrust.layers.mesh.linkerd.policies import Policies
from mistrust.layers.mesh.linkerd.settings import Settings

Identities = Mapping[str, Match]
NOBODY: Identities = {}


class Clients:
    """Makes clients; what no authorization asks is left out, so that many endpoints are one client."""

    def __init__(self, settings: Settings, policies: Policies) -> None:
        self._settings = settings
        lists = {*policies.networks(), settings.networks, settings.probe_networks}
        self._grid = Grid(n for n in lists if n)
        self._asked: dict[str, list[str]] = {}
        """The identities that are asked for, by the namespace that they name; under "" those that name none."""
        for identity in sorted({*policies.identities(), ANYBODY}):
            self._asked.setdefault(self._namespace(identity), []).append(identity)
        self._called: dict[tuple[str, str], Identities] = {}
        self._same: dict[tuple[tuple[str, Match], ...], Identities] = {}

    def outside(self) -> Client:
        """Whoever is no endpoint: without a name, at an address that is not known."""
        return Client(False, NOBODY, self._grid.unknown("the client's address is not known"))

    def of(self, endpoint: Endpoint, member: Member) -> Client:
        """An endpoint. A pod without an address yet will have one of the cluster's networks."""
        if endpoint.addresses:
            networks = self._grid.of_any(endpoint.addresses)
        else:
            surely = () if endpoint.host_network else self._settings.networks
            networks = self._grid.unknown("the client has no address yet", surely)
        identities = NOBODY if member.meshed is False else self._identities(endpoint.account, endpoint.namespace)
        return Client(member.meshed, identities, networks, member.skip_outbound)

    def _identities(self, account: str, namespace: str) -> Identities:
        """The identities that are this account's; the same mapping for all accounts that nothing tells apart."""
        key = (account, namespace)
        if key not in self._called:
            s = self._settings
            found: list[tuple[str, Match]] = []
            for identity in (*self._asked.get("", ()), *self._asked.get(namespace, ())):
                match = is_called(identity, account, namespace, s.control_plane, s.trust_domain, sure=not s.assumed)
                if match is not False:
                    found.append((identity, match))
            self._called[key] = self._same.setdefault(tuple(found), dict(found))
        return self._called[key]

    def _namespace(self, identity: str) -> str:
        head, middle, _ = identity.partition(f".serviceaccount.identity.{self._settings.control_plane}.")
        return head.rpartition(".")[2] if middle and head != "*" else ""
