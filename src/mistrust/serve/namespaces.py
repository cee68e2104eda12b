"""The Namespaces of a cluster, followed by a watch; one that is not known yet is asked for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import msgspec

from mistrust.admission.review import Object
from mistrust.cluster.client import Client
from mistrust.cluster.refusal import NotFoundError
from mistrust.kube.build import Plain
from mistrust.kube.errors import Error
from mistrust.serve.webhook import Namespaces

PATH = "/api/v1/namespaces"
PATIENCE = 2.0
"""Seconds for a Namespace that is asked for: a review is waiting."""
ASKING = 4
"""At once."""
AGAIN = 5.0
"""Seconds until the next attempt, where the server does not answer."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    uid: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class _Namespace(msgspec.Struct, frozen=True, rename="camel"):
    metadata: _Metadata

    def plain(self) -> Object:
        """As policies see it."""
        metadata: dict[str, Plain] = {
            "name": self.metadata.name,
            "uid": self.metadata.uid,
            "labels": dict(self.metadata.labels),
            "annotations": dict(self.metadata.annotations),
        }
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


class Followed(Namespaces):
    """What a thread has seen. While it sees nothing nothing is known, and each is asked for."""

    def __init__(self, client: Client, said: Callable[[str], None]) -> None:
        self._client, self._said = client, said
        self._known: dict[str, Object] = {}
        self._pool = ThreadPoolExecutor(ASKING, "namespace")
        threading.Thread(target=self._follow, name="namespaces", daemon=True).start()

    def known(self, name: str) -> Object | None:
        """As it is by the latest event."""
        return self._known.get(name)

    async def found(self, name: str) -> Object | None:
        """As the server shows it now; None where it does not say so soon."""
        asked = asyncio.get_running_loop().run_in_executor(self._pool, self._get, name)
        try:
            return await asyncio.wait_for(asked, PATIENCE)
        except TimeoutError:
            return None

    def _get(self, name: str) -> Object | None:
        try:
            return msgspec.json.decode(self._client.get(f"{PATH}/{quote(name, safe='')}"), type=_Namespace).plain()
        except NotFoundError:
            return None
        except (Error, msgspec.DecodeError) as error:
            self._said(str(error))
            return None

    def _follow(self) -> None:
        while True:
            try:
                self._once()
            except Exception as error:  # whatever it is, what was known may be old by now
                self._said(str(error))
            self._known = {}
            time.sleep(AGAIN)

    def _once(self) -> None:
        listed = self._client.list(PATH, _Namespace)
        self._known = {n.metadata.name: n.plain() for n in listed.items}
        for event in self._client.watch(PATH, _Namespace, listed.resource_version):
            if event.object is None:
                continue
            if event.type == "DELETED":
                self._known.pop(event.object.metadata.name, None)
            else:
                self._known[event.object.metadata.name] = event.object.plain()
