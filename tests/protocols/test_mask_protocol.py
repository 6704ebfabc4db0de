"""Masks of tomograms in Scipion: the run, its set, the pickers that take it, the window with map, mask and picks."""

import warnings

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.tests import test_protocol_mask_tomograms3d as scipion_tests

TestMaskTomograms3D = scipion_tests.TestMaskTomograms3D

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates


@pytest.fixture(scope="module", autouse=True)
def folder_kept():
    """Scipion's tests change into their project: come back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(".")
        yield
