"""A derived picker in Scipion: the consensus, a picker that learns from it, the consensus again."""

import warnings

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.tests import test_protocol_derived_picker as scipion_tests

TestDerivedPicker = scipion_tests.TestDerivedPicker

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Scipion leaves databases open and uses what Python deprecates
    pytest.mark.slow,  # three runs; the same on the command line is quick
]


@pytest.fixture(scope="module", autouse=True)
def folder_kept():
    """Scipion's tests change into their project: come back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(".")
        yield
