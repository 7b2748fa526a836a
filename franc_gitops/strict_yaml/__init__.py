"""YAML, read strictly: every scalar is text, every fault has a place; also the stable dump.

The only room that knows the `yaml` library. `load` is fast and says only yes or no, `examine`
is asked when it said no and tells everything that is wrong and where. Both accept exactly
the same files and give the same values; `tests/test_strict_yaml.py` holds them to that.
"""

from __future__ import annotations

from franc_gitops.strict_yaml.dumping import dump, scalar
from franc_gitops.strict_yaml.editing import CannotEdit, add_field
from franc_gitops.strict_yaml.examination import examine
from franc_gitops.strict_yaml.limits import Limits
from franc_gitops.strict_yaml.loading import Refused, load
from franc_gitops.strict_yaml.places import Examination, Fault, PlacedDocument, field_path

__all__ = [
    "CannotEdit",
    "Examination",
    "Fault",
    "Limits",
    "PlacedDocument",
    "Refused",
    "add_field",
    "dump",
    "examine",
    "field_path",
    "load",
    "scalar",
]
