"""A file uploaded, and one that was run with its guessed columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audiences import tasks
from audiences.imports import lifecycle, mapping
from audiences.imports.mapping import Target
from audiences.models import Import
from tenants.models import Tenant, User


@pytest.fixture(autouse=True)
def files(tmp_path: Path, settings: Any) -> Path:
    """Uploads of a test lie in its own folder."""
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = settings.STORAGES | {"default": storage}
    return tmp_path


@pytest.fixture
def uploaded(tenant: Tenant, owner: User) -> Callable[..., Import]:
    def upload(content: str | bytes, name: str = "people.csv") -> Import:
        data = content.encode() if isinstance(content, str) else content
        return lifecycle.upload(tenant=tenant, file=SimpleUploadedFile(name, data), actor=owner)

    return upload


@pytest.fixture
def stored(uploaded: Callable[..., Import], owner: User) -> Callable[..., Import]:
    """Upload with the guessed columns, or those given, and run for good."""

    def run(content: str | bytes, *, is_dry_run: bool = False, **columns: Target) -> Import:
        made = uploaded(content)
        guessed = mapping.loaded(made.mapping) | columns
        lifecycle.start(import_=made, columns=guessed, is_dry_run=is_dry_run, actor=owner)
        tasks.run_import(made.pk)
        made.refresh_from_db()
        return made

    return run
