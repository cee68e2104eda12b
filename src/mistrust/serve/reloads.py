"""What may change while a server runs: looked at every second, compiled aside, and swapped as a whole."""

from __future__ import annotations

import asyncio
import datetime
import gc
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from mistrust.kube.errors import Error
from mistrust.serve import breakglass, folder
from mistrust.serve.certificates import Keeper
from mistrust.serve.log import Log
from mistrust.serve.metrics import CHANGED, ENTRIES, EXPIRES, FAILING, POLICIES, READY, RELOADS, Numbers
from mistrust.serve.webhook import Webhook


class Reloads:
    """Policies, break-glass entries and the certificate of one worker."""

    def __init__(
        self,
        webhook: Webhook,
        policies: Path,
        numbers: Numbers,
        log: Log,
        *,
        keeper: Keeper | None = None,
        break_glass: Path | None = None,
        every: float = 1.0,
    ) -> None:
        self._webhook, self._policies, self._numbers, self._log = webhook, policies, numbers, log
        self._keeper, self._break_glass, self._every = keeper, break_glass, every
        self._seen: folder.Signature | None = None
        self._tried: folder.Signature | None = None
        self._said: dict[str, str] = {}
        if keeper is not None:
            numbers.set(EXPIRES, keeper.pair.expires)

    async def forever(self) -> None:
        """Look again and again."""
        while True:
            await self.once()
            await asyncio.sleep(self._every)

    async def once(self) -> None:
        """Look once. Nothing is raised: what is no good is said, and the old stays."""
        await self._attempt("policies", self._reload_policies)
        if self._keeper is not None:
            await self._attempt("certificate", self._reload_certificate)
        if self._break_glass is not None:
            await self._attempt("break-glass", self._reload_entries)

    async def _attempt(self, what: str, reload: Callable[[], Awaitable[str | None]]) -> None:
        try:
            changed = await reload()
        except Error as error:
            self._refused(what, str(error))
        except Exception as error:  # a fault of ours must not end the looking
            self._refused(what, f"a fault: {type(error).__name__}: {error}")
        else:
            if changed is None:
                return
            self._said.pop(what, None)
            self._numbers.set(FAILING[what], 0)
            if changed:
                self._numbers.add(RELOADS[what, "changed"])
                self._log.event("changed", what=what, now=changed)

    def _refused(self, what: str, why: str) -> None:
        self._numbers.set(FAILING[what], 1)
        if self._said.get(what) != why:
            self._said[what] = why
            self._numbers.add(RELOADS[what, "refused"])
            self._log.event("refused", what=what, why=why)

    async def _reload_policies(self) -> str | None:
        """None where there was nothing to try: the same as before, or still being written."""
        try:
            found = await asyncio.to_thread(folder.signature, self._policies)
        except Error:
            self._tried = None  # it may come back as it was
            raise
        settled = found == self._seen or self._webhook.rules.policies is None
        self._seen = found
        if found == self._tried or not settled:
            return None
        self._tried = found
        made = await asyncio.to_thread(folder.load, self._policies)
        return self._take(made)

    def _take(self, made: folder.Set) -> str:
        new = made.digest != self._webhook.rules.digest
        several = made.policies.policies
        self._webhook.rules = msgspec.structs.replace(self._webhook.rules, policies=several, digest=made.digest)
        self._numbers.set(POLICIES, len(several))
        self._numbers.set(READY, 1)
        if new:
            self._numbers.set(CHANGED, time.time())
            gc.unfreeze()
            gc.collect()
            gc.freeze()  # compiled policies are for long: looking through them again costs milliseconds
        return f"{len(several)} policies, {made.digest}" if new else ""

    async def _reload_certificate(self) -> str:
        assert self._keeper is not None
        if not self._keeper.refresh():
            return ""
        self._numbers.set(EXPIRES, self._keeper.pair.expires)
        return f"until {datetime.datetime.fromtimestamp(self._keeper.pair.expires, datetime.UTC).isoformat()}"

    async def _reload_entries(self) -> str:
        assert self._break_glass is not None
        now = datetime.datetime.now(datetime.UTC)
        entries = await asyncio.to_thread(breakglass.load, self._break_glass, now)
        new = entries != self._webhook.rules.entries
        self._webhook.rules = msgspec.structs.replace(self._webhook.rules, entries=entries)
        self._numbers.set(ENTRIES, len(entries))
        return f"{len(entries)} entries" if new else ""
