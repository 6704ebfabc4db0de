"""Volumes of a project as the files that programs read."""

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
    volumes = [volume_of("emd_1.map.mrc"), volume_of("a.mrc", label="20S proteasome (α)"), volume_of("b.mrc", label="rod"),
               volume_of("rod.mrc")]
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
