"""On Windows a file can only be flushed through a descriptor opened for writing; elsewhere by any.

Windows is simulated here by the one rule that matters (_commit needs a writable handle).
"""

import errno
import os

import pytest

from xnet_tf import files

fcntl = pytest.importorskip("fcntl")


def test_files_are_flushed_as_windows_wants_it(tmp_path, monkeypatch):
    real = os.fsync

    def fsync(descriptor):
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert files.write_json(tmp_path / "x.json", {"a": 1}).read_text() == '{\n  "a": 1\n}\n'
