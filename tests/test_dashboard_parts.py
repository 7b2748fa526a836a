"""The dashboard's parts without a browser: links, files as text, numbers in words, charts."""

from __future__ import annotations

import pytest

from franc_gitops.daemon.dashboard.charts import latency, nice_top, throughput
from franc_gitops.daemon.dashboard.links import make_links
from franc_gitops.daemon.dashboard.source import LINES, listing
from franc_gitops.daemon.dashboard.words import duration, number, visible
from franc_gitops.daemon.history import Minute


@pytest.mark.parametrize(
    ("remote", "commit", "file"),
    [
        ("git@github.com:o/n.git", "https://github.com/o/n/commit/c", "/blob/c/sub/a%20b.yaml"),
        ("https://github.com/o/n", "https://github.com/o/n/commit/c", "/blob/c/sub/a%20b.yaml"),
        ("ssh://git@gitlab.example:2222/g/s/n.git", "https://gitlab.example/g/s/n/-/commit/c",
         "/-/blob/c/sub/a%20b.yaml"),
        ("https://me:hunter2@bitbucket.org/o/n.git", "https://bitbucket.org/o/n/commits/c",
         "/src/c/sub/a%20b.yaml"),
        ("http://git.example:3000/o/n/", "http://git.example:3000/o/n/commit/c",
         "/blob/c/sub/a%20b.yaml"),
    ],
)  # fmt: skip
def test_links_lead_to_the_host_of_the_remote(remote: str, commit: str, file: str) -> None:
    links = make_links("", remote, "sub/")
    assert links.commit("c") == commit
    assert links.file("c", "a b.yaml").endswith(file)
    assert "hunter2" not in links.file("c", "a b.yaml")


@pytest.mark.parametrize(
    "remote", ["", "/srv/git/n.git", "../n", "file:///srv/n", "javascript:alert(1)//", "C:\\n"]
)
def test_a_remote_that_is_no_web_host_gives_no_links(remote: str) -> None:
    assert make_links("", remote).commit("c") == ""


def test_the_setting_wins_and_escapes() -> None:
    remote = "git@github.com:o/n.git"
    links = make_links("https://x/{commit}?y", remote)
    assert links.commit('"><b>') == "https://x/%22%3E%3Cb%3E?y"
    assert links.file("c", "a") == ""
    assert make_links("", remote).commit("") == ""


def test_a_file_is_laid_out_whatever_its_bytes_are() -> None:
    problem = {"line": 2, "code": "X"}
    nowhere = {"line": 9, "code": "Y"}
    laid = listing(b"type: a\r\nb: \xff\x0bc\rd\n# e", [problem, nowhere])
    texts = ["".join(piece.text for piece in line.pieces) for line in laid.lines]
    assert texts == ["type: a", "b: \\xff\\x0bc", "d", "# e"]
    assert [line.number for line in laid.lines] == [1, 2, 3, 4]
    assert laid.lines[1].problems == (problem,)
    assert laid.elsewhere == (nowhere,)
    assert [piece.kind for piece in laid.lines[0].pieces] == ["key", "text"]
    assert laid.lines[3].pieces[0].kind == "comment"


def test_a_long_file_is_cut_and_says_so() -> None:
    laid = listing(b"a: b\n" * (LINES + 5), [])
    assert (len(laid.lines), laid.left_out) == (LINES, 5)
    assert listing(b"", []).lines == ()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0004, "0 ms"), (0.041, "41 ms"), (1.25, "1.2 s"), (59, "59 s"), (119, "119 s"),
     (180, "3 min"), (7200, "2 h"), (200_000, "2 d")],
)  # fmt: skip
def test_durations_are_said_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_numbers_and_hidden_characters_are_made_readable() -> None:
    assert number(1234567) == "1\u202f234\u202f567"
    assert visible("a\u202eb") == [(False, "a"), (True, "\\u202e"), (False, "b")]
    assert visible("") == []


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (0.3, 0.3), (0.99, 1), (1, 1), (7, 8), (9, 10), (13, 15), (801, 1000)]
)
def test_scales_end_at_round_numbers(most: float, top: float) -> None:
    assert nice_top(most) == pytest.approx(top)


def test_charts_keep_their_proportions() -> None:
    minutes = [Minute(60 * n) for n in range(58)]
    minutes += [Minute(3480, 5, 1, 0, 0.5, 2.0), Minute(3540, 10, 1, 0, 1.0, 1.0)]
    chart = throughput(minutes)
    assert chart.top == "10"
    assert [bar.height for bar in chart.bars] == [50, 100]
    assert [bar.title for bar in chart.bars] == [
        "1 min ago: 5 requests",
        "this minute: 10 requests",
    ]
    slow, quick = latency(minutes).bars
    assert (slow.height, slow.inner_height) == (100, 25)
    assert quick.height == quick.inner_height == 50
    assert latency([Minute(0)]).summary == "Nothing was published"
