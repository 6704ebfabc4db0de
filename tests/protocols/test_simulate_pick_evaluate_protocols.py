"""The tests of the simulation, the pickers and the evaluation that Scipion's runner finds, collected by pytest as well."""

import warnings

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.tests import test_protocols_simulate_pick_evaluate as scipion_tests

TestSimulatePickEvaluate = scipion_tests.TestSimulatePickEvaluate

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates


@pytest.fixture(scope="module", autouse=True)
def folder_kept():
    """Scipion's tests change into their project: come back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(".")
        yield
