"""Whom external ids meant the last time: a memory of this process, which saves the database most of the asking.

Others may have changed it since. The person's row tells, once it is locked: whoever lives and bears that external id is
who it means. An id that its person does not bear, as one of several or since a merge, is asked for each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from audiences.ingest.calls import EXTERNAL_ID, Key

MOST = 100_000  # external ids, of some 150 bytes each

_profile_ids: defaultdict[int, dict[str, int]] = defaultdict(dict)  # by tenant and external id


def recall(tenant_id: int, keys: Iterable[Key]) -> dict[Key, int]:
    """Return the profile ids that some of these identities meant, for those that are remembered."""
    known = _profile_ids.get(tenant_id, {}).get
    return {key: id_ for key in keys if key[0] == EXTERNAL_ID and (id_ := known(key[1]))}


def learn(tenant_id: int, external_ids: Iterable[tuple[int, str | None]]) -> None:
    """Remember living people, each given as (profile id, external id)."""
    if sum(map(len, list(_profile_ids.values()))) >= MOST:
        forget_all()
    _profile_ids[tenant_id].update({external: id_ for id_, external in external_ids if external})


def forget(tenant_id: int, keys: Iterable[Key]) -> None:
    """Forget what was wrong about some identities."""
    for _, external_id in keys:
        _profile_ids[tenant_id].pop(external_id, None)


def forget_all() -> None:
    """Begin anew: with the next call, everybody is asked for."""
    _profile_ids.clear()
