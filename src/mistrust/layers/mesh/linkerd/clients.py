"""Endpoints as clients: their names in the mesh and their addresses, as far as some authorization asks."""

from __future__ import annotations

from collections.abc import Mapping

from mistrust.kube.endpoints import Endpoint
from mistrust.layers.mesh.linkerd.authorization import ANYBODY, Client, is_called
from mistrust.layers.mesh.linkerd.grid import Grid
from mistrust.layers.mesh.linkerd.match import Match
from mistrust.layers.mesh.linkerd.membership import Member
from mistrust.layers.mesh.linkerd.policies import Policies
from mistrust.layers.mesh.linkerd.settings import Settings


class Clients:
    """Makes clients; what no authorization asks is left out, so that many endpoints are one client."""

    def __init__(self, settings: Settings, policies: Policies) -> None:
        self._settings = settings
        lists = {*policies.networks(), settings.networks, settings.probe_networks}
        self._grid = Grid(n for n in lists if n)
        self._names = sorted({*policies.identities(), ANYBODY})
        self._called: dict[tuple[str, str], Mapping[str, Match]] = {}

    def outside(self) -> Client:
        """Whoever is no endpoint: without a name, at an address that is not known."""
        return Client(False, dict.fromkeys(self._names, False), self._grid.unknown("the client's address is not known"))

    def of(self, endpoint: Endpoint, member: Member) -> Client:
        """An endpoint. A pod without an address yet will have one of the cluster's networks."""
        if endpoint.addresses:
            networks = self._grid.of_any(endpoint.addresses)
        else:
            surely = () if endpoint.host_network else self._settings.networks
            networks = self._grid.unknown("the client has no address yet", surely)
        return Client(member.meshed, self._identities(endpoint, member), networks, member.skip_outbound)

    def _identities(self, endpoint: Endpoint, member: Member) -> Mapping[str, Match]:
        account = (endpoint.account, endpoint.namespace) if member.meshed is not False else ("", "")
        if account not in self._called:
            self._called[account] = {n: self._is(n, *account) if account[0] else False for n in self._names}
        return self._called[account]

    def _is(self, name: str, account: str, namespace: str) -> Match:
        s = self._settings
        return is_called(name, account, namespace, s.control_plane, s.trust_domain, sure=not s.assumed)
