"""Who may be asked, with which key, and what becomes of servers that are slow, dead, elsewhere."""

import httpx2
import pytest
from loopback_llm import LoopbackLLM
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from bert_clustering.errors import InputError
from bert_clustering.reports.language_models import LocalModel, Unanswered
from bert_clustering.reports.model_server import Server, is_this_machine, key_for
from bert_clustering.reports.namer import find_model


HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def serve():
    servers = []

    def start(*arguments, **more) -> LoopbackLLM:
        servers.append(LoopbackLLM(*arguments, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def writer_dir(tmp_path_factory) -> str:
    """A tiny text-generation model with random weights, whose tokenizer has no chat template."""
    folder = tmp_path_factory.mktemp("writer")
    sizes = {"vocab_size": 5, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    config = LlamaConfig(**sizes, num_attention_heads=2, max_position_embeddings=4096)
    LlamaForCausalLM(config).save_pretrained(folder)
    words = Tokenizer(
        WordLevel({word: n for n, word in enumerate(["?", "a", "b", "c", "d"])}, unk_token="?")
    )
    words.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?").save_pretrained(folder)
    return str(folder)


def test_a_server_answers_and_gets_the_model_and_a_form(serve):
    server = serve(lambda messages: "said: " + messages[0]["content"])
    assert find_model(server.url).answer(HELLO) == "said: Hello"
    (request,) = server.requests
    assert request["model"] == "tiny" and request["messages"] == HELLO
    assert request["response_format"]["json_schema"]["schema"]["required"] == ["name"]


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_the_path_may_be_left_out(serve, path):
    assert find_model(serve(lambda _: "yes").url + path).answer(HELLO) == "yes"


def test_a_server_that_does_not_know_the_settings_is_asked_without(serve):
    server = serve()
    server.answer = lambda _: 400 if "temperature" in server.requests[-1] else "plain"
    model = find_model(server.url)
    assert [model.answer(HELLO), model.answer(HELLO)] == ["plain", "plain"]
    assert len(server.requests) == 3  # it is tried once


def test_of_several_models_one_is_named_behind_the_url(serve):
    server = serve(lambda _: "yes", models=["small", "org/large"])
    with pytest.raises(InputError, match=r"2 models: small, org/large.*#small'"):
        find_model(server.url)
    with pytest.raises(InputError, match="2 models: small, org/large"):
        find_model(server.url + "#huge")
    find_model(server.url + "#org/large").answer(HELLO)
    assert server.requests[0]["model"] == "org/large"


def test_a_server_without_a_list_of_models_is_asked_all_the_same(serve):
    server = serve(lambda _: "yes", models=None)
    assert Server(server.url + "#mine").answer(HELLO) == "yes"
    assert Server(server.url).model == "default"


def test_a_dead_server_is_one_error_at_once(serve):
    server = serve()
    server.stop()
    with pytest.raises(InputError, match="'127.0.0.1' cannot be asked: .*refused.*running"):
        find_model(server.url)


def test_a_slow_server_has_its_time_and_no_more(serve):
    model = find_model(serve(delay=3).url, timeout=0.3)
    with pytest.raises(Unanswered, match="no answer within 0.3 s"):
        model.answer(HELLO)


@pytest.mark.parametrize("status", [307, 404, 500])
def test_what_is_no_answer_says_why_and_quotes_nothing(serve, status):
    model = find_model(serve(lambda _: status).url)
    with pytest.raises(Unanswered, match=r"redirects elsewhere|status (404|500)$"):
        model.answer(HELLO)


def test_an_answer_without_an_end_is_cut_off(serve):
    model = find_model(serve(lambda _: "x" * 2_000_000).url)
    with pytest.raises(Unanswered, match="does not end"):
        model.answer(HELLO)


def test_texts_do_not_follow_a_redirect(serve):
    elsewhere, server = serve(), serve(lambda _: "yes")
    model = find_model(server.url)
    server.redirect = f"{elsewhere.url}/v1/chat/completions"
    with pytest.raises(Unanswered, match="redirects elsewhere"):
        model.answer(HELLO)
    with pytest.raises(InputError, match="redirects elsewhere"):
        find_model(server.url)
    assert elsewhere.headers == []


def test_no_proxy_comes_between_this_machine_and_itself(serve, monkeypatch):
    proxy, server = serve(), serve(lambda _: "direct")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert find_model(server.url).answer(HELLO) == "direct"
    assert proxy.headers == []


@pytest.mark.parametrize(
    "host, here",
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("192.168.0.7", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
    ],
)
def test_what_is_this_machine(host, here):
    assert is_this_machine(host) == here


@pytest.mark.parametrize(
    "name",
    [
        "http://192.0.2.1:8000",
        "https://llm.example.org/v1#large",
        "HTTP://localhost.example.org",
        "http://[2001:db8::1]:80",
    ],
)
def test_another_machine_gets_texts_only_where_that_is_said(name, monkeypatch):
    def refuse(*arguments, **more):
        raise AssertionError("it was asked")

    monkeypatch.setattr(httpx2.Client, "stream", refuse)
    with pytest.raises(InputError, match="Pass --send_texts"):
        find_model(name)
    with pytest.raises(AssertionError, match="it was asked"):
        find_model(name, send_texts=True)


@pytest.mark.parametrize(
    "name",
    [
        "http://",
        "http://me:secret@localhost:8000",
        "http://localhost@example.org",
        "http://localhost:port",
    ],
)
def test_what_is_no_url_or_holds_a_password_is_an_error_that_does_not_repeat_it(name):
    with pytest.raises(InputError, match="expected a URL|is no URL") as error:
        find_model(name, send_texts=True)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "url, key",
    [
        ("https://api.example.org/v1", "sk-own"),
        ("http://127.0.0.1:8000", "sk-own"),
        ("http://api.example.org/v1", None),
        ("https://router.huggingface.co/v1", "hf_own"),
        ("http://router.huggingface.co/v1", None),
        ("https://huggingface.co.example.org", "sk-own"),
    ],
)
def test_which_key_goes_where(url, key, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own")
    assert key_for(httpx2.URL(url), "hf_own") == key


def test_the_tokens_of_others_stay_here(serve, monkeypatch):
    server = serve(lambda _: "yes")
    monkeypatch.setenv("HF_TOKEN", "hf_stored")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    find_model(server.url, token="hf_given").answer(HELLO)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-own")
    find_model(server.url).answer(HELLO)
    sent = [headers.get("Authorization") for headers in server.headers]
    assert sent == [None, None, "Bearer sk-own", "Bearer sk-own"]


def test_a_server_that_wants_a_key_says_which(serve):
    server = serve()
    server.models = 401
    with pytest.raises(InputError, match=r"refuses \(status 401\).*OPENAI_API_KEY"):
        find_model(server.url)


def test_a_local_model_writes_something(writer_dir):
    said = find_model(writer_dir).answer(HELLO)
    assert isinstance(said, str) and "Hello" not in said


def test_a_local_model_reads_a_chat_by_its_template(writer_dir):
    model, seen = LocalModel(writer_dir), []
    model.generate.tokenizer.chat_template = (
        "{% for m in messages %}a b {{ m.role }}{% endfor %}{{ ' c' if not enable_thinking }}"
    )
    forward = model.generate.model.generate
    model.generate.model.generate = lambda **inputs: (
        seen.append(inputs["input_ids"].tolist()) or forward(**inputs)
    )
    assert isinstance(model.answer(HELLO), str)
    assert seen == [[[1, 2, 0, 3]]]  # a b user c


def test_a_local_model_that_fails_is_no_answer(writer_dir):
    model = LocalModel(writer_dir)
    model.generate.tokenizer.chat_template = "{{ raise_exception('no chat') }}"
    with pytest.raises(Unanswered, match="no chat"):
        model.answer(HELLO)


def test_what_writes_no_texts_is_an_error(encoder_dir, tmp_path):
    with pytest.raises(InputError, match="expected the URL of a server"):
        find_model(str(tmp_path / "none"))
    with pytest.raises(InputError, match="expected the URL of a server"):
        find_model("localhost:8000")
    (tmp_path / "config.json").write_text('{"model_type": "mpnet"}')
    with pytest.raises(InputError, match="kind 'mpnet' writes no texts"):
        find_model(str(tmp_path))
