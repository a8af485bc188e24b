"""Keywords: what tells a cluster from the others, in any language, and labels made of it."""

import unicodedata

import numpy as np
import pytest

from bert_clustering.texts import keywords
from bert_clustering.texts.keywords import diversify, rank_keywords
from bert_clustering.texts.names import make_labels
from bert_clustering.texts.unspaced import MAX_SIGNS, UnspacedWords


def cluster_keywords(*args, **kwargs) -> list[list[str]]:
    """Without their weights."""
    return [list(weights) for weights in keywords.cluster_keywords(*args, **kwargs)]


@pytest.mark.filterwarnings("error")
def test_stop_words_are_words_as_they_are_counted():
    texts = ["'tis the pear", "the pear"] * 3 + ["I'll see it, the sea"] * 3
    first, second = cluster_keywords(texts, np.repeat([0, 1], [6, 3]), num_clusters=2)
    assert "pear" in first[0] and "sea" in " ".join(second)


@pytest.mark.parametrize(
    "first, second",
    [
        ("हिन्दी", "मौसम"),
        ("தமிழ்", "மழை"),
        ("مُدَرِّس", "مَدْرَسَة"),
        ("کتاب\u200cخانه", "خودرو"),
        ("évêché", "œuvre"),
    ],
)
def test_words_keep_the_marks_on_their_letters(first, second):
    texts = [f"{word} {number}" for word in (first, second) for number in range(5)]
    found = cluster_keywords(texts, np.repeat([0, 1], 5), num_clusters=2)
    assert found == [[first], [second]]


def test_the_same_word_in_two_ways_of_writing_is_one():
    texts = [unicodedata.normalize(form, "évêché") for form in ("NFC", "NFD")] + ["pear", "pear"]
    assert cluster_keywords(texts, np.array([0, 0, 1, 1]), num_clusters=2) == [["évêché"], ["pear"]]


def test_what_stands_everywhere_is_no_keyword_in_an_unknown_language():
    topics = [["ka", "bo", "zu"], ["mi", "re", "lo"]]
    generator = np.random.default_rng(0)
    clusters = np.repeat([0, 1], 60)
    texts = [
        " ".join(["qwe", *generator.permutation(topics[cluster]), "rty"]) for cluster in clusters
    ]
    first, second = cluster_keywords(texts, clusters, num_clusters=2)
    words = {word for term in first for word in term.split()}
    assert words <= set(topics[0]) and first and "qwe" not in " ".join(first + second)


def test_a_pair_replaces_the_word_that_mostly_stands_in_it():
    texts = ["white house said", "white house spoke", "the white house"] * 5 + [
        "red barn burnt",
        "green barn sold",
    ] * 5
    first, second = cluster_keywords(texts, np.repeat([0, 1], [15, 10]), num_clusters=2)
    assert first[0] == "white house" and "white" not in first and second[0] == "barn"


def test_keywords_are_of_different_stems():
    texts = ["a query of sql", "queries and a sql query"] * 5 + ["oracle", "postgres"] * 5
    first, _ = cluster_keywords(texts, np.repeat([0, 1], 10), num_clusters=2)
    assert len([term for term in first if "quer" in term]) == 1
    assert diversify(["stocks", "stock market", "stock", "market"], 2) == ["stocks", "market"]


def test_an_empty_cluster_and_texts_without_words_have_no_keywords():
    texts = ["red apple", "red pear", "red fig", "blue sea", "blue sky"]
    found = cluster_keywords(texts, np.array([0, 0, 0, 2, 2]), num_clusters=3)
    assert found[0] and not found[1] and found[2]
    assert cluster_keywords(["12", "34", "!", "?"], np.array([0, 0, 1, 1]), 2) == [[], []]


def test_labels_are_unique():
    labels = make_labels([["oil", "prices", "opec", "barrel"], ["oil", "prices", "opec"], [], []])
    assert labels[0] == "oil, prices, opec"
    assert len(set(labels.values())) == 4 and list(labels) == [0, 1, 2, 3]


def test_keywords_of_a_sample_are_those_of_the_topic():
    texts = [
        f"{topic} {more}"
        for topic, more in zip(["pear tree", "deep sea"] * 100, "abcdefgh" * 25, strict=True)
    ]
    clusters = np.tile([0, 1], 100)
    found = cluster_keywords(texts, clusters, num_clusters=2, max_seen=40)
    assert found == cluster_keywords(texts, clusters, num_clusters=2) == [["pear tree"], ["deep"]]


# Two topics in each script that is written without spaces, and what the keywords must hold.
UNSPACED = {
    "Chinese": (
        ["世界杯今晚开幕", "谁是世界杯冠军？", "球队夺得冠军", "这支球队的世界杯"],
        ["股市周一大跌", "银行的股票大跌", "股票与股市", "银行公布利率"],
        ({"世界杯", "冠军", "球队"}, {"大跌", "股市", "银行", "股票"}),
    ),
    "Japanese": (
        [
            "京都へ旅行に行きました。",
            "ホテルの予約をしました",
            "京都のホテルは便利です",
            "旅行の予約",
        ],
        [
            "パソコンの画面が消えました",
            "修理をお願いします",
            "画面の修理です",
            "パソコンは便利です",
        ],
        ({"京都", "旅行", "ホテル", "予約"}, {"パソコン", "画面", "修理"}),
    ),
    "Thai": (
        ["ทีมฟุตบอลชนะเมื่อคืน", "นักฟุตบอลทำประตู", "ผู้รักษาประตูเล่นดี", "เขาดูฟุตบอล"],
        ["ส้มตำร้านนี้อร่อย", "ร้านข้างบ้านอร่อยมาก", "เราชอบส้มตำ", "เขาเปิดร้านใหม่"],
        ({"ฟุตบอล", "ประตู"}, {"ส้มตำ", "ร้าน", "อร่อย"}),
    ),
}


@pytest.mark.parametrize("language", UNSPACED)
def test_keywords_of_scripts_without_spaces_are_words(language):
    first, second, expected = UNSPACED[language]
    found = cluster_keywords(first + second, np.repeat([0, 1], 4), num_clusters=2)
    for shown, words in zip(found, expected, strict=True):
        assert set(shown[: len(words)]) == words


@pytest.mark.parametrize(
    "word", ["ပန်းသီး", "ទន្សាយ", "ແມວນ້ອຍ", "ひまわり", "コンピューター", "花様年華"]
)
def test_a_word_that_stands_among_varied_neighbours_is_found_whole(word):
    texts = [f"{before}{word}{after}" for before, after in zip("一二三四", "五六七八", strict=True)]
    assert UnspacedWords(texts)(f"九{word}十") == [word]


def test_a_piece_is_a_word_where_it_mostly_stands_alone():
    alone, inside = ["一世界二", "三世界四", "五世界六", "七世界八"], ["一世界杯二", "三世界杯四"]
    assert UnspacedWords(alone + inside)("世界杯") == ["世界", "世界杯"]
    assert UnspacedWords(alone[:1] + inside)("世界杯") == ["世界杯"]


def test_signs_are_not_torn_apart():
    texts = ["กินที่นี่ดี", "อยู่ที่นี่นะ", "ゲームキャラクターだ", "新キャラクター"] * 2
    words = [word for text in texts for word in UnspacedWords(texts)(text)]
    assert "ที่นี่" in words and "キャラクター" in words
    assert not any(word[0] in "ี่ャー" for word in words)


def test_latin_words_stay_among_chinese_ones():
    texts = ["新款iPhone手机发布", "iPhone手机降价", "用Linux服务器", "Linux服务器的内核"]
    first, second = cluster_keywords(texts, np.array([0, 0, 1, 1]), num_clusters=2)
    assert first == ["手机", "iphone"] and second == ["服务器", "linux"]


def test_words_on_both_sides_of_a_run_are_no_pair():
    texts = ["open今天source", "open明天source"] * 3 + ["red barn", "red barn"]
    first, second = cluster_keywords(texts, np.repeat([0, 1], [6, 2]), num_clusters=2)
    assert {"open", "source"} <= set(first) and second == ["red barn"]


def test_long_repeated_sentences_cost_and_find_no_more_than_pieces_of_a_limited_length():
    sentence = "".join(chr(0x4E00 + number) for number in range(500))
    words = UnspacedWords([sentence, sentence])(sentence)
    assert {len(word) for word in words} == {MAX_SIGNS} and len(words) == 400 - MAX_SIGNS + 1


def test_keywords_that_mean_something_else_come_last():
    weighed = [
        {"edu": 0.9, "writes": 0.8, "god": 0.5, "faith": 0.4},
        {"writes": 0.7, "orbit": 0.1},
        {},
    ]
    cosines = {
        "edu": np.array([0.1, 0.1, 0]),
        "writes": np.array([-0.2, -0.1, 0]),
        "god": np.array([0.5, 0, 0]),
        "faith": np.array([0.7, 0, 0]),
        "orbit": np.array([0, 0.9, 0]),
    }
    found = rank_keywords(weighed, cosines)
    assert found == [["faith", "god", "edu", "writes"], ["orbit", "writes"], []]
