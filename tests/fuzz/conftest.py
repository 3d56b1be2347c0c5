"""The stage that the ways have."""

from __future__ import annotations

from tests.ways.conftest import on_stage as on_stage
