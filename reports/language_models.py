"""Language models that may be asked: what they have in common, and those that run here."""

import logging
from functools import cached_property
from typing import Any, Protocol

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, pipeline

from ..errors import InputError
from .console import one_line


logger = logging.getLogger(__name__)

MAX_NEW_TOKENS = 100  # of an answer; the model is told not to think

Messages = list[dict[str, str]]


class Unanswered(Exception):
    """A model gave no answer; the message says why, and holds nothing secret."""


class LanguageModel(Protocol):
    """Whoever answers. `name` is what tells its answers from another model's."""

    name: str

    def answer(self, messages: Messages) -> str:
        """What the model says next.

        Raises:
            Unanswered: There is no answer.
        """
        ...


class LocalModel:
    """A model of transformers; its weights are loaded when it is first asked.

    Args:
        name (`str`): Hub id or folder.
        token, cache_dir, device: As in `find_model`.

    Raises:
        InputError: There is none, or it does not write texts.
    """

    def __init__(
        self,
        name: str,
        token: str | None = None,
        cache_dir: str | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.name, self.device = name, device
        self.hub_arguments: dict[str, Any] = {"token": token, "trust_remote_code": False}
        self.cache = {"cache_dir": cache_dir}
        try:
            config = AutoConfig.from_pretrained(name, **self.hub_arguments, **self.cache)
        except (OSError, ValueError) as error:
            raise InputError(
                f"--name_with '{name}': expected the URL of a server, which begins with http:// or "
                f"https://, or the folder or Hub id of a model that writes texts: {error}"
            ) from error
        if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
            raise InputError(
                f"--name_with '{name}': a model of the kind '{config.model_type}' writes no texts. "
                "Name one for text generation that follows instructions."
            )

    @cached_property
    def generate(self) -> Any:
        return pipeline(
            "text-generation",
            model=self.name,
            device=self.device,
            model_kwargs=self.cache,
            **self.hub_arguments,
        )

    def answer(self, messages: Messages) -> str:
        options: dict[str, Any] = {"max_new_tokens": MAX_NEW_TOKENS, "do_sample": False}
        prompt: Any = "\n\n".join(message["content"] for message in messages) + "\n\n"
        try:
            if self.generate.tokenizer.chat_template:
                prompt = messages
                options["tokenizer_encode_kwargs"] = {"enable_thinking": False}
            return self.generate(prompt, return_full_text=False, **options)[0]["generated_text"]
        except Exception as error:  # of a model and a template that may be anyone's
            logger.debug("Where it came from:", exc_info=True)
            raise Unanswered(f"{type(error).__name__}: {one_line(str(error), 200)}") from error
