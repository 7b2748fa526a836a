"""The status file of a plain ledger record, written without decoding it.

Nearly every record is plain: one request in its file, published once, completed by the
publisher, nothing in it that YAML would have to quote. Such a record is recognised as a whole
and its parts are put where `status_files.render` puts them: the same bytes, ten times as fast.
Everything else is left to `pipeline/project.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from franc_gitops import accept
from franc_gitops.status_files import HEADER
from franc_gitops.strict_yaml import scalar

_TIME = r"[0-9T:.-]+Z"
_TOPIC = r"[A-Za-z][A-Za-z0-9_-]*(?:\.[a-z]+)+"
_EVENT_ID = r"[a-z]+_[A-Za-z0-9_-]+"


def _event_pattern(event_type: str) -> str:
    return rf'\["({event_type})","({_EVENT_ID})","({_TOPIC})",([0-9]+),([0-9]+),"({_TIME})"\]'


_PLAIN = re.compile(
    r'\{"v":1,"documents":1,"blob":"[0-9a-f]+","path":"([A-Za-z][A-Za-z0-9_/-]*\.ya?ml)"'
    r',"document":1,"request_id":"([a-z]+_[A-Za-z0-9_-]+)","type":"([a-z]+_[a-z_]+)"'
    r',"change_number":"(CHG-[0-9-]+)","item":(?:null|"[a-z0-9-]+"),"revision":([0-9]+)'
    r',"digest":"(sha256:[0-9a-f]+)","commit":"([0-9a-f]*)"'
    r',"phase":"Completed","completion":"accept"'
    rf',"timestamp":"{_TIME}","cancel":null,"task":null,"warnings":\[\],"events":\['
    rf"{_event_pattern('[a-z]+_[a-z_]+')},{_event_pattern('task_status_update')}"
    rf",{_event_pattern('task_completion')}\](?:,\"status\":\"[0-9a-f]+\")?\}}"
).fullmatch


def render_plain(path: str | None, record: bytes, log_name: str) -> bytes | None:
    """Give the status file of the request file `path` for its record; None if it is not plain.

    Without a path it is that of the file that the request was published from.
    """
    found = _PLAIN(record.decode(errors="replace"))
    if found is None or (path is not None and found[1] != path):
        return None
    (
        path, request_id, kind, number, revision, digest, commit,
        type1, id1, topic1, part1, off1, time1,
        type2, id2, topic2, part2, off2, time2,
        type3, id3, topic3, part3, off3, time3,
    ) = found.groups()  # fmt: skip
    commit_text, message, log = _of_commit(commit, log_name)
    if log_name == "embedded":
        at1 = at2 = at3 = ""
    else:
        at1 = f", partition: {part1}, offset: {off1}"
        at2 = f", partition: {part2}, offset: {off2}"
        at3 = f", partition: {part3}, offset: {off3}"
    return (
        f"{HEADER}file: {path}\nphase: Completed\nrequests:\n"
        f"  - request_id: {request_id}\n    type: {kind}\n    change_number: {number}\n"
        f"    revision: {revision}\n    phase: Completed\n    message: {message}\n"
        f"    commit: {commit_text}\n    digest: {digest}\n    log: {log}\n    events:\n"
        f"      - {{event_type: {type1}, event_id: {id1}, topic: {topic1}{at1}"
        f', timestamp: "{time1}"}}\n'
        f"      - {{event_type: {type2}, event_id: {id2}, topic: {topic2}{at2}"
        f', timestamp: "{time2}"}}\n'
        f"      - {{event_type: {type3}, event_id: {id3}, topic: {topic3}{at3}"
        f', timestamp: "{time3}"}}\n'
        f"    task: {{status: completed, progress_percentage: 100, status_message: {_STATUS}"
        f", completion_status: completed, completion_message: {message}"
        f", result_data: {{validated: true, published: true, commit: {commit_text}"
        f", path: {path}, revision: {revision}}}, error_details: null, execution_duration: 0.0}}\n"
        "problems: []\n"
    ).encode()


_STATUS = scalar(accept.STATUS_MESSAGE, block=False)


@lru_cache(maxsize=1024)
def _of_commit(commit: str, log_name: str) -> tuple[str, str, str]:
    """Write what many records share: the commit, the message that names it, the log."""
    message = scalar(accept.completion_message(commit), block=False)
    return scalar(commit or None), message, scalar(log_name)
