"""The import of coordinates: its command line here, its runs by the tests that Scipion's runner finds, collected as well."""

import warnings

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.protocols.shared.commands import ImportOptions, export_arguments, import_arguments
    from xmipptomo.tests import test_protocol_import_coordinates3d as scipion_tests


@pytest.mark.slow
class TestImportCoordinates3D(scipion_tests.TestImportCoordinates3D):
    """Five launches of Scipion."""

    pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

    @pytest.fixture(scope="class", autouse=True)
    def folder_kept(self):
        """Scipion's tests change into their project: come back."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(".")
            yield


def test_the_command_line_of_an_import():
    arguments = import_arguments(["a.star", "b c.cbox"], "o.xmd", "n.txt", ["TS_1.mrc"], 10.0, ImportOptions())
    assert arguments == [
        "-i",
        "a.star",
        "b c.cbox",
        "-o",
        "o.xmd",
        "--note",
        "n.txt",
        "--tomograms",
        "TS_1.mrc",
        "--tomogramSamplingrate",
        10.0,
        "--overwrite",
    ]
    options = ImportOptions("relion5", 5.0, ["1=TS_1"], True, True, ["ribosome", "7"], True)
    assert import_arguments(["a"], "o", "n", ["t"], 10.0, options)[-13:] == [
        "--from",
        "relion5",
        "--samplingrate",
        5.0,
        "--unit",
        "angstrom",
        "--names",
        "1=TS_1",
        "--class",
        "ribosome",
        "7",
        "--subset",
        "--dropOutside",
    ]


def test_the_command_line_of_an_export():
    arguments = export_arguments("p.xmd", "o.star", ["a.mrc", "b.mrc"], 10.0, format_name="relion5", species=["ribosome"])
    assert arguments == [
        "-i",
        "p.xmd",
        "-o",
        "o.star",
        "--to",
        "relion5",
        "--tomograms",
        "a.mrc",
        "b.mrc",
        "--tomogramSamplingrate",
        10.0,
        "--class",
        "ribosome",
    ]


def test_the_form_offers_every_format_that_the_library_writes():
    from tomo_particles.formats.registry import FORMATS
    from xmipptomo.constants import EXPORT_FILES

    written = {one.name: one for one in FORMATS if one.write is not None}
    assert set(EXPORT_FILES) == set(written)
    for name, file in EXPORT_FILES.items():
        assert "." + file.rpartition(".")[2] in written[name].extensions
        assert ("{tomo}" in file) == written[name].single


def test_the_form_offers_the_formats_of_the_library():
    from tomo_particles.formats.registry import FORMATS
    from xmipptomo.constants import IMPORT_FORMATS

    assert tuple(one.name for one in FORMATS) == IMPORT_FORMATS
