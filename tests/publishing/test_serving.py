"""The snippets of docs/serving.md, run as they stand there without this package: the clusters of
the model itself.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError, URLError

import pytest
import torch
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from transformers import AutoTokenizer

from bert_clustering import BertForClustering
from bert_clustering.publishing import export_model
from bert_clustering.texts import add_text_prefix
from helpers import TOPICS, build_trainer


ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
# Of each topic, and between two, where a token more or less is seen in q.
TEXTS = [" ".join(words[:8]) for words in TOPICS.values()]
TEXTS += [f"{one[0]} {other[0]}" for one, other in combinations(TOPICS.values(), 2)]
LONG = "pear moon " * 50
# `import bert_clustering` fails, and nothing of it has been imported in the end.
WITHOUT = "import sys\nsys.modules['bert_clustering'] = None\n"
LIBRARY = "@huggingface/transformers"
MODULES = ROOT / "build" / "node_modules"


def snippet(title: str, language: str) -> str:
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(scope="module")
def folder(headless_dir, corpus, tmp_path_factory) -> Path:
    """A model in `output`, and exported in `output-onnx`; a prefix stands before its texts."""
    folder = tmp_path_factory.mktemp("serving")
    tokenizer = add_text_prefix(AutoTokenizer.from_pretrained(headless_dir), "why not ")
    output = folder / "output"
    trainer = build_trainer(headless_dir, tokenizer, corpus[0], output, num_train_epochs=0)
    trainer.train()
    trainer.save_model()
    model = BertForClustering.from_pretrained(output)
    export_model(model, AutoTokenizer.from_pretrained(output), "onnx", folder / "output-onnx")
    return folder


def expected(folder: Path, texts: list[str]) -> list[tuple[str, float]]:
    """Label and q of each text, by the model itself."""
    model = BertForClustering.from_pretrained(folder / "output").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder / "output")
    with torch.no_grad():
        batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        q, clusters = model(**batch).logits.exp().max(dim=1)
    labels = [model.config.id2label[cluster] for cluster in clusters.tolist()]
    assert len(set(labels)) == 3 and q.min() < 0.9
    return list(zip(labels, q.tolist(), strict=True))


def post(port: int, content: object, deadline: float = 0) -> list[dict]:
    """What the server answers, which may start until the deadline."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/clusters",
        json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except HTTPError:
            raise
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.mark.slow
def test_fastapi(folder):
    (folder / "app.py").write_text(WITHOUT + snippet("FastAPI", "python"), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": ""},
    )
    try:
        found = post(port, {"texts": [*TEXTS, LONG]}, deadline=time.monotonic() + 60)
        with pytest.raises(HTTPError, match="422"):
            post(port, {"texts": []})
    finally:
        server.terminate()
        server.wait(30)
    config = json.loads((folder / "output" / "config.json").read_text(encoding="utf-8"))
    for one, (label, probability) in zip(found, expected(folder, [*TEXTS, LONG]), strict=True):
        assert one["label"] == label == config["id2label"][str(one["cluster"])]
        assert one["probability"] == pytest.approx(probability, abs=1e-4)


@pytest.mark.slow
def test_the_handler_of_inference_endpoints(folder):
    shutil.copytree(folder / "output", folder / "repository")
    handler = snippet("Inference Endpoints", "python")
    (folder / "repository" / "handler.py").write_text(handler, encoding="utf-8")
    code = (
        f"{WITHOUT}import json\nfrom handler import EndpointHandler\n"
        f"found = EndpointHandler('.')({{'inputs': {[*TEXTS, LONG]!r}}})\n"
        "assert not any(name.startswith('bert_clustering.') for name in sys.modules)\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder / "repository",
        env=os.environ | {"PYTHONPATH": "", "HF_HOME": str(folder / "hf")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for one, (label, probability) in zip(found, expected(folder, [*TEXTS, LONG]), strict=True):
        assert one == {"label": label, "score": pytest.approx(probability, abs=1e-4)}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Without a line for each file."""


@pytest.fixture
def page(folder):
    """A browser at the page, which has its library from here instead of from its network."""
    address = re.search(rf'"(https://[^"]*/{LIBRARY}@([^"]+))"', snippet("A static page", "html"))
    if not (MODULES / LIBRARY).is_dir():
        command = f"npm install --ignore-scripts --prefix build {LIBRARY}@{address[2]}"
        pytest.skip(f"needs: {command}")
    package = json.loads((MODULES / LIBRARY / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == address[2]
    (folder / "modules").symlink_to(MODULES)
    code = snippet("A static page", "html").replace(
        address[1], f"./modules/{LIBRARY}/{package['jsdelivr']}"
    )
    wasm = 'env.backends.onnx.wasm.wasmPaths = "/modules/onnxruntime-web/dist/";'
    code = code.replace("env.allowLocalModels", f"{wasm}\n  env.allowLocalModels")
    (folder / "index.html").write_text(code, encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.get(f"http://127.0.0.1:{server.server_port}/")
    yield driver
    driver.quit()
    server.shutdown()


@pytest.mark.browser
def test_a_static_page(folder, page):
    find = partial(page.find_element, By.CSS_SELECTOR)
    wait = WebDriverWait(page, 60, 0.1)
    wait.until(lambda _: find("button").is_enabled())
    for text, (label, probability) in zip(TEXTS, expected(folder, TEXTS), strict=True):
        find("textarea").clear()
        find("textarea").send_keys(text)
        page.execute_script("document.querySelector('output').textContent = ''")
        find("button").click()
        wait.until(lambda _: find("output").text)
        found, _, score = find("output").text.rpartition(": ")
        assert (found, float(score)) == (label, pytest.approx(probability, abs=1e-3))
