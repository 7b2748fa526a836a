"""Deploy a point of presence at a provider."""

from __future__ import annotations

from franc_gitops.kinds.fields import Text
from franc_gitops.kinds.kind import Kind

KIND = Kind(
    type="pop_deployment",
    title="PoP deployment",
    meaning="Deploy a point of presence.",
    request_prefix="pop_",
    event_prefix="pop_",
    topic="pop.deployment",
    own=(
        Text("pop_name", "Name of the point of presence.", "NYC-PoP-01"),
        Text("location", "Metro area or site of the point of presence.", "New York Metro"),
        Text("design_pattern", "Network design that is deployed.", "Hub-Spoke"),
        Text("provider", "Who houses the point of presence.", "Equinix"),
    ),
    example={
        "pop_name": "NYC-PoP-01",
        "location": "New York Metro",
        "design_pattern": "Hub-Spoke",
        "provider": "Equinix",
    },
    claims=(("pop_name",),),
)
