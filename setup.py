"""Installation of the plugin `scipion-em-xmipptomo`: `pip install .`, or `scipion3 installp -p . --devel`."""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.egg_info import egg_info

HERE = Path(__file__).parent
LIBRARIES = "libraries"
PLUGIN = "xmipptomo"
PROGRAMS = (
    "simulate_tomo",
    "pick_blobs_tomo",
    "template_matching_tomo",
    "coordinates_consensus_tomo",
    "pick_noise_tomo",
    "tomo_extract_subtomograms",
    "deep_picking_consensus_tomo",
    "run_deep_consensus_tomo",
    "consensus_report_tomo",
    "evaluate_picking_tomo",
    "convert_coordinates_tomo",
    "average_subtomograms",
    "map_resolution_tomo",
    "compare_branches_tomo",
    "second_look_tomo",
    "learn_answers_tomo",
    "curate_picks_tomo",
    "train_picker_tomo",
    "deep_pick_tomo",
    "join_picks_tomo",
    "picking_consensus_tomo",
    "mask_tomo",
    "split_subtomograms_tomo",
    "run_split_volume",
    "reconstruct_classes_tomo",
    "refine_classes_tomo",
    "simulate_particles_tomo",
    "evaluate_classification_tomo",
    "graph_max_cut",
    "aligned_2d_classification",
)


def read_version() -> str:
    """The version, read as text: importing the package here would need its dependencies."""
    text = (HERE / LIBRARIES / "tomo_particles" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE).group(1)


class EggInfoPluginFirst(egg_info):
    """Metadata whose list of top-level packages begins with the plugin.

    `scipion3 installp --devel` takes the first line of top_level.txt for the plugin (scipion-app 3.8.3, install/plugin_funcs.py);
    setuptools sorts the lines, and the installation would end in a KeyError.
    """

    def run(self) -> None:
        super().run()
        top_level = Path(self.egg_info, "top_level.txt")
        names = top_level.read_text(encoding="utf-8").split()
        top_level.write_text("\n".join(sorted(names, key=lambda name: (name != PLUGIN, name))) + "\n", encoding="utf-8")


# Scipion pins numpy, Pillow and matplotlib exactly: install everything in ONE pip command, or TensorFlow, added later, replaces
# the pinned numpy. The bounds here say only what our code needs; the pins are Scipion's.
DEPENDENCIES = [
    "scipion-pyworkflow>=3.11.2",  # protocols, projects, parameters; it brings matplotlib
    "scipion-em>=3.11.1",  # pwem: the domain that plugins belong to
    "scipion-em-tomo>=3.12",  # SetOfTomograms, SetOfCoordinates3D
    "scipion-app>=3.8",  # the `scipion` command: configuration, windows, test runner
    "pyxmipp3>=0.4",  # xmippLib: XMD tables, and the parser of command lines of Xmipp's programs
    "tensorflow>=2.16",  # the network; 2.16 is the first with Keras 3, whose files (.h5, .keras) we write
    "numpy>=1.26",  # arrays; 1.26 is the first that runs on Python 3.12
    "pandas",  # pick files and result tables in CSV
    "h5py>=3.7",  # what a model file says of itself, read without TensorFlow, which brings it
    "mrcfile>=1.4",  # tomograms and subtomogram stacks, memory-mapped
    # bars on a terminal; tqdm is smaller, but keras brings rich anyway, and rich keeps notes above the bars of several stages
    "rich>=13",
    "jinja2>=3.1",  # the HTML report: escapes names of files and pickers; pure Python, one small dependency
    "psutil",  # the processes of a run that Scipion started twice; scipion-pyworkflow brings it
    "imodmodel>=0.1",  # IMOD models; it brings pydantic
    "dynamotable>=0.3",  # Dynamo tables; needs pandas only
    # k-d trees, distance transforms, rescaling; the trials of a tuning (scipy.stats.qmc): Optuna would bring SQLAlchemy, alembic
    # and three packages more; KerasTuner needs scikit-learn to search and, once killed, goes on with other trials
    "scipy>=1.10",
]
EXTRAS = {
    "gpu": ["tensorflow[and-cuda]"],  # the CUDA libraries as wheels; the driver is the machine's
    "cluster": ["distributed>=2024.1"],  # --scheduler: tomograms on several machines (Dask); pure Python
    # aiosmtpd: a real mail server for the tests of the monitor; distributed: those of --scheduler; dask-jobqueue: those in SLURM
    # hypothesis: invariants of consensus, noise and rescaling; pytest-xdist: one process per core, half the time on two
    "test": ["pytest>=8", "hypothesis>=6", "pytest-xdist>=3.5", "aiosmtpd>=1.4", "distributed>=2024.1", "dask-jobqueue>=0.9"],
    "dev": ["ruff>=0.6", "mypy>=1.11"],  # make lint
}

setup(
    name="scipion-em-xmipptomo",
    version=read_version(),
    description="Scipion plugin: deep consensus picking of particles in cryo-electron tomograms",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="GPL-3.0-only",
    keywords="scipion cryo-em cryo-et tomography particle-picking consensus deep-learning",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
    python_requires=">=3.10,<3.13",  # what was tried, and what stops 3.13: CONTRIBUTING.md
    install_requires=DEPENDENCIES,
    extras_require=EXTRAS,
    packages=find_packages(LIBRARIES) + find_packages(include=[PLUGIN, f"{PLUGIN}.*", "xmipp_scripts", "xmipp_scripts.*"]),
    # "" also says where the .egg-info goes: in the root, a Scipion started from there would take it for the installed plugin
    package_dir={"": LIBRARIES, PLUGIN: PLUGIN, "xmipp_scripts": "xmipp_scripts"},
    package_data={
        PLUGIN: ["protocols.conf", "*.png", "*.svg", "templates/*.json.template"],
        "tomo_particles": ["reports/*.html"],
    },
    cmdclass={"egg_info": EggInfoPluginFirst},
    entry_points={
        "pyworkflow.plugin": [f"{PLUGIN} = {PLUGIN}"],
        "console_scripts": [f"xmipp_{name} = xmipp_scripts.{name}:main" for name in PROGRAMS],
    },
)
