"""A size that the network cannot have is refused in one line at once, not with a traceback."""

import sys

import pytest

from xnet_study import litert


@pytest.mark.parametrize("size", ["100", "0", "-8", "x"])
def test_sizes_must_be_divisible_by_8(monkeypatch, capsys, size):
    monkeypatch.setattr(sys, "argv", ["litert", "--size", size])
    with pytest.raises(SystemExit) as stopped:
        litert.main()
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and "Traceback" not in error
    assert "divisible by 8" in error or size == "x"
