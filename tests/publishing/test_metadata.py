"""The head of the card: what the Hub checks and searches by, and nothing that was made up."""

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from bert_clustering import run_clustering
from bert_clustering.publishing import license_of


def write(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "README.md").write_text(text)
    return folder


def test_a_license_is_what_a_card_says_or_none(tmp_path):
    said = write(tmp_path / "said", "---\nlicense: apache-2.0\n---\n# A model\n")
    assert license_of(str(said)) == "apache-2.0"
    silent = write(tmp_path / "silent", "# A model\nlicense: mit\n")
    broken = write(tmp_path / "broken", "---\nlicense: [\n---\n")
    others = [silent, broken, tmp_path / "nowhere", "user/model"]
    assert [license_of(str(folder)) for folder in others] == [None] * 4


@pytest.mark.parametrize("is_asked", [False, True])
def test_language_license_and_widget_stand_in_the_card(headless_dir, tmp_path, is_asked):
    starts = ("where is my", "what do you do with the", "why was the", "they have no")
    things = ("parcel", "card", "refund", "flight", "hotel")
    texts = [f"{start} {thing}" for start in starts for thing in things]
    path = tmp_path / "texts.json"
    path.write_text(json.dumps([{"text": text} for text in texts]))
    asked = ["--license", "mit", "--language", "en", "nl", "--card_examples"] if is_asked else []
    run_clustering.main(
        ["--model_name_or_path", headless_dir, "--train_file", str(path), "--num_clusters", "2"]
        + ["--do_train", "--num_train_epochs", "0", "--output_dir", str(tmp_path / "run"), *asked]
        + ["--use_cpu", "--report_to", "none", "--disable_tqdm", "true"]
    )
    card = ModelCard.load(tmp_path / "run" / "README.md", ignore_metadata_errors=False)
    assert card.data.library_name == "transformers"
    if not is_asked:  # no text stands in a card unasked, and no license is made up
        assert card.data.get("license") is None and card.data.language == ["en"]
        assert card.data.get("widget") is None and "parcel" not in str(card.data.to_dict())
        return
    assert card.data.license == "mit" and card.data.language == ["en", "nl"]
    assert len(card.data.widget) == 2
    for shown in card.data.widget:
        scores = [row["score"] for row in shown["output"]]
        assert shown["text"] in texts and scores == sorted(scores, reverse=True)
        assert 0.99 < sum(scores) < 1.01
