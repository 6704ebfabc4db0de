"""Every path of a run of a protocol: the steps share nothing but these files, so that a run can be resumed."""

from __future__ import annotations

from pathlib import Path

from tomo_particles.core.files import file_stem
from tomo_particles.runs.layout import ProtocolLayout

POSITIVE, DOUBTFUL, NEGATIVE, NOISE, RAW, DERIVED = "positive", "doubtful", "negative", "noise", "raw", "derived"
MERGED = (POSITIVE, DOUBTFUL, NEGATIVE)
LABELS = (POSITIVE, DOUBTFUL, NEGATIVE, NOISE)


class ProtocolFiles:
    """Paths below a folder of a run's extra folder; strings, because command lines and Scipion's sets hold strings."""

    folder = ""

    def __init__(self, extra_folder: str) -> None:
        self.root = Path(extra_folder) / self.folder

    def _at(self, *parts: str) -> str:
        return str(self.root.joinpath(*parts))

    def messages(self, job: str) -> str:
        """What a program wrote to its standard error; `job` is unique in the run."""
        return self._at("messages", f"{file_stem(job)}.txt")

    def failure(self, ts_id: str) -> str:
        """Text: why a tomogram (or another item of the run) was left out. It exists only then."""
        return self._at("failed", f"{file_stem(ts_id)}.txt")

    @property
    def summary(self) -> str:
        """JSON: the numbers that the summary shows."""
        return self._at("summary.json")

    @property
    def without_gpu(self) -> str:
        """Text: why the CPU works instead of the GPUs of the form. It exists only then."""
        return self._at("without_gpu.txt")


class RunFiles(ProtocolLayout, ProtocolFiles):
    """Files of the deep consensus: those of every run, and what only a protocol needs."""

    folder = "consensus"

    def __init__(self, extra_folder: str) -> None:
        super().__init__(Path(extra_folder) / self.folder)

    @property
    def tuned(self) -> str:
        """JSON: the settings file of the training, and what was used of it."""
        return self._at("tuned_settings.json")


class SimulationFiles(ProtocolFiles):
    """Files of a simulation; the program names all but the maps."""

    folder = "simulation"

    @property
    def maps(self) -> str:
        """Folder of the densities that are placed, one MRC per species."""
        return self._at("maps")

    @property
    def output(self) -> str:
        """Folder that the program fills."""
        return self._at("output")

    @property
    def truth(self) -> str:
        """XMD: every placed object."""
        return self._at("output", "ground_truth.xmd")

    @property
    def classes(self) -> str:
        """CSV: one line per class."""
        return self._at("output", "classes.csv")

    @property
    def parameters(self) -> str:
        """JSON: the parameters of the program, with its seed."""
        return self._at("output", "simulation.json")

    def tomogram(self, name: str) -> str:
        """MRC of one tomogram."""
        return self._at("output", f"{name}.mrc")

    def template(self, name: str) -> str:
        """MRC of the density of one class."""
        return self._at("output", "templates", f"{name}.mrc")


class LinkedFiles(ProtocolFiles):
    """Files of a run whose programs know a tomogram by the name of its file: they get links of those names."""

    @property
    def tomograms(self) -> str:
        """Folder of the links."""
        return self._at("tomograms")

    def tomogram(self, ts_id: str) -> str:
        """Link to a tomogram, named by its tilt-series id: programs take the name for the id."""
        return self._at("tomograms", f"{file_stem(ts_id)}.mrc")

    @property
    def region_masks(self) -> str:
        """Folder of the links to masks of regions."""
        return self._at("region_masks")

    def region_mask(self, ts_id: str) -> str:
        """Link to the mask of regions of one tomogram."""
        return self._at("region_masks", f"{file_stem(ts_id)}_mask.mrc")


class PickingFiles(LinkedFiles):
    """Files of a picker."""

    folder = "picking"

    @property
    def templates(self) -> str:
        """Folder of the templates, one MRC each, named as its class."""
        return self._at("templates")

    @property
    def mask(self) -> str:
        """MRC: where templates and tomograms are compared."""
        return self._at("mask.mrc")

    @property
    def score_maps(self) -> str:
        """Folder of the score of every voxel, where it is asked for."""
        return self._at("score_maps")

    def score_map(self, ts_id: str) -> str:
        """MRC: the score of every voxel of one tomogram, of a trained picker."""
        return self._at("score_maps", f"{file_stem(ts_id)}_scores.mrc")

    def picks(self, ts_id: str) -> str:
        """XMD: the picks of one tomogram."""
        return self._at("picks", f"{file_stem(ts_id)}.xmd")

    def note(self, ts_id: str) -> str:
        """Text: what the program noted of one tomogram, a line each."""
        return self._at("notes", f"{file_stem(ts_id)}.txt")


class PickerTrainingFiles(LinkedFiles):
    """Files of the training of a picker; the program names what lies beside the model."""

    folder = "training"

    @property
    def coordinates(self) -> str:
        """XMD: what is learned from, all tomograms."""
        return self._at("coordinates.xmd")

    @property
    def model(self) -> str:
        """The model."""
        return self._at("model.h5")

    def beside(self, ending: str) -> str:
        """A file beside the model: _picks.csv, _training.csv, _thresholds.csv, _patches.png, _summary.json."""
        return self._at(f"model{ending}")

    @property
    def notes(self) -> str:
        """Text: what the program noted, a line each."""
        return self._at("notes.txt")


class JoinFiles(LinkedFiles):
    """Files of the joining of two pickers."""

    folder = "joining"

    def picks(self, role: str) -> str:
        """XMD: the picks of the `network` or of the `template`, or the `truth`, all tomograms."""
        return self._at(f"{role}.xmd")

    @property
    def fit(self) -> str:
        """JSON: how both are joined, as learned here."""
        return self._at("fit.json")

    @property
    def output(self) -> str:
        """CSV: the accepted picks."""
        return self._at("joined.csv")

    @property
    def groups(self) -> str:
        """CSV that the program writes beside the picks: the numbers of each group."""
        return self._at("joined_groups.csv")


class MaskFiles(LinkedFiles):
    """Files of masks of regions; the program names what is in the folder of a tomogram."""

    folder = "masks"

    def user_mask(self, ts_id: str) -> str:
        """Link to the mask that the user made of one tomogram."""
        return self._at("user", f"{file_stem(ts_id)}_mask.mrc")

    def output(self, ts_id: str) -> str:
        """Folder that the program fills for one tomogram."""
        return self._at("output", file_stem(ts_id))

    def mask(self, ts_id: str) -> str:
        """MRC: the class of each voxel."""
        return str(Path(self.output(ts_id)) / f"{file_stem(ts_id)}_mask.mrc")

    def shares(self, ts_id: str) -> str:
        """CSV: the share of each class."""
        return str(Path(self.output(ts_id)) / "masks.csv")


class ImportFiles(LinkedFiles):
    """Files of an import of coordinates."""

    folder = "import"

    @property
    def coordinates(self) -> str:
        """XMD: the coordinates of all tomograms, in voxels of each."""
        return self._at("coordinates.xmd")

    @property
    def notes(self) -> str:
        """Text: what the program said of the files, the tomograms, and where the coordinates lie."""
        return self._at("notes.txt")


class ExportFiles(LinkedFiles):
    """Files of an export of coordinates."""

    folder = "export"

    @property
    def coordinates(self) -> str:
        """XMD: the coordinates of all tomograms, what is exported."""
        return self._at("input", "coordinates.xmd")

    @property
    def folder_of_output(self) -> str:
        """Folder of the files for the other package, and of nothing else."""
        return self._at("files")

    def output(self, name: str) -> str:
        """One of these files, or the pattern of their names."""
        return self._at("files", name)


class EvaluationFiles(LinkedFiles):
    """Files of an evaluation; pickings are numbered from 1 in the order of the form."""

    folder = "evaluation"

    @property
    def truth(self) -> str:
        """XMD: the reference, all tomograms."""
        return self._at("reference.xmd")

    def picks(self, number: int) -> str:
        """XMD: one picking, all tomograms."""
        return self._at(f"picking_{number}.xmd")

    def root_of(self, number: int) -> str:
        """What the names of the evaluation's files of one picking begin with."""
        return self._at(f"evaluation_{number}")

    def report(self, number: int) -> str:
        """JSON: every number of the evaluation of one picking."""
        return f"{self.root_of(number)}.json"

    def curves(self, number: int) -> str:
        """PNG: precision-recall and calibration of one picking; only where picks have scores."""
        return f"{self.root_of(number)}_curves.png"

    def confusion(self, number: int) -> str:
        """PNG: which class is taken for which; only where picks have classes."""
        return f"{self.root_of(number)}_confusion.png"


class AveragingFiles(LinkedFiles):
    """Files of an average, or of a comparison of averages; the program names what is in `output`."""

    folder = "averaging"

    def picks(self, number: int = 1) -> str:
        """XMD: the coordinates of one set, all tomograms, in voxels of these; sets are numbered from 1."""
        return self._at(f"picks_{number}.xmd")

    @property
    def output(self) -> str:
        """Folder that the program fills."""
        return self._at("output")

    @property
    def summary(self) -> str:
        """JSON: what the program says of its result."""
        return self._at("output", "summary.json")

    @property
    def notes(self) -> str:
        """Text: what the protocol has to say besides."""
        return self._at("notes.txt")

    def map(self, name: str) -> str:
        """MRC of an average: average, half1, half2, mask..."""
        return self._at("output", f"{name}.mrc")

    @property
    def aligned(self) -> str:
        """CSV: the picks at their new places."""
        return self._at("output", "aligned.csv")

    @property
    def boxes(self) -> str:
        """Folder of the particles cut out at their new places."""
        return self._at("subtomograms")

    def centres(self, ts_id: str) -> str:
        """XMD: where the particles of one tomogram are cut out."""
        return self._at("subtomograms", f"{file_stem(ts_id)}_centres.xmd")

    def boxes_of(self, ts_id: str) -> str:
        """Folder of the particles of one tomogram."""
        return self._at("subtomograms", file_stem(ts_id))

    def extracted(self, ts_id: str) -> str:
        """XMD: where the particles of one tomogram were cut out, and their files."""
        return self._at("subtomograms", file_stem(ts_id), f"{file_stem(ts_id)}_centres.xmd")

    @property
    def fsc(self) -> str:
        """CSV: the correlations of the halves, a row per shell; only where there are halves."""
        return self._at("output", "fsc.csv")

    @property
    def resolution(self) -> str:
        """Folder of the resolution by direction and at each voxel; only where there are halves."""
        return self._at("resolution")

    def of_resolution(self, name: str) -> str:
        """A file of it: fso.csv, directions.csv, local_resolution.mrc, summary.json, report.html."""
        return self._at("resolution", name)

    @property
    def report(self) -> str:
        """HTML page of a comparison."""
        return self._at("output", "report.html")

    def branch(self, name: str, what: str) -> str:
        """A file of one branch of a comparison: average.mrc, half1.mrc, half2.mrc, fsc.csv."""
        return self._at("output", "maps", f"{file_stem(name)}_{what}")
