"""Keys: the user's own, made once, and those of a network."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from parascale.cli.advice import sentence
from parascale.errors import InputError
from parascale.link.keys import allowed_keys, client_keys, new_keys, server_key, server_keys
from parascale.link.paths import keys_folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))


def test_own_keys_are_made_once() -> None:
    assert client_keys() == client_keys()
    assert server_keys() == server_keys()
    assert client_keys() != server_keys()
    assert server_key() == server_keys().public
    assert len(client_keys().public) == len(client_keys().secret) == 40


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_nobody_else_can_read_them() -> None:
    client_keys()
    server_keys()
    assert stat.S_IMODE(keys_folder().stat().st_mode) == 0o700
    for path in keys_folder().glob("*.key_secret"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_that_start_at_once_agree_on_the_key() -> None:
    code = "from parascale.link.keys import client_keys; print(client_keys().public.decode())"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert len({process.communicate()[0] for process in started}) == 1


def test_a_secret_is_not_printed() -> None:
    assert client_keys().secret.decode() not in repr(client_keys())


def test_new_keys_let_their_client_in(tmp_path: Path) -> None:
    new_keys(tmp_path / "keys")
    assert client_keys(tmp_path / "keys").public in allowed_keys(tmp_path / "keys")
    assert server_key(tmp_path / "keys") == server_keys(tmp_path / "keys").public
    assert client_keys(tmp_path / "keys") != client_keys()
    assert stat.S_IMODE((tmp_path / "keys" / "server.key_secret").stat().st_mode) & 0o077 == 0


def test_new_keys_never_replace_old_ones(tmp_path: Path) -> None:
    new_keys(tmp_path / "keys")
    before = server_keys(tmp_path / "keys")
    with pytest.raises(InputError, match="holds keys already"):
        new_keys(tmp_path / "keys")
    assert server_keys(tmp_path / "keys") == before


@pytest.mark.parametrize("text", ["", "nonsense", 'curve\n    public-key = "short"\n', "\0\0"])
def test_a_broken_key_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "client.key_secret").write_text(text)
    with pytest.raises(InputError, match=r"client\.key_secret"):
        client_keys(tmp_path)


def test_a_missing_key_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        server_keys(tmp_path)
    assert "parascale keys new" in sentence(refused.value)
