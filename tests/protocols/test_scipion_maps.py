"""Volumes of a project as the files that programs read."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from tomo_particles.core.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open

maps = pytest.importorskip("xmipptomo.maps")
from pwem.objects import SetOfVolumes, Volume  # noqa: E402


@pytest.fixture
def volume_of(tmp_path):
    """Make a volume of values that say where they are; the header's sampling rate is wrong, as headers are."""

    def make(name: str, rate: float = 12.5, label: str = "") -> Volume:
        path = tmp_path / name
        with mrcfile.new(path, np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6), overwrite=True) as file:
            file.voxel_size = 1.0
        volume = Volume()
        volume.setLocation(str(path))
        volume.setSamplingRate(rate)
        volume.setObjLabel(label)
        return volume

    return make


def test_names_are_labels_or_file_names_and_differ(volume_of):
    volumes = [
        volume_of("emd_1.map.mrc"),
        volume_of("a.mrc", label="20S proteasome (α)"),
        volume_of("b.mrc", label="rod"),
        volume_of("rod.mrc"),
    ]
    assert maps.names_of(volumes) == ["emd_1.map", "20S_proteasome", "rod", "rod_2"]


def test_sets_and_volumes_are_taken_in_order(volume_of, tmp_path):
    several = SetOfVolumes(filename=str(tmp_path / "volumes.sqlite"))
    several.setSamplingRate(12.5)
    for name in ("a.mrc", "b.mrc"):
        several.append(volume_of(name, label=name[0]))
    several.write()
    assert maps.names_of(list(maps.volumes_of([volume_of("c.mrc"), several]))) == ["c", "a", "b"]


def test_a_written_map_has_the_values_and_the_sampling_rate_of_the_project(volume_of, tmp_path):
    (path,) = maps.write_maps(str(tmp_path / "new folder"), [volume_of("it is.mrc", label="my complex")])
    assert path == str(tmp_path / "new folder" / "my_complex.mrc")
    with mrcfile.open(path) as file:
        np.testing.assert_array_equal(file.data, np.arange(120).reshape(4, 5, 6))
        assert file.voxel_size.x == pytest.approx(12.5)


def test_a_missing_volume_is_named(volume_of, tmp_path):
    volume = volume_of("a.mrc")
    volume.setLocation(str(tmp_path / "lost.mrc"))
    with pytest.raises(InputError, match=r"lost\.mrc does not exist"):
        maps.write_maps(str(tmp_path), [volume])


def test_unsigned_bytes_are_read_as_they_are_meant(volume_of, tmp_path):
    volume = volume_of("bytes.mrc")
    path = volume.getFileName()
    values = np.random.default_rng(0).integers(60, 200, (8, 8, 8))
    with mrcfile.new(path, values.astype(np.uint8).view(np.int8), overwrite=True) as file:
        file.voxel_size = 1.0
    content = bytearray(Path(path).read_bytes())
    content[152:160] = np.array([1146047817, 0], "<i4").tobytes()  # IMOD's words in its headers
    Path(path).write_bytes(content)
    (written,) = maps.write_maps(str(tmp_path / "maps"), [volume])
    with mrcfile.open(written) as file:
        np.testing.assert_array_equal(file.data, values)


def test_voxels_that_are_no_cubes_are_refused(volume_of, tmp_path):
    volume = volume_of("flat.mrc")
    with mrcfile.open(volume.getFileName(), mode="r+") as file:
        file.voxel_size = (1.0, 1.0, 2.0)
    with pytest.raises(InputError, match="voxels of 1 x 1 x 2 Å"):
        maps.write_maps(str(tmp_path), [volume])
