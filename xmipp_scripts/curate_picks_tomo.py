"""xmipp_curate_picks_tomo: a window in which a person says of single picks of a finished run whether they are particles."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError

from ._shared.program import Program, run, say_result

if TYPE_CHECKING:
    from tomo_particles.runs.curation import Curation


class CuratePicksTomo(Program):
    """Command line of the window of `reports.curation`."""

    name = "xmipp_curate_picks_tomo"
    parameters = {"run": "--run"}

    def defineParams(self) -> None:
        self.addUsageLine("Say of single picks of a finished deep consensus whether they are particles.")
        self.addUsageLine(
            "The window shows the picks from which the run learns most: doubtful ones, the best of each kind of lookalike, and "
            "picks of every score. Press y for a particle, n for none, the space bar to skip, u to undo. The slice of the "
            "tomogram beside it has all picks: a click on a pick accepts or rejects it, a click elsewhere adds a particle. Every "
            "answer is saved at once in answers.csv of the run (beside the folder consensus of the Scipion protocol), with your "
            "name and the time. Thirty answers are a good number. To learn from them, give the command of "
            "xmipp_run_deep_consensus_tomo again with the same options, or choose Continue in Scipion: it takes seconds, and "
            "nothing is extracted or trained again."
        )
        self.addParamsLine("  --run <folder> : folder of a finished run: --odir, or extra/consensus of the protocol")
        self.addParamsLine(" [--who <name>] : your name, which is saved with the answers; default: that of your account")
        self.addParamsLine(" [--seed <int=1>] : seed of the choice of the picks of every score; saved with these answers")
        self.addParamsLine(
            " [--napari <tomogram>] : open the accepted picks of this tomogram in napari instead, where it is installed. Points "
            "that you delete or add there are saved as answers when you close it"
        )
        self.addExampleLine("xmipp_curate_picks_tomo --run consensus")

    def readParams(self) -> None:
        self.folder = self.getParam("--run")
        self.who = self.optional_path("--who")
        self.seed = self.integer("--seed")
        self.tomogram = self.optional_path("--napari")

    def run(self) -> None:
        from tomo_particles.runs.curation import open_curation, this_person

        curation = open_curation(self.folder, self.who or this_person(), self.seed)
        before = len(curation.answers)
        if self.tomogram is not None:
            from tomo_particles.reports.curation.in_napari import edit_in_napari

            edit_in_napari(curation, self.tomogram, "--napari")
        else:
            _open_window(curation)
        say_result(
            f"{len(curation.answers) - before} answers were saved in {curation.file}, which holds {len(curation.answers)}",
            "to learn from them, give the command of the run again with the same options, or choose Continue in Scipion",
        )


def _open_window(curation: Curation) -> None:
    """Show the window until it is closed. Raises InputError where there is no screen."""
    from matplotlib import pyplot

    from tomo_particles.reports.curation.window import SIZE, TITLE, CurationWindow

    try:
        pyplot.switch_backend("TkAgg")  # Scipion needs Tk; a Qt that is found may end the process
    except ImportError as error:
        raise InputError(
            f"no window can be opened here ({error}); start the program on a screen (over ssh, forward X), or write the answers "
            f"into '{curation.file}' yourself: xmipp_learn_answers_tomo --help names its columns"
        ) from error
    window = CurationWindow(pyplot.figure(TITLE, figsize=SIZE), curation)
    pyplot.show()
    del window  # matplotlib keeps no reference to what listens


def main() -> int:
    """Console script."""
    return run(CuratePicksTomo)


if __name__ == "__main__":
    sys.exit(main())
