"""The workspace, its members and groups, and the labels of activities."""

from __future__ import annotations

from kalbio._core.emulator.strict_json import Document
from kalbio.sandbox.calls import Call, Routes

routes = Routes()


@routes.operation("getActiveWorkspace")
def get_active_workspace(call: Call) -> Document:
    """The workspace the credentials belong to."""
    return call.store.need("workspace", call.store.workspace_id)


@routes.operation("listWorkspaceMembers")
def list_workspace_members(call: Call) -> list[Document]:
    """All members."""
    return call.store.all("user")


@routes.operation("listWorkspaceGroups")
def list_workspace_groups(call: Call) -> list[Document]:
    """All groups."""
    return call.store.all("group")


@routes.operation("listActivityLabels")
def list_activity_labels(call: Call) -> list[Document]:
    """All labels."""
    return call.store.all("label")
