"""A server on 127.0.0.1 that speaks as much of OpenAI's protocol as names of clusters need."""

import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def group_of(question: str) -> dict[str, Any]:
    """What a question tells of its cluster."""
    return json.loads(re.search(r"^\{.*^\}", question, flags=re.DOTALL | re.MULTILINE)[0])


def by_keywords(question: str) -> str:
    """An answer as a good model gives it."""
    return json.dumps({"name": "About " + " and ".join(group_of(question)["keywords"][:2])})


class LoopbackLLM(ThreadingHTTPServer):
    """Serves from its creation on, until `stop()`.

    Args:
        answer (`Callable`): What the model says to the messages of a request: a text, or a status.
        models (`list[str]` or `int`, *optional*): Those it offers, or the status that says no.
            `None`: it has no list of them.
        delay (`float`): Seconds before each answer.
    """

    daemon_threads = True

    def __init__(
        self,
        answer: Callable[[list[dict[str, str]]], str | int] | None = None,
        models: list[str] | int | None = ("tiny",),
        delay: float = 0.0,
    ) -> None:
        self.answer = answer or (lambda messages: by_keywords(messages[0]["content"]))
        self.models, self.delay = models, delay
        self.requests: list[dict[str, Any]] = []  # for an answer
        self.headers: list[dict[str, str]] = []  # of all requests
        self.redirect: str | None = None  # where all requests are sent
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def questions(self) -> list[str]:
        """What was asked, again where an answer was no good."""
        return [request["messages"][-1]["content"] for request in self.requests]

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that wait no longer."""


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackLLM

    def do_GET(self) -> None:
        self.server.headers.append(dict(self.headers))
        if self.path != "/v1/models" or self.server.models is None:
            return self.reply(404, {"error": "not found"})
        if isinstance(self.server.models, int):
            return self.reply(self.server.models, {"error": "refused"})
        self.reply(200, {"data": [{"id": name} for name in self.server.models]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.headers.append(dict(self.headers))
        if self.path != "/v1/chat/completions":
            return self.reply(404, {"error": "not found"})
        self.server.requests.append(request)
        time.sleep(self.server.delay)
        said = self.server.answer(request["messages"])
        if isinstance(said, int):
            return self.reply(said, {"error": "refused"})
        self.reply(200, {"choices": [{"message": {"role": "assistant", "content": said}}]})

    def reply(self, status: int, content: dict[str, Any]) -> None:
        if self.server.redirect:
            self.send_response(307)
            self.send_header("Location", self.server.redirect)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""
