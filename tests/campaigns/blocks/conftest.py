from __future__ import annotations

from collections.abc import Callable

import pytest

from campaigns.blocks import editing
from campaigns.models import Block
from tenants.models import Tenant, User


@pytest.fixture
def make_block(tenant: Tenant, owner: User) -> Callable[..., Block]:
    def make(text: str = "<p>Old</p>", *, name: str = "footer", of: Tenant = tenant) -> Block:
        return editing.add(tenant=of, actor=owner, name=name, text=text)

    return make
