"""File systems that others write to unseen: those of a network, or shared with another machine."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")

_SILENT = re.compile(
    r"nfs4?|cifs|smb3|smbfs|afs|ncpfs|coda|ceph|glusterfs|lustre|beegfs|gpfs|ocfs2|gfs2|davfs"
    r"|9p|virtiofs|vboxsf|vmhgfs|prl_fs|fuse(\..*)?|fuseblk|fakeowner|osxfs|grpcfuse"
)
"""File systems on which others write behind the kernel's back: other machines, or the host of a
virtual machine or container whose folder is mounted."""


def silent_file_system(place: Path, mounts: Path = _MOUNTS) -> str:
    """Give the type of a place's file system if it does not tell what others do, else nothing."""
    with suppress(OSError):
        kind = _kind_of(os.path.realpath(place), mounts.read_text(errors="surrogateescape"))
        return kind if _SILENT.fullmatch(kind) else ""
    return ""


def _kind_of(place: str, mounts: str) -> str:
    """Find the mount that a place is in: the last of those with the longest path."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        mount, _, rest = line.partition(" - ")
        point = _unescape(mount.split(" ")[4])
        if f"{place}/".startswith(f"{point.rstrip('/')}/") and len(point) >= best:
            best, kind = len(point), rest.split(" ")[0]
    return kind


def _unescape(path: str) -> str:
    """Give the path that mountinfo writes with octal escapes for blanks."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)
