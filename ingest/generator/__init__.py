"""Believable, repeatable datasets of any size, for tests and benchmarks."""

from ingest.generator.dataset import DEFAULT_UNTIL_AT, GeneratedDataset, generate_dataset

__all__ = ["DEFAULT_UNTIL_AT", "GeneratedDataset", "generate_dataset"]
