"""The tests that Scipion's runner finds in the plugin, collected by pytest as well."""

import warnings

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.tests import test_protocol_answers as scipion_tests_of_answers
    from xmipptomo.tests import test_protocol_deep_consensus_picking3d as scipion_tests
    from xmipptomo.tests import test_protocol_second_look as scipion_tests_of_the_second_look

TestDeepConsensusPicking3D = scipion_tests.TestDeepConsensusPicking3D
TestAnswers = scipion_tests_of_answers.TestAnswers
TestSecondLook = scipion_tests_of_the_second_look.TestSecondLook
pytest.mark.slow(TestSecondLook.test_it_scores_and_centres_the_picks_and_is_continued_without_training)  # three runs

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates


@pytest.fixture(scope="module", autouse=True)
def folder_kept():
    """Scipion's tests change into their project: come back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(".")
        yield
