"""Blocks, sources and the brand stay as they are while words are compiled with them and stored, or copied."""

from __future__ import annotations

from audiences import holding

LOCK = 7_113_004  # advisory, with the tenant's id


def hold(tenant_id: int, *, alone: bool = False) -> None:
    """Until this transaction ends, let nobody change what words are compiled with; ``alone``: nor compile or copy any.

    Taken before anything is read that is compiled with or copied, and before any content is written: whoever changes
    something finds all the words it concerns then, and two never wait for one another.
    """
    holding.hold(LOCK, tenant_id, alone=alone)
