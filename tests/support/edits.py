"""Every edit of a repository of requests, and what comes of it: data for tests and documentation.

Each function makes one edit in a real git repository, up to the job that is looked at; what
that job does stands above it. `tests/test_edits.py` tries all of them, `docs/edits.md` shows
them as tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.edited import (
    CANCELLATION,
    EDITS,
    OTHER,
    PUBLISHED,
    REQUEST,
    Outcome,
    edit,
    text,
)

if TYPE_CHECKING:
    from tests.support.edited import World

__all__ = ["EDITS"]

CANCELLED = text(cancel="ordered twice")
CHANGED = text(location="Boston")
RAISED = text(location="Boston", revision="2")
REFORMATTED = "# the same\n" + "".join(
    f'"{name}":   {value}  # as before\n' for name, value in reversed(REQUEST.items())
)


def published(world: World, **files: str) -> str:
    """Commit and publish request files, one called `a` if none is named; give the commit."""
    commit = world.commit({f"{name}.yaml": content for name, content in files.items()} or A)
    world.publish()
    return commit


A = {"a.yaml": text()}


# --- content ---------------------------------------------------------------------------------


@edit("Content", "a new request", *PUBLISHED)
def a_new_request(world: World) -> None:
    world.commit(A)


@edit("Content", "nothing", phase="Completed")
def nothing_is_edited(world: World) -> None:
    published(world)


@edit(
    "Content",
    "content changed, `revision` as it was",
    phase="Rejected",
    exit_code=1,
    codes="FRN401",
)
def content_changed(world: World) -> None:
    published(world)
    world.commit({"a.yaml": CHANGED})


@edit("Content", "content changed and taken back before a job ran")
def content_changed_and_back(world: World) -> None:
    published(world)
    world.commit({"a.yaml": CHANGED})
    world.commit(A)


@edit("Content", "held change taken back")
def held_change_taken_back(world: World) -> None:
    published(world)
    world.commit({"a.yaml": CHANGED})
    world.publish()
    world.commit(A)


@edit("Content", "content changed, `revision` raised by one", *PUBLISHED)
def revision_raised(world: World) -> None:
    published(world)
    world.commit({"a.yaml": RAISED})


@edit("Content", "content changed, `revision` raised by several", *PUBLISHED)
def revision_raised_by_several(world: World) -> None:
    published(world)
    world.commit({"a.yaml": text(location="Boston", revision="7")})


@edit("Content", "content as it was, `revision` raised", *PUBLISHED)
def revision_raised_alone(world: World) -> None:
    published(world)
    world.commit({"a.yaml": text(revision="2")})


@edit("Content", "first publication with a higher `revision`", *PUBLISHED)
def first_revision_is_5(world: World) -> None:
    world.commit({"a.yaml": text(revision="5")})


@edit(
    "Content",
    "`revision` lower than the published one",
    phase="Rejected",
    exit_code=1,
    codes="FRN402",
)
def revision_lowered(world: World) -> None:
    published(world, a=text(revision="3"))
    world.commit({"a.yaml": text(revision="2")})


@edit("Content", "only `not_before` or `not_after` set")
def window_set(world: World) -> None:
    published(world)
    world.commit({"a.yaml": text(not_before="2099-01-01T00:00:00Z")})


@edit("Content", "another `change_number`: that is another request", *PUBLISHED)
def change_number_changed(world: World) -> None:
    published(world)
    world.commit({"a.yaml": text(change_number="CHG-2024-000002")})


@edit(
    "Content",
    "another `type` or `item` of the completed change: another request, and a warning",
    *PUBLISHED,
    codes="FRN350",
)
def identity_changed(world: World) -> None:
    published(world)
    world.commit({"a.yaml": text(item="second")})


@edit(
    "Content",
    "a second new request for the same interface, data center or PoP: both are held",
    phase="Rejected",
    exit_code=1,
    codes="FRN302",
)
def second_request_for_the_same(world: World) -> None:
    world.commit({**A, "b.yaml": text(change_number="CHG-2024-000002")})


@edit("Content", "a published file made invalid", phase="Rejected", exit_code=1, codes="FRN202")
def published_file_made_invalid(world: World) -> None:
    published(world)
    world.commit({"a.yaml": text(locaton="Boston")})


# --- layout ----------------------------------------------------------------------------------


@edit("Layout", "comments, quotes, order of fields")
def reformatted(world: World) -> None:
    published(world)
    world.commit({"a.yaml": REFORMATTED})


@edit("Layout", "line endings: CRLF committed")
def line_endings(world: World) -> None:
    published(world)
    world.commit({"a.yaml": text().replace("\n", "\r\n")})


@edit("Layout", "`core.autocrlf`: the work tree has CRLF, read at the commit")
def autocrlf(world: World) -> None:
    published(world)
    world.leave_for_a_clone("--config=core.autocrlf=true")


@edit("Layout", "`core.autocrlf`: the work tree has CRLF, read with `--worktree`")
def autocrlf_in_the_work_tree(world: World) -> None:
    autocrlf(world)
    assert b"\r\n" in (world.clone.root / "requests/a.yaml").read_bytes()
    world.worktree = True


@edit("Layout", "file made executable")
def file_made_executable(world: World) -> None:
    published(world)
    world.git("update-index", "--chmod=+x", "requests/a.yaml")
    world.git("commit", "--quiet", "-m", "Edit")


# --- name ------------------------------------------------------------------------------------


@edit("Name and place", "file renamed")
def renamed(world: World) -> None:
    published(world)
    world.path = "b.yaml"
    world.commit({"a.yaml": None, "b.yaml": text()})


@edit("Name and place", "file moved to another folder and reformatted")
def moved_and_reformatted(world: World) -> None:
    published(world)
    world.path = "2024/july/b.yml"
    world.commit({"a.yaml": None, "2024/july/b.yml": REFORMATTED})


@edit("Name and place", "file renamed to a name beyond ASCII")
def renamed_beyond_ascii(world: World) -> None:
    published(world)
    world.path = "Zürich/Änderung 変更.yaml"
    world.commit({"a.yaml": None, world.path: text()})


@edit(
    "Name and place", "file renamed, content changed", phase="Rejected", exit_code=1, codes="FRN401"
)
def renamed_and_changed(world: World) -> None:
    published(world)
    world.path = "b.yaml"
    world.commit({"a.yaml": None, "b.yaml": CHANGED})


@edit("Name and place", "file renamed, content changed, `revision` raised", *PUBLISHED)
def renamed_and_raised(world: World) -> None:
    published(world)
    world.path = "b.yaml"
    world.commit({"a.yaml": None, "b.yaml": RAISED})


@edit("Name and place", "two files that swap their names")
def names_swapped(world: World) -> None:
    published(world, a=text(), b=OTHER)
    world.commit({"a.yaml": OTHER, "b.yaml": text()})


@edit("Name and place", "file replaced by a link to it elsewhere in the repository")
def replaced_by_a_link(world: World) -> None:
    published(world)
    world.clone.write("requests/a.yaml", None)
    world.clone.link("requests/a.yaml", "../templates/a.txt")
    world.clone.write("templates/a.txt", text())
    world.commit({})


@edit("Name and place", "the same, `revision` raised there", *PUBLISHED)
def raised_behind_a_link(world: World) -> None:
    replaced_by_a_link(world)
    world.commit({"../templates/a.txt": RAISED})


@edit(
    "Name and place",
    "byte for byte copy of a published file",
    phase="Rejected",
    exit_code=1,
    codes="FRN404",
)
def copied(world: World) -> None:
    published(world)
    world.path = "copy.yaml"
    world.commit({"copy.yaml": text()})


@edit(
    "Name and place",
    "copy of a published file, edited",
    phase="Rejected",
    exit_code=1,
    codes="FRN301",
)
def copied_and_edited(world: World) -> None:
    published(world)
    world.path = "copy.yaml"
    world.commit({"copy.yaml": RAISED})


@edit(
    "Name and place",
    "the same: status of the published file",
    exit_code=1,
    codes="FRN301",
)
def original_of_a_copy(world: World) -> None:
    copied_and_edited(world)
    world.path = "a.yaml"


@edit("Name and place", "copy of a published file under another change number", *PUBLISHED)
def copied_for_another_change(world: World) -> None:
    published(world)
    world.path = "copy.yaml"
    world.commit({"copy.yaml": text(change_number="CHG-2024-000002")})


@edit(
    "Name and place",
    "copy of a published file under another `item` of its completed change: a warning",
    *PUBLISHED,
    codes="FRN350",
)
def copied_for_another_request(world: World) -> None:
    published(world)
    world.path = "copy.yaml"
    world.commit({"copy.yaml": text(item="copy")})


# --- several documents -----------------------------------------------------------------------

BOTH = f"{text()}---\n{OTHER}"


@edit("Several requests in a file", "a request added to a published file", *PUBLISHED)
def document_added(world: World) -> None:
    published(world)
    world.commit({"a.yaml": BOTH})


@edit("Several requests in a file", "one of two finished requests removed from their file")
def document_removed(world: World) -> None:
    published(world, a=BOTH)
    world.commit({"a.yaml": OTHER})


@edit("Several requests in a file", "order changed")
def documents_reordered(world: World) -> None:
    published(world, a=BOTH)
    world.commit({"a.yaml": f"{OTHER}---\n{text()}"})


@edit("Several requests in a file", "a file split in two")
def split(world: World) -> None:
    published(world, a=BOTH)
    world.commit({"a.yaml": text(), "b.yaml": OTHER})


@edit("Several requests in a file", "a file split in two new ones, the old one deleted")
def split_into_new_files(world: World) -> None:
    published(world, a=BOTH)
    world.path = "b.yaml"
    world.commit({"a.yaml": None, "b.yaml": text(), "c.yaml": OTHER})


@edit(
    "Several requests in a file",
    "a file split in two, one part changed",
    phase="Rejected",
    exit_code=1,
    codes="FRN401",
)
def split_and_changed(world: World) -> None:
    published(world, a=BOTH)
    world.commit({"a.yaml": CHANGED, "b.yaml": OTHER})


@edit(
    "Several requests in a file", "a file split in two, one part with `revision` raised", *PUBLISHED
)
def split_and_raised(world: World) -> None:
    published(world, a=BOTH)
    world.commit({"a.yaml": RAISED, "b.yaml": OTHER})


@edit(
    "Several requests in a file",
    "a file split in two, its requests left in it as well",
    phase="Rejected",
    exit_code=1,
    codes="FRN301",
)
def split_by_copying(world: World) -> None:
    published(world, a=BOTH)
    world.path = "b.yaml"
    world.commit({"b.yaml": OTHER})


@edit("Several requests in a file", "two files joined")
def joined(world: World) -> None:
    published(world, a=text(), b=OTHER)
    world.commit({"a.yaml": BOTH, "b.yaml": None})


@edit("Several requests in a file", "two files joined, one of them not published yet", *PUBLISHED)
def joined_with_a_new_one(world: World) -> None:
    published(world)
    world.commit({"b.yaml": OTHER})
    world.commit({"a.yaml": BOTH, "b.yaml": None})


@edit(
    "Several requests in a file",
    "two new requests, one of them wrong",
    phase="Rejected",
    exit_code=1,
    codes="FRN201",
)
def one_of_two_is_wrong(world: World) -> None:
    world.commit({"a.yaml": f"{text()}---\n{text(item='x', location=None)}"})


# --- cancel ----------------------------------------------------------------------------------


@edit("Cancel", "`cancel: reason` added", *CANCELLATION, phase="Cancelled")
def cancelled(world: World) -> None:
    published(world)
    world.commit({"a.yaml": CANCELLED})


@edit("Cancel", "`cancel` added and content changed", *CANCELLATION, phase="Cancelled")
def cancelled_and_changed(world: World) -> None:
    published(world)
    world.commit({"a.yaml": text(cancel="wrong", location="Boston")})


@edit("Cancel", "`cancel` added, `revision` raised", *CANCELLATION, phase="Cancelled")
def cancelled_and_raised(world: World) -> None:
    published(world)
    world.commit({"a.yaml": text(cancel="wrong", revision="2")})


@edit(
    "Cancel",
    "`cancel` added, `revision` lower than the published one",
    phase="Rejected",
    exit_code=1,
    codes="FRN402",
)
def cancelled_and_lowered(world: World) -> None:
    published(world, a=text(revision="2"))
    world.commit({"a.yaml": CANCELLED})


@edit("Cancel", "file renamed, `cancel` added", *CANCELLATION, phase="Cancelled")
def cancelled_and_renamed(world: World) -> None:
    published(world)
    world.path = "b.yaml"
    world.commit({"a.yaml": None, "b.yaml": CANCELLED})


@edit("Cancel", "another reason, after the cancellation was published", phase="Cancelled")
def another_reason(world: World) -> None:
    cancelled(world)
    world.publish()
    world.commit({"a.yaml": text(cancel="for another reason")})


@edit(
    "Cancel",
    "`cancel` taken out after the cancellation was published",
    phase="Rejected",
    exit_code=1,
    codes="FRN405",
)
def cancel_taken_out(world: World) -> None:
    cancelled(world)
    world.publish()
    world.commit(A)


@edit("Cancel", "`cancel` taken out, `revision` raised", *PUBLISHED)
def cancel_taken_out_and_raised(world: World) -> None:
    cancelled(world)
    world.publish()
    world.commit({"a.yaml": text(revision="2")})


@edit(
    "Cancel",
    "cancelled, ordered again with a higher `revision`, cancelled again",
    *CANCELLATION,
    phase="Cancelled",
)
def cancelled_twice(world: World) -> None:
    cancel_taken_out_and_raised(world)
    world.publish()
    world.commit({"a.yaml": text(revision="2", cancel="again")})


@edit("Cancel", "`cancel` in a request that was never published", phase="Cancelled")
def cancelled_before_publication(world: World) -> None:
    world.commit({"a.yaml": CANCELLED})


@edit("Cancel", "`cancel` taken out of a request that was never published", *PUBLISHED)
def cancel_taken_out_before_publication(world: World) -> None:
    cancelled_before_publication(world)
    world.publish()
    world.commit(A)


# --- delete ----------------------------------------------------------------------------------


@edit("Delete", "file of a finished request deleted", phase="")
def deleted(world: World) -> None:
    published(world, a=text(), b=OTHER)
    world.commit({"a.yaml": None})


@edit("Delete", "file of a cancelled request deleted", phase="")
def deleted_after_a_cancellation(world: World) -> None:
    published(world, a=text(), b=OTHER)
    world.commit({"a.yaml": CANCELLED})
    world.publish()
    world.commit({"a.yaml": None})


@edit("Delete", "file of a request that was never published deleted", phase="")
def deleted_before_publication(world: World) -> None:
    published(world, b=OTHER)
    world.commit(A)
    world.commit({"a.yaml": None})


@edit("Delete", "file of a finished request brought back")
def brought_back(world: World) -> None:
    deleted(world)
    world.publish()
    world.commit(A)


@edit(
    "Delete", "file brought back with other content", phase="Rejected", exit_code=1, codes="FRN401"
)
def brought_back_changed(world: World) -> None:
    deleted(world)
    world.publish()
    world.commit({"a.yaml": CHANGED})


@edit(
    "Delete",
    "file of an unfinished request deleted (`completion: track`)",
    phase="Published",
    codes="FRN410",
)
def deleted_unfinished(world: World) -> None:
    world.completion = "track"
    deleted(world)


@edit(
    "Delete",
    "file of an unfinished request brought back with `cancel`",
    *CANCELLATION,
    phase="Cancelled",
)
def orphan_cancelled(world: World) -> None:
    deleted_unfinished(world)
    world.publish()
    world.commit({"a.yaml": CANCELLED})


# --- history ---------------------------------------------------------------------------------


@edit(
    "History", "`git revert` of a published revision", phase="Rejected", exit_code=1, codes="FRN402"
)
def reverted(world: World) -> None:
    published(world)
    published(world, a=RAISED)
    world.git("revert", "--no-edit", "HEAD")


@edit("History", "`git revert` of a change that was held")
def held_change_reverted(world: World) -> None:
    content_changed(world)
    world.publish()
    world.git("revert", "--no-edit", "HEAD")


@edit("History", "`git revert`, then `revision` raised above the published one", *PUBLISHED)
def reverted_and_raised(world: World) -> None:
    reverted(world)
    world.publish()
    world.commit({"a.yaml": text(revision="3")})


@edit("History", "several commits to one file before a job runs: the last one counts", *PUBLISHED)
def several_commits(world: World) -> None:
    world.commit(A)
    world.commit({"a.yaml": CHANGED})
    world.commit({"a.yaml": RAISED})


@edit("History", "squash merge of a branch", *PUBLISHED)
def squash_merged(world: World) -> None:
    published(world, b=OTHER)
    world.git("switch", "--quiet", "--create", "topic")
    world.commit(A)
    world.commit({"a.yaml": RAISED})
    world.git("switch", "--quiet", "main")
    world.git("merge", "--squash", "--quiet", "topic")
    world.git("commit", "--quiet", "-m", "Squashed")


@edit("History", "the branch merged as well, after its squash merge was published")
def merged_after_squash(world: World) -> None:
    squash_merged(world)
    world.publish()
    world.clone.merge("topic")


@edit("History", "merge of a branch that raises `revision`", *PUBLISHED)
def merged(world: World) -> None:
    published(world)
    world.git("switch", "--quiet", "--create", "topic")
    world.commit({"a.yaml": RAISED})
    world.git("switch", "--quiet", "main")
    world.commit({"b.yaml": text(item="b", cancel="not wanted")})
    world.clone.merge("topic")


def merge_of_two_branches(world: World, first: str, second: str) -> None:
    """Merge two branches: each adds the same request, in a file of that name."""
    world.commit({"other.yaml": OTHER})
    world.publish()
    for branch, name in (("first", first), ("second", second)):
        world.git("switch", "--quiet", "--create", branch, "main")
        world.commit({name: text()}, f"Add {name} on the {branch} branch")
    world.git("switch", "--quiet", "main")
    world.clone.merge("first")


@edit(
    "History",
    "merge of two branches that add the same request in two files",
    phase="Rejected",
    exit_code=1,
    codes="FRN301",
)
def both_branches_merged(world: World) -> None:
    merge_of_two_branches(world, "a.yaml", "b.yaml")
    world.clone.merge("second")


@edit(
    "History",
    "the same, the first one published before: status of the second",
    phase="Rejected",
    exit_code=1,
    codes="FRN404",
)
def second_branch_merged_later(world: World) -> None:
    merge_of_two_branches(world, "a.yaml", "b.yaml")
    world.publish()
    world.path = "b.yaml"
    world.clone.merge("second")


@edit(
    "History",
    "the same: status of the first",
    exit_code=1,
    codes="FRN404",
)
def first_branch_published_before(world: World) -> None:
    second_branch_merged_later(world)
    world.path = "a.yaml"


@edit("History", "merge of two branches that add the same file", *PUBLISHED)
def same_file_on_both_branches(world: World) -> None:
    merge_of_two_branches(world, "a.yaml", "a.yaml")
    world.clone.merge("second")


@edit("History", "published commits rebased: other ids, same content")
def rebased(world: World) -> None:
    world.commit({"other.yaml": OTHER})
    world.git("branch", "side")
    published(world)
    world.git("switch", "--quiet", "side")
    world.commit({"c.yaml": text(item="c", cancel="not wanted")})
    world.git("switch", "--quiet", "main")
    world.git("rebase", "--quiet", "side")


@edit("History", "published commit amended, content as it was")
def amended(world: World) -> None:
    published(world)
    world.git("commit", "--quiet", "--amend", "-m", "Say it better")


@edit("History", "force-push that drops the commit of a finished request", phase="")
def commit_dropped(world: World) -> None:
    published(world, b=OTHER)
    published(world)
    world.git("reset", "--quiet", "--hard", "HEAD~")


@edit(
    "History",
    "force-push back to before a published revision",
    phase="Rejected",
    exit_code=1,
    codes="FRN402",
)
def pushed_back(world: World) -> None:
    published(world)
    published(world, a=RAISED)
    world.git("reset", "--quiet", "--hard", "HEAD~")


@edit("History", "the same in a new clone", phase="Rejected", exit_code=1, codes="FRN402")
def pushed_back_in_a_new_clone(world: World) -> None:
    pushed_back(world)
    world.leave_for_a_clone()


@edit(
    "History",
    "force-push back to a commit with `cancel`, in a clone that still has the later ones",
    phase="Rejected",
    exit_code=1,
    codes="FRN406",
)
def pushed_back_to_a_cancel(world: World) -> None:
    world.commit(A)
    world.commit({"a.yaml": CANCELLED})
    published(world, a=text())
    world.git("reset", "--quiet", "--hard", "HEAD~")


@edit("History", "the same, with a commit of any kind on top", *CANCELLATION, phase="Cancelled")
def pushed_back_to_a_cancel_and_on(world: World) -> None:
    pushed_back_to_a_cancel(world)
    world.publish()
    world.commit({})


@edit("History", "three merges while no job ran, then one job", *(PUBLISHED * 3))
def three_merges_one_job(world: World) -> None:
    published(world, z=OTHER)
    for name in "cba":
        world.git("switch", "--quiet", "--create", name)
        world.commit({f"{name}.yaml": text(item=name, dc_name=f"NYC-DC-{name}")})
        world.git("switch", "--quiet", "main")
        world.clone.merge(name)


# --- clones ----------------------------------------------------------------------------------


@edit("Clones", "shallow clone of what is published")
def shallow_clone(world: World) -> None:
    published(world)
    published(world, a=RAISED)
    world.leave_for_a_clone("--depth=1")


@edit("Clones", "`revision` raised, in a shallow clone", *PUBLISHED)
def raised_in_a_shallow_clone(world: World) -> None:
    published(world)
    world.commit({"a.yaml": RAISED})
    world.leave_for_a_clone("--depth=1")


@edit("Clones", "`cancel` added, in a shallow clone", *CANCELLATION, phase="Cancelled")
def cancelled_in_a_shallow_clone(world: World) -> None:
    published(world)
    world.commit({"a.yaml": CANCELLED})
    world.leave_for_a_clone("--depth=1")


@edit("Clones", "clone without blobs (`--filter=blob:none`)")
def partial_clone(world: World) -> None:
    published(world)
    world.clone.git("config", "uploadpack.allowFilter", "true")
    world.leave_for_a_clone("--filter=blob:none")


@edit(
    "Clones",
    "clone without status files and without `.franc/`: nothing is known (embedded log)",
    *PUBLISHED,
)
def event_log_forgotten(world: World) -> None:
    published(world)
    world.leave_for_a_clone()
    for file in (world.clone.root / ".franc").iterdir():
        file.unlink()


@edit("Clones", "linked work tree (`git worktree add`)", *PUBLISHED)
def linked_work_tree(world: World) -> None:
    published(world)
    world.commit({"a.yaml": RAISED})
    world.go_to_a_work_tree()


@edit("Clones", "a submodule below `requests/`, with requests of its own")
def submodule(world: World) -> None:
    published(world)
    world.add_submodule("requests/theirs", {"requests/x.yaml": OTHER, "x.yaml": OTHER})


# --- late jobs -------------------------------------------------------------------------------


@edit("A job of an older commit that runs late", "the newer one raised `revision`")
def late_job_before_a_revision(world: World) -> None:
    world.revision = published(world)
    published_at_head(world, a=RAISED)


def published_at_head(world: World, **files: str) -> None:
    """Publish at the newest commit, whatever commit the job to be looked at is of."""
    revision, world.revision = world.revision, "HEAD"
    published(world, **files)
    world.revision = revision


@edit(
    "A job of an older commit that runs late",
    "the older one has the higher `revision`, never published",
)
def late_job_of_a_higher_revision(world: World) -> None:
    world.commit(A)
    world.revision = world.commit({"a.yaml": RAISED})
    published_at_head(world, a=text())


@edit(
    "A job of an older commit that runs late",
    "the older one has a `cancel` that was taken out before the first publication",
)
def late_job_with_cancel(world: World) -> None:
    world.commit(A)
    world.revision = world.commit({"a.yaml": CANCELLED})
    published_at_head(world, a=text())


@edit(
    "A job of an older commit that runs late",
    "the same in a shallow clone",
    phase="Rejected",
    exit_code=1,
    codes="FRN406",
)
def late_job_with_cancel_in_a_shallow_clone(world: World) -> None:
    late_job_with_cancel(world)
    world.git("branch", "old", world.revision)
    world.revision = "HEAD"
    world.leave_for_a_clone("--depth=1", "--branch=old")


@edit(
    "A job of an older commit that runs late",
    "the same behind a link: the `cancel` was in the file that the link leads to",
)
def late_job_with_cancel_behind_a_link(world: World) -> None:
    world.clone.link("requests/a.yaml", "../templates/a.txt")
    world.commit({"../templates/a.txt": text()})
    older = world.commit({"../templates/a.txt": CANCELLED})
    world.commit({"../templates/a.txt": text()})
    world.publish()
    world.revision = older


@edit(
    "A job of an older commit that runs late",
    "the newer one raised `revision` in the file that a link leads to",
)
def late_job_before_a_revision_behind_a_link(world: World) -> None:
    world.clone.link("requests/a.yaml", "../templates/a.txt")
    older = world.commit({"../templates/a.txt": text()})
    world.publish()
    world.commit({"../templates/a.txt": RAISED})
    world.publish()
    world.revision = older


@edit("A job of an older commit that runs late", "the newer one cancelled", phase="Cancelled")
def late_job_before_a_cancellation(world: World) -> None:
    world.revision = published(world)
    published_at_head(world, a=CANCELLED)


@edit(
    "A job of an older commit that runs late",
    "the newer one renamed the file and raised `revision`",
)
def late_job_before_a_rename(world: World) -> None:
    world.revision = published(world)
    world.commit({"a.yaml": None})
    published_at_head(world, b=RAISED)


@edit(
    "A job of an older commit that runs late",
    "the newer one added an unfinished request (`completion: track`)",
    phase="Published",
)
def late_job_before_an_addition(world: World) -> None:
    world.completion = "track"
    world.revision = published(world)
    published_at_head(world, b=OTHER)


@edit(
    "A job of an older commit that runs late",
    "of a request that only the older one has, and that was never published",
    *PUBLISHED,
)
def late_job_of_a_deleted_request(world: World) -> None:
    published(world, b=OTHER)
    world.revision = world.commit(A)
    world.commit({"a.yaml": None})


@edit(
    "A job of an older commit that runs late",
    "it also had something to send; then the newest commit takes the newer content back",
    phase="Rejected",
    exit_code=1,
    codes="FRN402",
)
def late_job_that_sends(world: World) -> None:
    published(world)
    world.revision = world.commit({"a.yaml": REFORMATTED, "b.yaml": OTHER})
    world.commit({"b.yaml": None})
    published_at_head(world, a=RAISED)
    assert world.publish() == Outcome(PUBLISHED)
    world.revision = "HEAD"
    world.commit({"a.yaml": REFORMATTED})


# What leaves no trace in the ledger: no late job can know of it.

UNSEEN = "A job of an older commit that runs late, where the newer one left no trace in the ledger"


def late_and_unseen(world: World, older: str, newer: str | None) -> None:
    """Let a job of the newer commit run first, which records nothing, then that of the older."""
    world.revision = world.commit({"a.yaml": older})
    world.commit({"a.yaml": newer})
    revision, world.revision = world.revision, "HEAD"
    assert not world.publish().events
    world.revision = revision


def then_the_newest(world: World) -> None:
    """Let the late job run, and look at the next one of the newest commit."""
    assert world.publish() == Outcome(PUBLISHED)
    world.revision = "HEAD"


@edit(UNSEEN, "the newer one deleted a request that was never published", *PUBLISHED)
def late_job_before_a_deletion(world: World) -> None:
    late_and_unseen(world, text(), None)


@edit(
    UNSEEN,
    "the newer one cancelled a request that was never published; then its own next job",
    *CANCELLATION,
    phase="Cancelled",
)
def newest_job_after_an_early_cancellation(world: World) -> None:
    late_and_unseen(world, text(), CANCELLED)
    then_the_newest(world)


@edit(UNSEEN, "the newer one holds what was never published: `not_before`, a freeze", *PUBLISHED)
def late_job_before_a_window(world: World) -> None:
    late_and_unseen(world, text(), text(not_before="2999-01-01T00:00:00Z"))


@edit(UNSEEN, "the newer one has an error in a file that was never published", *PUBLISHED)
def late_job_before_an_error(world: World) -> None:
    late_and_unseen(world, text(), text(nonsense="1"))


@edit(UNSEEN, "the newer one took a raised `revision` back before it was published", *PUBLISHED)
def late_job_before_an_edit_was_taken_back(world: World) -> None:
    published(world)
    late_and_unseen(world, RAISED, text())


@edit(
    UNSEEN,
    "the same; then the next job of the newest commit",
    phase="Rejected",
    exit_code=1,
    codes="FRN402",
)
def newest_job_after_an_edit_was_taken_back(world: World) -> None:
    late_job_before_an_edit_was_taken_back(world)
    then_the_newest(world)


@edit(
    UNSEEN,
    "the newer one took a `cancel` out again before it was published",
    *CANCELLATION,
    phase="Cancelled",
)
def late_job_before_a_cancel_was_taken_out(world: World) -> None:
    published(world)
    late_and_unseen(world, CANCELLED, text())
