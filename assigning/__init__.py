"""A finished model over any number of texts: what goes through it, shard by shard."""

from .assigner import Assigner
from .run import assign


__all__ = ["Assigner", "assign"]
