"""Deploy a data center by a design pattern."""

from __future__ import annotations

from franc_gitops.kinds.fields import Text
from franc_gitops.kinds.kind import Kind

KIND = Kind(
    type="datacenter_deployment",
    title="Data center deployment",
    meaning="Deploy a data center.",
    request_prefix="datacenter_",
    event_prefix="dc_",
    topic="datacenter.deployment",
    own=(
        Text("dc_name", "Name of the data center.", "NYC-DC-01"),
        Text("location", "Metro area or site of the data center.", "New York Metro"),
        Text("design_pattern", "Network design that is deployed.", "Spine-Leaf"),
    ),
    example={
        "dc_name": "NYC-DC-01",
        "location": "New York Metro",
        "design_pattern": "Spine-Leaf",
    },
    claims=(("dc_name",),),
)
