"""A prefix that an encoder wants before every text, as `query: `, made part of its tokenizer."""

import json
from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel, Sequence
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..errors import InputError


NAME = "text_prefix"  # in the template, and in the tokenizer's own configuration


def add_text_prefix(tokenizer: PreTrainedTokenizerBase, prefix: str) -> PreTrainedTokenizerBase:
    """A tokenizer that puts a prefix before every text by itself, wherever its files are loaded.

    The prefix stands in the template, after what begins a text: truncation counts its tokens, and
    they are never masked, as `[CLS]`. The ids are those of prefix and text as one string, where the
    prefix ends with a space.

    Args:
        tokenizer (`PreTrainedTokenizerBase`): The encoder's, which is changed: use what is
            returned.
        prefix (`str`): What every text is to begin with. One that the tokenizer has already is not
            put there twice.

    Raises:
        InputError: The tokenizer has another prefix, or is written in Python and has no template.
    """
    if (own := text_prefix(tokenizer)) is not None:
        if own == prefix:
            return tokenizer
        raise InputError(
            f"The tokenizer puts '{own}' before every text, and cannot put '{prefix}'."
        )
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise InputError(
            f"The prefix '{prefix}' needs a tokenizer of the library `tokenizers`, got a "
            f"{type(tokenizer).__name__}. Pass --text_prefix '' to go without."
        )
    ids = tokenizer(prefix.rstrip(), add_special_tokens=False)["input_ids"]
    tokens = {NAME: {"id": NAME, "ids": ids, "tokens": tokenizer.convert_ids_to_tokens(ids)}}
    for token, number in zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True):
        tokens[token] = {"id": token, "ids": [number], "tokens": [token]}
    backend = tokenizer.backend_tokenizer
    backend.post_processor = TemplateProcessing(
        single=_template(tokenizer, "a"),
        pair=_template(tokenizer, "a", "a"),
        special_tokens=list(tokens.values()),
    )
    parts = backend.pre_tokenizer
    parts = parts if isinstance(parts, Sequence) else [parts]
    for part in parts:  # type: ignore[union-attr]  # its annotations leave out that it has items
        if isinstance(part, ByteLevel) and prefix.endswith(" "):
            part.add_prefix_space = True  # the prefix's, which it counts to the word that follows
    # Classes of one family make their template anew as they load; this one loads it.
    settings = tokenizer.init_kwargs | {
        "model_input_names": tokenizer.model_input_names,
        "model_max_length": tokenizer.model_max_length,
        NAME: prefix,
    }
    settings.pop("name_or_path", None)  # by which it would ask the Hub whether it is Mistral's
    return PreTrainedTokenizerFast(tokenizer_object=backend, **settings)


def text_prefix(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """What a tokenizer puts before every text; `None` where it is nothing."""
    return tokenizer.init_kwargs.get(NAME)


def prefix_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids of that prefix."""
    special = set(tokenizer.all_special_ids)
    return [token for token in tokenizer("")["input_ids"] if token not in special]


def spell_out_prefix(path: Path) -> None:
    """Name each token of the prefix by itself in the template of a `tokenizer.json`.

    The ids stay the same. transformers.js looks the template's names up as tokens, and would take
    a prefix of several for one that is unknown.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    template = content["post_processor"]
    special = template["special_tokens"]

    def spelled_out(piece: dict) -> list[dict]:
        if "SpecialToken" not in piece:
            return [piece]
        whole = piece["SpecialToken"]
        tokens = special[whole["id"]]["tokens"]
        return [{"SpecialToken": whole | {"id": token}} for token in tokens]

    for form in ("single", "pair"):
        template[form] = [token for piece in template[form] for token in spelled_out(piece)]
    template["special_tokens"] = {
        token: {"id": token, "ids": [number], "tokens": [token]}
        for piece in special.values()
        for token, number in zip(piece["tokens"], piece["ids"], strict=True)
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


def _template(tokenizer: PreTrainedTokenizerBase, *texts: str) -> list[str]:
    """How the tokenizer puts texts together, with the prefix before the first."""
    encoded, pieces = tokenizer(*texts, return_token_type_ids=True), []
    places = zip(encoded.tokens(), encoded["token_type_ids"], encoded.sequence_ids(), strict=True)
    for token, kind, text in places:
        if text is None:
            pieces.append(f"{token}:{kind}")
        elif (piece := f"${'AB'[text]}:{kind}") not in pieces:
            pieces += [piece] if text else [f"{NAME}:{kind}", piece]
    return pieces
