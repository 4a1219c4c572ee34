"""Atomic writing and errors."""

import stat

import pytest

from xnet_tf.files import InputError, read_json, sha256, write_atomically, write_json


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    target = tmp_path / "numbers.txt"
    target.write_text("old")

    def fail(temporary):
        temporary.write_text("half of the n")
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire"):
        write_atomically(target, fail)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_folders_are_made_and_others_may_read(tmp_path):
    path = write_atomically(tmp_path / "a" / "b.txt", lambda p: p.write_text("new"))
    assert path.read_text() == "new"
    assert path.stat().st_mode & stat.S_IRUSR
    ordinary = tmp_path / "ordinary"
    ordinary.write_text("")
    assert path.stat().st_mode == ordinary.stat().st_mode


def test_the_temporary_name_keeps_the_suffix(tmp_path):
    seen = []
    write_atomically(tmp_path / "x.png", lambda p: (seen.append(p.suffix), p.write_text("")))
    assert seen == [".png"]


def test_json_round_trip_is_sorted(tmp_path):
    path = write_json(tmp_path / "x.json", {"b": 1, "a": [1.5, None]})
    assert path.read_text().index('"a"') < path.read_text().index('"b"')
    assert read_json(path) == {"a": [1.5, None], "b": 1}


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"", b"[" * 100_000])
def test_bad_json_is_an_input_error(tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.json: not a JSON file"):
        read_json(path)
    with pytest.raises(InputError, match="no such file"):
        read_json(tmp_path / "missing.json")


def test_sha256_of_abc(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # the example of FIPS 180-2
    assert sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")
