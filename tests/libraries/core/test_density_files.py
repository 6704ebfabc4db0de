"""Densities as programs write them: whatever bytes, stamp and voxels, the grey values are right or the file is refused."""

import bz2
import gzip
import struct
import warnings
from contextlib import ExitStack

import mrcfile
import numpy as np
import pytest

from tomo_particles.core.density_files import IMOD_STAMP
from tomo_particles.core.errors import GreyValuesError, InputError
from tomo_particles.core.grey_values import grey_limits, grey_scale
from tomo_particles.core.tomograms import each_tomogram, open_tomogram, tomogram_id

NOTE = "has bytes (MRC mode 0) that are "
STAMP, MAP_ID, CELL, DENSITY_RANGE, MODE, AXES, IMOD = 212, 208, 40, 76, 12, 64, 152  # bytes of a header


def grey(dtype=np.int8, mean: float = 0.0) -> np.ndarray:
    """Noise of a (12, 16, 20) tomogram."""
    return np.rint(np.random.default_rng(1).normal(mean, 20, (12, 16, 20))).astype(dtype)


@pytest.fixture
def mrc(tmp_path):
    """Write a tomogram of 10 Å, with some bytes of its header changed."""

    def write(name: str, values: np.ndarray, changes: dict[int, bytes] | None = None, voxel=10.0):
        path = tmp_path / name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of mrcfile, over NaN
            with mrcfile.new(path, values, overwrite=True) as file:
                file.voxel_size = voxel
        content = bytearray(path.read_bytes())
        for place, new in (changes or {}).items():
            content[place : place + len(new)] = new
        path.write_bytes(content)
        return path

    return write


def refusal(path) -> str:
    with pytest.raises(InputError) as caught, open_tomogram(path, option="--tomograms"):
        pass
    message = str(caught.value)
    assert message.startswith(f"--tomograms: '{path}'") and "\n" not in message
    return message


# ----------------------------------------------------------------------------------------------------------------- mode 0
@pytest.mark.parametrize(
    ("imod", "limits", "unsigned", "said"),
    [
        ((IMOD_STAMP, 0), None, True, "unsigned, 0 to 255"),
        ((IMOD_STAMP, 1), None, False, ""),
        (None, (60, 200), True, "unsigned, 0 to 255"),
        (None, (-70, 72), False, ""),
        (None, (0, 0), True, "unsigned, 0 to 255, as its grey values show"),  # nothing in the header: by the grey values
        (None, (0, -1), False, "signed, -128 to 127, as its grey values show"),
        ((IMOD_STAMP, 0), (-70, 72), False, "signed, -128 to 127, as its grey values show"),  # a stamp of another file
    ],
)
def test_bytes_are_read_as_they_are_meant(mrc, imod, limits, unsigned, said):
    truth = grey(mean=128 if unsigned else 0, dtype=np.int16)
    low, high = limits or (truth.min(), truth.max())
    changes = {DENSITY_RANGE: struct.pack("<3f", low, high, 0)} | ({IMOD: struct.pack("<2i", *imod)} if imod else {})
    path = mrc("t.mrc", truth.astype(np.uint8).view(np.int8), changes)
    with open_tomogram(path) as opened:
        np.testing.assert_array_equal(opened.data, truth)
        assert isinstance(opened.data, np.memmap)
        assert [note.partition(NOTE)[2].partition(";")[0] for note in opened.notes] == [said] * bool(said)


def test_bytes_below_128_are_the_same_either_way(mrc):
    with open_tomogram(mrc("t.mrc", np.abs(grey()), {DENSITY_RANGE: bytes(12)})) as opened:
        assert opened.notes == () and opened.data.dtype == np.int8


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int16, np.uint16])
def test_other_modes_stay_as_they_are(mrc, dtype):
    with open_tomogram(mrc("t.mrc", grey(dtype, 300))) as opened:
        assert opened.data.dtype == dtype and opened.notes == ()
        np.testing.assert_array_equal(opened.data, grey(dtype, 300))


# -------------------------------------------------------------------------------------------------------- stamps and order
@pytest.mark.parametrize("stamp", ["00 00 00 00", "44 20 20 20", "44 00 00 00", "11 11 00 00"])
@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_a_wrong_stamp_is_said_and_the_file_read(mrc, stamp, dtype):
    path = mrc("t.mrc", grey(dtype), {STAMP: bytes.fromhex(stamp)})
    with open_tomogram(path) as opened:
        assert opened.sampling_rate == 10 and opened.size == (20, 16, 12)
        np.testing.assert_array_equal(opened.data, grey(dtype))
        assert f"has the machine stamp {stamp} in its header; mode, size and length agree" in opened.notes[0]


def test_big_endian_files_are_read_with_and_without_their_stamp(mrc, tmp_path):
    little = mrc("t.mrc", grey(np.int16)).read_bytes()
    header = np.frombuffer(little[:1024], "<i4").copy()
    header = header.byteswap().tobytes()
    text = slice(208, 212)
    data = np.frombuffer(little[1024:], "<i2").byteswap().tobytes()
    for stamp, notes in ((b"\x11\x11\0\0", 0), (b"\0\0\0\0", 1)):
        content = bytearray(header + data)
        content[text], content[STAMP : STAMP + 4] = b"MAP ", stamp
        (tmp_path / "big.mrc").write_bytes(content)
        with open_tomogram(tmp_path / "big.mrc") as opened:
            np.testing.assert_array_equal(opened.data, grey(np.int16))
            assert len(opened.notes) == notes and opened.sampling_rate == 10


def test_a_file_without_the_id_is_read_if_its_length_is_right(mrc):
    path = mrc("t.mrc", grey(np.float32), {MAP_ID: bytes(4)})
    with open_tomogram(path) as opened:
        np.testing.assert_array_equal(opened.data, grey(np.float32))
        assert "has no MRC id" in opened.notes[0]
    path.write_bytes(path.read_bytes()[:-4])
    assert "is not a complete MRC file" in refusal(path)


def test_a_file_that_is_longer_than_it_says(mrc):
    path = mrc("t.mrc", grey(np.float32))
    path.write_bytes(path.read_bytes() + bytes(8))
    with open_tomogram(path) as opened:
        assert "8 bytes larger than expected" in opened.notes[0]


# ----------------------------------------------------------------------------------------------------------------- voxels
def test_voxels_that_are_no_cubes_are_refused_with_their_sizes(mrc):
    path = mrc("t.mrc", grey(), voxel=(10, 10, 20))
    assert "has voxels of 10 x 10 x 20 Å in its header, and only cubes can be used" in refusal(path)
    with pytest.raises(InputError, match="10 x 10 x 20"), open_tomogram(path, 10.0):  # nor if somebody says a size
        pass


def test_rounded_cubes_pass_and_what_is_more_is_said(mrc):
    with open_tomogram(mrc("warp.mrc", grey(), voxel=(10.002, 9.999, 10.005))) as opened:
        assert opened.notes == () and opened.sampling_rate == pytest.approx(10.002)
    with open_tomogram(mrc("odd.mrc", grey(), voxel=(10, 10, 10.05))) as opened:
        assert "has voxels of 10 x 10 x 10.05 Å" in opened.notes[0]


def test_axes_in_another_order_are_refused(mrc):
    assert "its axes in the order z, y, x" in refusal(mrc("t.mrc", grey(), {AXES: struct.pack("<3i", 3, 2, 1)}))
    with open_tomogram(mrc("none.mrc", grey(), {AXES: bytes(12)})) as opened:  # nothing said
        assert opened.size == (20, 16, 12)


def test_a_voxel_of_1_is_said_unless_somebody_gives_it(mrc):
    path = mrc("t.mrc", grey(), voxel=1.0)
    with open_tomogram(path) as opened:
        assert opened.sampling_rate == 1 and "has voxels of 1 Å in its header" in opened.notes[0]
    with open_tomogram(path, 12.0) as opened:
        assert opened.sampling_rate == 12 and opened.notes == ()


def test_a_sampling_rate_unlike_the_others_is_said(mrc):
    paths = [mrc("TS_1.mrc", grey()), mrc("TS_2.mrc", grey(), voxel=20.0), mrc("TS_3.mrc", grey(), voxel=10.001)]
    notes: list[str] = []
    assert [opened.sampling_rate for opened in each_tomogram(paths, None, "--tomograms", notes)][:2] == [10, 20]
    (note,) = notes
    assert "different sampling rates" in note and f"20 Å/voxel: '{paths[1]}'" in note and f"10 Å/voxel: '{paths[0]}', '" in note
    assert [opened.sampling_rate for opened in each_tomogram(paths, 5.0, "--tomograms", notes)] == [5, 5, 5] and len(notes) == 1


# ------------------------------------------------------------------------------------------------------------ other files
@pytest.mark.parametrize(("ending", "pack", "name"), [(".gz", gzip.compress, "gzip"), (".bz2", bz2.compress, "bzip2")])
def test_compressed_files_are_read(mrc, ending, pack, name):
    path = mrc("TS_1.mrc", grey(np.float32))
    packed = path.with_name(path.name + ending)
    packed.write_bytes(pack(path.read_bytes()))
    assert tomogram_id(packed) == tomogram_id(path) == "TS_1"
    with open_tomogram(packed) as opened:
        np.testing.assert_array_equal(opened.data, grey(np.float32))
        assert opened.sampling_rate == 10 and f"is compressed ({name})" in opened.notes[0]
    packed.write_bytes(packed.read_bytes()[:-20])
    assert f"is compressed ({name}) and what is in it is not a complete MRC file" in refusal(packed)
    packed.write_bytes(pack(b"text" * 1000))
    assert "what is in it is not a complete MRC file" in refusal(packed)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(2000), "is an HDF5 file, as EMAN2 writes them; e2proc3d.py"),
        (b"II*\0" + bytes(2000), "is a TIFF file; tif2mrc"),
        (b"MM\0*" + bytes(2000), "is a TIFF file; tif2mrc"),
        (b"PK\x03\x04" + bytes(2000), "is compressed (zip)"),
        (bytes([6, 0, 0, 5]) + struct.pack("<3i", 4, 3, 2) + bytes(496 + 96), "is an EM file (TOM, PyTom)"),
        (bytes([5, 0, 0, 2]) + struct.pack(">3i", 4, 3, 2) + bytes(496 + 48), "is an EM file (TOM, PyTom)"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path, content, said):
    (tmp_path / "t.mrc").write_bytes(content)
    assert said in refusal(tmp_path / "t.mrc")


def test_an_ome_zarr_is_called_so(tmp_path):
    (tmp_path / "t.zarr").mkdir()
    (tmp_path / "t.zarr" / ".zgroup").write_text("{}")
    assert "is a folder, an OME-Zarr; give the volume as MRC" in refusal(tmp_path / "t.zarr")


@pytest.mark.parametrize(("mode", "what"), [(3, "complex numbers"), (4, "complex numbers"), (16, "colours"), (101, "4 bits")])
def test_modes_that_hold_no_densities(mrc, mode, what):
    assert what in refusal(mrc("t.mrc", grey(np.float32), {MODE: struct.pack("<i", mode)}))


# ---------------------------------------------------------------------------------------------------------------- no numbers
def test_voxels_that_are_no_numbers_do_not_count_among_the_grey_values(mrc):
    values = grey(np.float32)
    expected = grey_scale(values), grey_limits(values)
    values[0, 0, 0], values[4, 4, 4] = np.nan, np.inf
    assert grey_scale(values) == pytest.approx(expected[0], abs=1.5) and grey_limits(values) == pytest.approx(expected[1], abs=3)


@pytest.mark.parametrize("rest", [0.0, 1e-9, 1e-20])
def test_the_grey_scale_of_a_tomogram_that_is_mostly_empty_is_that_of_its_data(rest):
    """Its deviation was that of the rounding of the empty part, so that nothing else was flat and everything stood out."""
    rng = np.random.default_rng(2)
    values = rng.normal(5, 2, (64, 64, 64)).astype(np.float32)
    values[:, :40] = rest * rng.standard_normal((64, 40, 64))
    assert grey_scale(values) == pytest.approx((5, 2), abs=0.2)
    values[10:12, 60:62, 10:12] = 1e6  # a few spikes are not what is common
    assert grey_scale(values) == pytest.approx((5, 2), abs=0.2)


def test_a_tomogram_without_numbers_is_refused_by_name(mrc):
    path = mrc("t.mrc", np.full((8, 8, 8), np.nan, dtype=np.float32))
    with pytest.raises(InputError, match="holds no numbers, only NaN, infinite or huge voxels"), open_tomogram(path) as opened:
        grey_scale(opened.data)
    with pytest.raises(GreyValuesError):
        grey_limits(np.full((8, 8, 8), np.inf))


@pytest.mark.parametrize(("unit", "reason"), [(1e20, "holds no numbers"), (1e-18, "has grey values that deviate by .*e-17")])
def test_a_tomogram_of_huge_or_tiny_grey_values_is_refused_by_name(mrc, unit, reason):
    path = mrc("t.mrc", (unit * (1000 + grey(np.float32))).astype(np.float32))
    with pytest.raises(InputError, match=rf"t\.mrc' {reason}"), open_tomogram(path) as opened:
        grey_scale(opened.data)


def test_of_several_open_tomograms_the_one_without_numbers_is_named(mrc):
    """A trial got the name of the last one opened."""
    fills = {"first": 1.0, "bad": np.nan, "last": 1.0}
    paths = [mrc(f"{name}.mrc", np.full((8, 8, 8), fill, dtype=np.float32)) for name, fill in fills.items()]
    with pytest.raises(InputError, match=r"bad\.mrc' holds no numbers"), ExitStack() as stack:
        opened = [stack.enter_context(open_tomogram(path)) for path in paths]
        for tomogram in opened:
            grey_limits(tomogram.data)


# --------------------------------------------------------------------------------------------------------- the shared cases
def test_the_cases_of_the_field(shared_data):
    cases = shared_data / "cases"
    if not cases.is_dir():
        pytest.skip(f"no cases: {cases} does not exist")
    for path in sorted((cases / "06-mrc-stamp-and-id").glob("*.mrc")):
        with open_tomogram(path) as opened:
            assert opened.size == (32, 32, 16) and opened.sampling_rate == 10 and len(opened.notes) == 1
    folder = cases / "07-mrc-unsigned-bytes"
    with open_tomogram(folder / "signed.mrc") as signed, open_tomogram(folder / "unsigned.mrc") as unsigned:
        assert len(np.unique(unsigned.data.astype(int) - signed.data)) == 1
    assert "10 x 10 x 20" in refusal(cases / "09-mrc-anisotropic-voxels" / "TS_01.mrc")
    folder = cases / "17-tomograms-compressed-or-not-mrc"
    with open_tomogram(folder / "TS_01.mrc.gz") as opened:
        assert opened.size == (80, 80, 40)
    assert "OME-Zarr" in refusal(folder / "TS_02.zarr") and "EMAN2" in refusal(folder / "TS_03.hdf")


def test_holes_are_filled_where_boxes_are_cut(mrc):
    from tomo_particles.core.subtomograms import Cutter

    values = grey(np.float32, 50)
    values[6, 8, 10], values[5, 8, 10] = np.nan, -np.inf
    cutter = Cutter(8, 10.0, normalise=True)
    box, gaps = cutter.raw(values, np.array([10.0, 8, 6]), 10.0)
    others = values[2:10, 4:12, 6:14]
    assert gaps == 2 and box[4, 4, 4] == pytest.approx(others[np.isfinite(others)].mean())
    assert cutter.cut(values, np.array([10.0, 8, 6]), 10.0).std() == pytest.approx(1, abs=1e-3)  # it was black before
    for place, rate in (([1.0, 8, 6], 10.0), ([19.0, 8, 6], 10.0), ([5.0, 4, 3], 5.0)):  # across the border; at another rate
        assert np.isfinite(cutter.raw(values, np.array(place), rate)[0]).all()
    assert cutter.raw(values, np.array([5.0, 4.0, 3.0]), 5.0)[1] == 2
    assert cutter.raw(grey(), np.array([10.0, 8, 6]), 10.0)[1] == 0
