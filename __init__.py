"""Group unlabelled texts by meaning: unsupervised fine-tuning of masked language models.

After Huang et al., "Unsupervised Fine-tuning for Text Clustering" (COLING 2020).
"""

from .configuration_bert_cluster import BertClusterConfig  # isort: skip (it checks transformers)

from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from .errors import InputError
from .estimator import TextClustering
from .modeling_bert_cluster import BertForClustering, ClusteringOutput
from .trainer import ClusteringTrainer
from .training.arguments import ClusteringTrainingArguments
from .training.inference import ClusterPrediction


# With this package imported, a saved model loads without `trust_remote_code`.
AutoConfig.register(BertClusterConfig.model_type, BertClusterConfig)
AutoModel.register(BertClusterConfig, BertForClustering)
AutoModelForSequenceClassification.register(BertClusterConfig, BertForClustering)

__version__ = "0.2.0"

__all__ = [
    "BertClusterConfig",
    "BertForClustering",
    "ClusterPrediction",
    "ClusteringOutput",
    "ClusteringTrainer",
    "ClusteringTrainingArguments",
    "InputError",
    "TextClustering",
]
