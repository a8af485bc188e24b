"""A language model behind a server.

What it is asked quotes users' texts. So a server elsewhere is asked only where that is allowed, and
what goes to this machine stays on it: no redirect is followed, and no proxy of the environment
comes in between.
"""

import ipaddress
import json
import os
import time
from typing import Any

import httpx2
from huggingface_hub import get_token

from ..errors import InputError
from .console import one_line
from .language_models import Messages, Unanswered


TIMEOUT_OF_MODELS = 10.0  # seconds that a server has to tell which models it offers
MAX_BYTES = 1_000_000  # of what a server says
MAX_TOKENS = 1024  # of an answer; models that think first need them
HUGGING_FACE = ("huggingface.co", "huggingface.cloud")  # whose servers take the Hub's token

# What a server is to hold an answer to, where it can. A little more than a name may have, so that
# one that is too long is told from one that was cut.
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 80}},
    "required": ["name"],
    "additionalProperties": False,
}


def parse_url(name: str) -> httpx2.URL:
    """A server's URL.

    Raises:
        InputError: It is none, or holds a password.
    """
    try:
        url = httpx2.URL(name)
    except httpx2.InvalidURL as error:
        raise InputError(f"--name_with '{name}' is no URL: {error}.") from None
    if not url.host or url.userinfo:
        raise InputError(
            "--name_with: expected a URL with a host and without a password, as "
            "http://localhost:8000. A key comes from the environment variable OPENAI_API_KEY."
        )
    return url


def is_this_machine(host: str) -> bool:
    """Whether a host's name or address is that of the machine itself.

    Example:
        >>> is_this_machine("127.0.0.1"), is_this_machine("localhost.example.org")
        (True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_host(name: str, send_texts: bool) -> None:
    """Raise `InputError` where texts would go to another machine, and nobody has said they may."""
    host = parse_url(name).host
    if not (send_texts or is_this_machine(host)):
        raise InputError(
            f"--name_with sends texts of each cluster, and keywords, which are words of texts, to "
            f"'{host}', which is not this machine. Pass --send_texts if they may go there, or name "
            "a server on localhost or a model's folder."
        )


def key_for(url: httpx2.URL, hub_token: str | None) -> str | None:
    """The key that goes along to a server, never in the clear over a network: the Hub's token to
    those of Hugging Face, to others the environment's `OPENAI_API_KEY`, if there is one.
    """
    if url.scheme != "https" and not is_this_machine(url.host):
        return None
    if url.host.endswith(tuple(f".{domain}" for domain in HUGGING_FACE)):
        return hub_token or get_token()
    return os.environ.get("OPENAI_API_KEY") or None


class Server:
    """A server that speaks OpenAI's protocol: vLLM, llama.cpp, Ollama, TGI, many on the internet.

    Args:
        name (`str`): Its URL, without a path where that is `/v1`; behind `#` the model, where it
            offers several.
        timeout (`float`, *optional*, defaults to 120): Seconds that it has for an answer.
        hub_token (`str`, *optional*): For a server of Hugging Face. `None`: the one that is stored.

    Raises:
        InputError: It cannot be reached, refuses, or offers other models.
    """

    def __init__(self, name: str, timeout: float = 120.0, hub_token: str | None = None) -> None:
        url = parse_url(name)
        path = url.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
        self.url, self.timeout = url.copy_with(path=path, fragment=None), timeout
        key = key_for(url, hub_token)
        self.client = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            follow_redirects=False,
            trust_env=not is_this_machine(url.host),
        )
        self.settings: dict[str, Any] = {
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "name", "schema": SCHEMA},
            },
        }
        self.model = self._choose_model(url.fragment)
        self.name = f"{self.url}#{self.model}"

    def answer(self, messages: Messages) -> str:
        body = {"model": self.model, "messages": messages}
        status, said = self._ask("chat/completions", self.timeout, body | self.settings)
        if status in (400, 422) and self.settings:  # not every server knows each of them
            self.settings = {}
            status, said = self._ask("chat/completions", self.timeout, body)
        if status != 200:
            raise Unanswered(f"the server answers with status {status}")
        try:
            return str(said["choices"][0]["message"]["content"] or "")
        except (KeyError, IndexError, TypeError):
            raise Unanswered("what the server says is no chat completion") from None

    def _choose_model(self, wanted: str) -> str:
        """The model that is wanted, or else the only one there is."""
        where = f"--name_with: the server at '{self.url.host}'"
        try:
            status, said = self._ask("models", min(self.timeout, TIMEOUT_OF_MODELS))
        except Unanswered as error:
            raise InputError(f"{where} cannot be asked: {error}. Is it running there?") from None
        if status in (401, 403):
            raise InputError(
                f"{where} refuses (status {status}). Put its key into the environment variable "
                "OPENAI_API_KEY, or HF_TOKEN for one of Hugging Face; no key goes out over http://."
            )
        if status in (404, 405, 501):  # it may offer a model, and no list of them
            return wanted or "default"
        if status != 200:
            raise InputError(f"{where} answers with status {status} when asked for its models.")
        offered = model_ids(said)
        if offered and (wanted or offered[0]) not in offered or len(offered) > 1 and not wanted:
            names = [one_line(model, 60) for model in offered]
            raise InputError(
                f"{where} offers {len(offered)} models: {', '.join(names[:20])}"
                f"{', ...' if names[20:] else ''}. Name one of them behind the URL: "
                f"--name_with '{self.url}#{names[0]}'."
            )
        return wanted or (offered[0] if offered else "default")

    def _ask(
        self, path: str, timeout: float, body: dict[str, Any] | None = None
    ) -> tuple[int, Any]:
        """Status and content of what the server says; `None` where it is no JSON."""
        url = self.url.copy_with(path=f"{self.url.path}/{path}")
        deadline, content = time.monotonic() + timeout, b""
        method = "GET" if body is None else "POST"
        try:
            with self.client.stream(method, url, json=body, timeout=timeout) as response:
                for part in response.iter_bytes():
                    content += part
                    if len(content) > MAX_BYTES:
                        raise Unanswered("the answer does not end")
                    if time.monotonic() > deadline:
                        raise httpx2.ReadTimeout("too slow")
        except httpx2.TimeoutException:
            raise Unanswered(f"there is no answer within {timeout:g} s") from None
        except httpx2.HTTPError as error:
            raise Unanswered(one_line(str(error), 120) or type(error).__name__) from None
        if response.is_redirect:
            raise Unanswered("it redirects elsewhere, which is not followed")
        try:
            return response.status_code, json.loads(content)
        except (ValueError, RecursionError):
            return response.status_code, None


def model_ids(said: Any) -> list[str]:
    """Names of the models in a server's list of them, if it is one."""
    models = said.get("data") if isinstance(said, dict) else None
    listed = models if isinstance(models, list) else []
    return [str(model["id"]) for model in listed if isinstance(model, dict) and model.get("id")]
