"""Trained pickers in Scipion: training, model, picking, their windows and forms."""

import warnings

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.tests import test_protocols_learned_pickers as scipion_tests

TestLearnedPickers = scipion_tests.TestLearnedPickers
TestNetworksOfSimulations = scipion_tests.TestNetworksOfSimulations

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates


@pytest.fixture(scope="module", autouse=True)
def folder_kept():
    """Scipion's tests change into their project: come back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(".")
        yield
