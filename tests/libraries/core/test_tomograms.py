"""Tomograms and stacks: what is refused, and that Xmipp reads what we write."""

import mrcfile
import numpy as np
import pytest
import xmippLib

from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import image_name, new_stack, open_tomogram, write_volume


@pytest.fixture
def tomogram(tmp_path):
    """A tomogram of 6 x 5 x 4 voxels of 8.68 Å."""
    path = tmp_path / "TS 01.mrc"
    write_volume(path, np.arange(120).reshape(4, 5, 6), 8.68)
    return path


def test_a_tomogram_is_opened_memory_mapped_and_read_only(tomogram):
    with open_tomogram(tomogram) as opened:
        assert isinstance(opened.data, np.memmap) and not opened.data.flags.writeable
        assert opened.size == (6, 5, 4) and opened.sampling_rate == pytest.approx(8.68)
        assert opened.data[3, 4, 5] == 119


def test_a_given_sampling_rate_wins_over_the_header(tomogram):
    with open_tomogram(tomogram, 5.0) as opened:
        assert opened.sampling_rate == 5.0


def refusal(path, option: str = "--tomogram") -> str:
    with pytest.raises(InputError) as caught, open_tomogram(path, option=option):
        pass
    message = str(caught.value)
    assert option in message and str(path) in message and "\n" not in message
    return message


def test_a_tomogram_without_sampling_rate_is_refused_with_the_way_out(tmp_path):
    write_volume(tmp_path / "t.mrc", np.zeros((4, 5, 6)), 0.0)
    assert "with tomogram sampling rate, or" in refusal(tmp_path / "t.mrc")
    with open_tomogram(tmp_path / "t.mrc", 10.0) as opened:
        assert opened.sampling_rate == 10.0


def test_a_2d_image_is_no_tomogram(tmp_path):
    write_volume(tmp_path / "flat.mrc", np.zeros((8, 8)), 1.0)
    assert "not a 3D tomogram" in refusal(tmp_path / "flat.mrc")


def test_one_slice_is_no_tomogram(tmp_path):
    write_volume(tmp_path / "slice.mrc", np.zeros((1, 8, 8)), 1.0)
    assert "not a 3D tomogram" in refusal(tmp_path / "slice.mrc")


def test_a_stack_of_volumes_is_no_tomogram(tmp_path):
    with new_stack(tmp_path / "s.mrcs", 2, 4, 1.0) as stack:
        stack.write(1, np.zeros((4, 4, 4)))
    assert "not a 3D tomogram" in refusal(tmp_path / "s.mrcs")


def test_a_truncated_tomogram_is_refused(tomogram):
    tomogram.write_bytes(tomogram.read_bytes()[:-100])
    assert "not a complete MRC" in refusal(tomogram)


def test_missing_empty_and_foreign_files_are_refused(tmp_path):
    assert "does not exist" in refusal(tmp_path / "nothing.mrc", "--tomograms")
    (tmp_path / "empty.mrc").touch()
    assert "is empty" in refusal(tmp_path / "empty.mrc")
    (tmp_path / "text.mrc").write_text("tomo_id,x,y,z\n" * 200)
    assert "not a complete MRC" in refusal(tmp_path / "text.mrc")
    assert "is a folder; give the MRC file" in refusal(tmp_path)


def test_xmipp_reads_single_volumes_of_a_stack(tmp_path):
    path = tmp_path / "boxes of TS 1.mrcs"
    values = np.random.default_rng(0).normal(size=(4, 8, 8, 8)).astype(np.float32)
    with new_stack(path, 4, 8, 8.68) as stack:
        assert stack.shape == (4, 8, 8, 8)
        for index in (2, 0, 3, 1):
            stack.write(index, values[index])
    for index in (1, 3, 4):
        image = xmippLib.Image(image_name(index, path))
        np.testing.assert_allclose(image.getData(), values[index - 1], atol=1e-6)
    assert xmippLib.Image(f"000003@{path}").getDimensions()[:3] == (8, 8, 8)
    with mrcfile.open(path) as file:
        assert file.header.ispg == 401 and file.is_volume_stack()
        assert file.voxel_size.x == pytest.approx(8.68) and file.voxel_size.z == pytest.approx(8.68)


def test_a_stack_that_fails_half_way_is_not_there(tmp_path):
    with pytest.raises(RuntimeError), new_stack(tmp_path / "s.mrcs", 3, 8, 1.0) as stack:
        stack.write(0, np.ones((8, 8, 8)))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_names_of_images():
    assert image_name(12, "path/stack.mrcs") == "000012@path/stack.mrcs"
