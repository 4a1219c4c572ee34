import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import cv2
import nbformat
import numpy as np
import pytest
from explored import examples

from xnet_study import explorer
from xnet_tf import classes, metrics, thresholds
from xnet_tf.thresholds import Processing

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def expected(example, threshold, dilation):
    labels = Processing(dilation=dilation)(
        thresholds.decide(example.probabilities, threshold), example.probabilities
    )
    counts = metrics.confusion(example.truth, labels)
    tissue = classes.SOFT_TISSUE
    return metrics.recall(counts)[tissue], metrics.false_discovery_rate(counts)[tissue]


def test_numbers_and_picture_follow_the_controls():
    shown = explorer.Explorer(examples())
    before = shown.picture.value, shown.text.value
    shown.threshold.value = 0.7
    assert (shown.picture.value, shown.text.value) != before
    shown.dilation.value = 4
    shown.choice.value = "picture 1"
    recall, fdr = expected(examples()[1], 0.7, 4)
    assert f"<b>{recall:.3f}</b>" in shown.text.value
    assert f"<b>{fdr:.3f}</b>" in shown.text.value
    drawn = cv2.imdecode(np.frombuffer(shown.picture.value, np.uint8), cv2.IMREAD_COLOR)
    labels = explorer.segment(examples()[1], 0.7, 4)
    np.testing.assert_array_equal(drawn[..., ::-1], explorer.draw(examples()[1], labels))


def test_a_move_takes_less_than_a_fifth_of_a_second():
    shown, seconds = explorer.Explorer(examples()), []
    for threshold in (0.6, 0.7, 0.8, 0.9, 0.95):
        start = time.perf_counter()
        shown.threshold.value = threshold
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.2


def test_errors_are_drawn_in_their_colours():
    truth = np.uint8([[1, 1, 2, 0]])
    labels = np.uint8([[1, 2, 1, 0]])
    example = explorer.Example("a", np.zeros((1, 4, 1)), np.zeros((1, 4, 3)), truth)
    right = explorer.draw(example, labels)[0, 8:]
    green = classes.COLOURS[classes.SOFT_TISSUE].tolist()
    grey, red = list(explorer.MISSED), list(explorer.WRONG)
    assert right.tolist() == [green, grey, red, [245] * 3]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(look, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = look()
            if found:
                return found
        except (OSError, KeyError, IndexError):
            pass
        time.sleep(0.5)
    raise TimeoutError(look)


class Page:
    """A page of a browser, by the DevTools protocol."""

    def __init__(self, port):
        websocket = pytest.importorskip("websocket")
        address = wait_for(
            lambda: next(
                t["webSocketDebuggerUrl"]
                for t in json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
                if t["type"] == "page"
            )
        )
        self.socket = websocket.create_connection(address, suppress_origin=True, timeout=60)
        self.number = 0

    def run(self, script):
        self.number += 1
        params = {"expression": script, "awaitPromise": True, "returnByValue": True}
        call = {"id": self.number, "method": "Runtime.evaluate", "params": params}
        self.socket.send(json.dumps(call))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.number:
                assert "exceptionDetails" not in answer["result"], answer
                return answer["result"]["result"].get("value")


@pytest.fixture
def page(tmp_path):
    """The explorer in JupyterLab in a headless browser."""
    if CHROMIUM is None:
        pytest.skip("no chromium")
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from explored import examples\nfrom xnet_tf import explorer\n"
        "explorer.Explorer(examples())"
    )
    cells = [nbformat.v4.new_code_cell(code)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "x.ipynb")
    lab, debug = free_port(), free_port()
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    flags += " --disable-background-networking --disable-component-update --disable-sync"
    flags += f" --user-data-dir={tmp_path / 'profile'} --remote-debugging-port={debug}"
    server = f"-m jupyterlab --no-browser --port={lab} --allow-root --IdentityProvider.token="
    server += f" --expose-app-in-browser --notebook-dir={tmp_path}"
    commands = [
        [sys.executable, *server.split()],
        [CHROMIUM, *flags.split(), f"http://127.0.0.1:{lab}/lab/tree/x.ipynb"],
    ]
    processes = []
    try:
        for command in commands:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            processes.append(subprocess.Popen(command, **quiet))
            if len(processes) == 1:
                wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{lab}/api"))
        yield Page(debug)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(20)


MOVE = """new Promise(done => {
  const handle = document.querySelectorAll('.noUi-handle')[%d];
  const text = document.querySelector('.widget-html-content');
  const picture = document.querySelector('img.widget-image').src;
  const start = performance.now();
  new MutationObserver((_, self) => { self.disconnect(); done([performance.now() - start,
    picture]); }).observe(text, {childList: true, subtree: true, characterData: true});
  for (let i = 0; i < %d; i++)
    handle.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
})"""


@pytest.mark.slow
def test_sliders_move_picture_and_numbers_in_a_browser(page):
    there = "!!window.jupyterapp && !!document.querySelector('.jp-Notebook .jp-CodeCell')"
    wait_for(lambda: page.run(there))
    page.run("jupyterapp.restored.then(() => true)")
    # JupyterLab may ask for the kernel first, and runs nothing until it has one.
    accept = "document.querySelector('.jp-Dialog .jp-mod-accept')?.click(), "
    idle = "document.querySelector('.jp-InputPrompt').innerText.includes('[ ]')"
    execute = f"{idle} && jupyterapp.commands.execute('notebook:run-all-cells'), "
    count = "document.querySelectorAll('.noUi-handle').length"
    wait_for(lambda: page.run(f"{accept}{execute}{count} == 2"))
    taken = []
    # One step of dilation is less than a pixel here, and changes nothing.
    for slider, steps in ((0, 1), (0, 1), (0, 1), (0, 1), (1, 3)):
        milliseconds, picture = page.run(MOVE % (slider, steps))
        taken.append(milliseconds)
        wait_for(lambda p=picture: page.run("document.querySelector('img.widget-image').src") != p)
    readouts = page.run("[...document.querySelectorAll('.widget-readout')].map(e => e.innerText)")
    assert readouts == ["0.54", "3"]

    def agrees():
        text = page.run("document.querySelector('.widget-html-content').innerText")
        found = [float(number) for number in re.findall(r"\d\.\d{3}", text)]
        return np.allclose(found[:2], expected(examples()[0], 0.54, 3), atol=6e-4)

    wait_for(agrees)
    assert np.median(taken) < 200, taken
