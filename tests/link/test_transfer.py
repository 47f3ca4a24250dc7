"""Files in chunks: whole, resumed, or refused."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.errors import InputError
from parascale.link.limits import CHUNK, IN_FLIGHT
from parascale.link.messages import FileInfo
from parascale.link.transfer import Receiver, Sender, check_files, describe_file, safe_name


def announce(*paths: Path) -> tuple[tuple[FileInfo, ...], Sender]:
    files = tuple((describe_file("video", path), path) for path in paths)
    return tuple(info for info, _ in files), Sender(files)


def carry(receiver: Receiver, sender: Sender, chunks: int = 10**9) -> int:
    """Answer what a receiver asks for, at most so many chunks; return how many were sent."""
    sent = 0
    while wanted := receiver.wanted():
        assert len(wanted) <= IN_FLIGHT
        for chunk in wanted:
            if sent == chunks:
                return sent
            receiver.take(chunk, sender.read(chunk))
            sent += 1
    return sent


def fill(path: Path, size: int, seed: int = 0) -> Path:
    path.write_bytes(hashlib.shake_256(str(seed).encode()).digest(size))
    return path


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 10 * CHUNK + 5])
def test_files_arrive_byte_for_byte(tmp_path: Path, size: int) -> None:
    source = fill(tmp_path / "clip.mp4", size)
    infos, sender = announce(source)
    receiver = Receiver(infos, tmp_path / "there")
    carry(receiver, sender)
    assert receiver.complete
    assert receiver.fraction == 1.0
    assert receiver.paths()[0].read_bytes() == source.read_bytes()
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["clip.mp4"]


def test_a_chunk_is_known_by_its_sha256(tmp_path: Path) -> None:
    source = fill(tmp_path / "a", CHUNK + 3)
    data = source.read_bytes()
    assert describe_file("video", source).chunks == (
        hashlib.sha256(data[:CHUNK]).hexdigest(),
        hashlib.sha256(data[CHUNK:]).hexdigest(),
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 13), st.integers(0, CHUNK))
def test_an_interrupted_file_goes_on_where_it_stopped(
    tmp_path_factory: pytest.TempPathFactory, before: int, torn: int
) -> None:
    folder = tmp_path_factory.mktemp("transfer")
    source = fill(folder / "clip.mp4", 12 * CHUNK + 9)
    infos, sender = announce(source)
    first = Receiver(infos, folder / "there")
    carry(first, sender, before)
    first.close()
    part = folder / "there" / "clip.mp4.part"
    if part.exists():  # the last write was torn by the kill
        os.truncate(part, max(0, part.stat().st_size - torn))
    again = Receiver(infos, folder / "there")
    assert carry(again, sender) <= 13 - before + (1 if torn else 0)
    assert (folder / "there" / "clip.mp4").read_bytes() == source.read_bytes()


def test_damage_in_a_half_file_is_found_and_mended(tmp_path: Path) -> None:
    source = fill(tmp_path / "clip.mp4", 6 * CHUNK)
    infos, sender = announce(source)
    first = Receiver(infos, tmp_path / "there")
    carry(first, sender, 5)
    first.close()
    with (tmp_path / "there" / "clip.mp4.part").open("r+b") as part:
        part.seek(2 * CHUNK + 17)
        part.write(b"?")
    again = Receiver(infos, tmp_path / "there")
    assert carry(again, sender) == 4
    assert again.paths()[0].read_bytes() == source.read_bytes()


def test_a_file_that_is_there_is_not_sent_again(tmp_path: Path) -> None:
    infos, sender = announce(fill(tmp_path / "a.png", CHUNK), fill(tmp_path / "b.png", 2 * CHUNK, 1))
    carry(Receiver(infos, tmp_path / "there"), sender)
    assert carry(Receiver(infos, tmp_path / "there"), sender) == 0


def test_another_file_of_that_name_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    infos, sender = announce(fill(tmp_path / "a.mp4", 3 * CHUNK))
    older = tmp_path / "there" / "a.mp4"
    older.parent.mkdir()
    older.write_bytes(b"o" * (3 * CHUNK))
    receiver = Receiver(infos, tmp_path / "there")
    carry(receiver, sender, 2)
    assert older.read_bytes() == b"o" * (3 * CHUNK)
    receiver.ask_again()
    carry(receiver, sender)
    assert older.read_bytes() == (tmp_path / "a.mp4").read_bytes()


def test_a_new_connection_loses_what_was_on_the_way(tmp_path: Path) -> None:
    infos, sender = announce(fill(tmp_path / "a", 20 * CHUNK))
    receiver = Receiver(infos, tmp_path / "there")
    lost = receiver.wanted()
    assert len(lost) == IN_FLIGHT
    assert receiver.wanted() == []
    receiver.ask_again()
    assert receiver.wanted() == lost
    receiver.take(lost[0], sender.read(lost[0]))
    receiver.take(lost[0], sender.read(lost[0]))  # the late twin is dropped
    receiver.ask_again()
    carry(receiver, sender)
    assert receiver.paths()[0].read_bytes() == (tmp_path / "a").read_bytes()


def test_a_file_that_changes_under_way_is_refused(tmp_path: Path) -> None:
    source = fill(tmp_path / "a", 4 * CHUNK)
    infos, sender = announce(source)
    receiver = Receiver(infos, tmp_path / "there")
    carry(receiver, sender, 2)
    fill(source, 4 * CHUNK, seed=2)
    receiver.ask_again()
    with pytest.raises(InputError, match="changed while it was sent"):
        carry(receiver, sender)
    assert not (tmp_path / "there" / "a").exists()


def test_a_file_that_vanishes_is_refused(tmp_path: Path) -> None:
    source = fill(tmp_path / "a", CHUNK)
    infos, sender = announce(source)
    source.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        sender.read(infos[0].chunks[0])


def test_only_announced_chunks_are_given_out(tmp_path: Path) -> None:
    _, sender = announce(fill(tmp_path / "a", CHUNK))
    with pytest.raises(InputError, match="no file of this job"):
        sender.read("0" * 64)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../a",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "C:a",
        "a\0b",
        ".hidden",
        "a.part",
        "a.",
        "a ",
        "a" * 200,
        "-a",
    ],
)
def test_names_that_leave_their_folder_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="no name for a file"):
        check_files([FileInfo("video", name, 0, ())])


@pytest.mark.parametrize(
    "info",
    [
        FileInfo("video", "a", -1, ()),
        FileInfo("video", "a", 1, ()),
        FileInfo("video", "a", 0, ("0" * 64,)),
        FileInfo("video", "a", 2**62, ("0" * 64,)),
        FileInfo("video", "a", 1, ("0" * 63,)),
        FileInfo("video", "a", 1, ("G" * 64,)),
        FileInfo("../video", "a", 1, ("0" * 64,)),
    ],
)
def test_headers_that_cannot_be_true_are_refused(info: FileInfo) -> None:
    with pytest.raises(InputError):
        check_files([info])


def test_names_must_differ_on_every_system() -> None:
    with pytest.raises(InputError, match="same name"):
        check_files([FileInfo("video", "A.png", 0, ()), FileInfo("video", "a.PNG", 0, ())])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=150))
def test_any_name_of_ours_is_made_one_that_travels(name: str) -> None:
    check_files([FileInfo("video", safe_name(name, "video"), 0, ())])


@pytest.mark.parametrize("name", ["frame 0001.png", "città-2.mp4", "solved.shot.json"])
def test_ordinary_names_stay(name: str) -> None:
    assert safe_name(name, "video") == name


def test_what_is_there_of_a_large_file_is_looked_at_in_small_pieces(tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(os.urandom(24 * CHUNK + 5))
    info = describe_file("reference", source)
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "clip.mp4.part").write_bytes(source.read_bytes()[: 20 * CHUNK + 3])
    receiver = Receiver([info], folder)
    looks = 0
    while not (wanted := receiver.wanted(0.0005)):
        assert receiver.is_looking
        looks += 1
    assert looks > 3
    assert not receiver.is_looking
    assert wanted == list(info.chunks[20:])
    for chunk in wanted:
        receiver.take(chunk, Sender([(info, source)]).read(chunk))
    assert receiver.wanted() == []
    assert receiver.complete
    assert (folder / "clip.mp4").read_bytes() == source.read_bytes()
    again = Receiver([info], folder)
    assert again.wanted(0.0) == []
    assert again.is_looking
    assert again.wanted() == []
    assert again.complete
