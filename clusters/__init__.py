"""The mathematics: pure functions of arrays, which know no tokenizer, no model and no disk."""
