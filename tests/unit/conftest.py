"""What tests of several rooms stand on."""

import pytest

from akeso.testing.feature_bench import FeatureBench


@pytest.fixture
def bench() -> FeatureBench:
    """A feature builder that is fed by hand."""
    return FeatureBench()
