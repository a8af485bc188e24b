"""What a training knows beside weights is saved and loaded whole."""

from dataclasses import fields

import pytest
import torch

from bert_clustering.training.state import ClusteringState


@pytest.mark.parametrize("init", ["auto", "even", "kmeans"])
def test_it_is_loaded_as_it_was_saved(make_trainer, tmp_path, init):
    trainer = make_trainer(init=init)
    trainer.initialize_clusters()
    state = trainer.clustering
    assert (state.start_scores is not None) == (state.start_sizes is not None) == (init == "auto")
    state.save(tmp_path)
    loaded = ClusteringState.load(tmp_path)
    assert torch.equal(loaded.targets.dense(), state.targets.dense())
    for name in {field.name for field in fields(state)} - {"guard", "targets"}:
        saved, found = getattr(state, name), getattr(loaded, name)
        if saved is None:
            assert found is None, name
        else:
            assert torch.equal(found, saved) and found.dtype == saved.dtype, name
    guards = [one.guard.state_dict() for one in (state, loaded)]
    assert guards[0].keys() == guards[1].keys()
    assert all(torch.equal(tensor, guards[1][name]) for name, tensor in guards[0].items())
