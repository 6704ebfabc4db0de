"""Screenshots of the protocols in Scipion's real window, under Xvfb: python docs/make_screenshots.py [output folder [project]]

Needs xvfb, xdotool, imagemagick and a small window manager: apt install xvfb xdotool imagemagick twm chromium.
Six projects (screenshot_projects.py) are made in a temporary folder; nothing of the user's is touched. With the name of one of
them only its pictures are taken.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from screenshot_desktop import Desktop, environment
from screenshot_projects import MAKE_AVERAGES, MAKE_BENCH, MAKE_CLASSES, MAKE_LEARNED, MAKE_PROJECT, MAKE_PROJECTIONS

PROJECT, BENCH, AVERAGES = "DeepConsensus", "SimulatePickEvaluate", "Averages"
LEARNED, CLASSES, PROJECTIONS = "TrainedPicker", "Classes", "Projections"
# Places in the project window at the size given below.
SAVED_RUN, FINISHED_RUN = (467, 290), (620, 290)
SASH_X, WIDER = 237, 190  # between the tree and the runs
PICKING_GROUP = (57, 466)
BENCH_RUNS = {"simulate": (370, 226), "pick_blobs": (290, 292), "template_matching": (428, 292), "evaluate": (290, 356)}
LEARNED_RUNS = {"train_picker": (370, 292), "deep_pick": (370, 356)}
AVERAGE_RUNS = {"average": (460, 292), "branches": (300, 350)}
CLASS_RUNS = {"split": (380, 290)}
PROJECTION_RUNS = {"split_volume": (380, 290)}
ANALYZE_RESULTS = (1157, 572)
DIRECTIONS_TAB = (104, 64)  # in the form of the viewer of a split of projections
CLOSE_VIEWER = (52, 20)  # of the form of a viewer, from its lower right corner
SHOW_CURVES, SHOW_PICTURES, SHOW_NUMBERS, SHOW_SLICES = 0, 2, 3, 1  # the first three of an evaluation, the last of picks
SHOW_MAPS, SHOW_FSC, SHOW_FSO, SHOW_DIRECTIONS, SHOW_LOCAL, EYE_X_OF_AVERAGE = 0, 1, 2, 3, 4, 582  # of an average: wider
# Every eye of the viewer of a consensus but those that open a browser or another viewer: title of its window, name of the picture
FIGURES = {
    1: ("Curate picks", "curate"),
    2: ("Scores", None),
    3: ("Expected precision", None),
    4: ("Expected number", None),
    5: ("Who saw", "consensus_votes"),
    6: ("Reliability", None),
    7: ("Training", None),
    9: ("Calibration", None),
    11: ("Gallery", "consensus_gallery"),
    12: ("Picks on slices", "consensus_slices"),
    13: ("Picks in space", None),
}
KNOWN_PARTICLES, KNOWN_FIELD = "by_hand.csv", (400, 355)  # a file beside the project, and its field in that viewer
THRESHOLD_WAND, RADIUS_WAND = (717, 788), (717, 728)  # in the form of the finished run
# Of a training: which eye, title of its window, name of the picture
TRAINING_FIGURES = (
    (0, "Training curves", None),
    (1, "Patches with targets", "picker_patches"),
    (2, "Thresholds", None),
    (3, "Confusion", None),
    (5, "Picks on slices", None),
)
PICKING_FIGURES = ((1, "Picks on slices"), (2, "Score map and picks"))  # of picks of a trained picker
LOWEST_SCORE_WAND = (763, 473)
REPORT_SIZE = "1240,2000"
MENU_OTHERS, IMPORT_TEMPLATE = (126, 13), (180, 38)
TWO_PICKERS, SELECT, CANCEL_FIELDS = (120, 88), (486, 308), (652, 385)  # in the dialogs of the templates


def open_tomography(desktop: Desktop, project: str) -> str:
    """The project's window, at its place and size, with the protocols for tomography; its id."""
    main = desktop.window(project)
    time.sleep(3)
    desktop.do("windowmove", main, "0", "0")
    desktop.do("windowsize", main, "1250", "1000", wait=2)
    desktop.click(main, 214, 135)  # the list of views: the third below the first is Tomography
    desktop.do("key", "Down", "Down", "Down", "Return", wait=2)
    return main


def photograph_consensus(desktop: Desktop, folder: Path) -> None:
    """Project window with the protocol in its tree, search box, and each tab of the form."""
    main = open_tomography(desktop, PROJECT)
    desktop.click(main, *PICKING_GROUP)
    desktop.click(main, *FINISHED_RUN)
    desktop.drag(main, (SASH_X, 900), (SASH_X + WIDER, 900))
    desktop.photograph(main, folder / "project.png")
    desktop.do("key", "ctrl+f", wait=2)
    search = desktop.window("Add a protocol")
    desktop.do("type", "deep consensus")
    desktop.do("key", "Return", wait=2)
    desktop.photograph(search, folder / "search.png")
    desktop.do("key", "Escape", wait=2)
    desktop.click(main, SAVED_RUN[0] + WIDER, SAVED_RUN[1], times=2)
    form = desktop.window("Protocol Run")
    time.sleep(2)
    desktop.do("windowmove", form, "700", "100")
    desktop.photograph(form, folder / "form_input.png")
    desktop.click(form, 191, 242)  # expert level: advanced
    for name, x in (("preprocess", 90), ("training", 164)):
        desktop.click(form, x, 273)
        desktop.do("mousemove", "--window", form, "400", "700")
        desktop.photograph(form, folder / f"form_{name}.png")
    desktop.close_form(form)
    photograph_results(desktop, main, folder)
    photograph_wizards(desktop, main, folder)
    photograph_templates(desktop, main, folder)


def photograph_results(desktop: Desktop, main: str, folder: Path) -> None:
    """The viewer of the finished run, some of its figures, and its report in a browser."""
    desktop.click(main, FINISHED_RUN[0] + WIDER, FINISHED_RUN[1])
    time.sleep(2)
    desktop.click(main, *ANALYZE_RESULTS)
    viewer = desktop.window("Protocol Viewer")
    time.sleep(2)
    desktop.photograph(viewer, folder / "consensus_viewer.png")
    desktop.click(viewer, *KNOWN_FIELD)
    desktop.do("type", str(Path(desktop.env["SCIPION_HOME"]) / KNOWN_PARTICLES))
    for eye, (title, name) in FIGURES.items():
        window = desktop.open_eye(viewer, eye, title)
        desktop.photograph(window, folder / f"{name}.png" if name else Path(desktop.env["SCIPION_HOME"]) / "figure.png")
        desktop.do("windowunmap", window)
    desktop.do("windowraise", viewer)
    desktop.close_form(viewer, CLOSE_VIEWER)
    report = next(Path(desktop.env["SCIPION_USER_DATA"]).glob(f"projects/{PROJECT}/Runs/*/extra/consensus/report.html"))
    photograph_page(report, folder / "report.png")


def photograph_wizards(desktop: Desktop, main: str, folder: Path) -> None:
    """The wizard of the threshold and that of box size and radius, from the form of the finished run."""
    desktop.click(main, FINISHED_RUN[0] + WIDER, FINISHED_RUN[1], times=2)
    form = desktop.window("Protocol Run")
    time.sleep(2)
    desktop.do("windowmove", form, "300", "100")
    for wand, title, name in (
        (THRESHOLD_WAND, "Tolerance threshold", "wizard_threshold"),
        (RADIUS_WAND, "Box size, sampling", "wizard_radius"),
    ):
        desktop.click(form, *wand)
        wizard = desktop.window(title)
        time.sleep(2)
        desktop.photograph(wizard, folder / f"{name}.png")
        desktop.do("windowfocus", wizard)
        desktop.do("key", "Escape", wait=2)
    desktop.close_form(form)


def photograph_templates(desktop: Desktop, main: str, folder: Path) -> None:
    """Scipion's list of workflow templates, ours only, and the fields of the one that reads files."""
    desktop.click(main, *MENU_OTHERS)
    desktop.click(main, *IMPORT_TEMPLATE)
    templates = desktop.window("Workflow templates")
    desktop.do("type", "xmipptomo", wait=2)
    desktop.photograph(templates, folder / "templates.png")
    desktop.click(templates, *TWO_PICKERS)
    desktop.click(templates, *SELECT)
    fields = desktop.window("Workflow template customizer")
    time.sleep(2)
    desktop.photograph(fields, folder / "template_fields.png")
    desktop.click(fields, *CANCEL_FIELDS)


def photograph_page(page: Path, path: Path) -> None:
    """The top of an HTML page in headless Chromium, which must have nothing to complain of."""
    command = [
        "chromium",
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        f"--window-size={REPORT_SIZE}",
        f"--screenshot={path}",
        page.resolve().as_uri(),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in done.stderr, done.stderr
    subprocess.run(["mogrify", "+dither", "-colors", "128", "-strip", "-format", "png", str(path)], check=True)
    print(path)


def photograph_forms(desktop: Desktop, main: str, runs: dict[str, tuple[int, int]], folder: Path) -> None:
    """The form of each run; runs: their places in the window of the project."""
    for name, place in runs.items():
        desktop.click(main, *place, times=2)
        form = desktop.window("Protocol Run")
        time.sleep(2)
        desktop.do("windowmove", form, "300", "100")
        desktop.photograph(form, folder / f"form_{name}.png")
        desktop.close_form(form)


def open_results(desktop: Desktop, main: str, place: tuple[int, int], picture: Path | None = None) -> str:
    """Select a run and open its viewer. picture: of the project, with the summary of the run."""
    desktop.click(main, *place)
    time.sleep(2)
    if picture:
        desktop.photograph(main, picture)
    desktop.click(main, *ANALYZE_RESULTS)
    viewer = desktop.window("Protocol Viewer")
    time.sleep(2)
    return viewer


def photograph_bench(desktop: Desktop, folder: Path) -> None:
    """The forms of the simulation, the pickers and the evaluation; the viewer of picks; summary and curves of the last."""
    main = open_tomography(desktop, BENCH)
    photograph_forms(desktop, main, BENCH_RUNS, folder)
    viewer = open_results(desktop, main, BENCH_RUNS["pick_blobs"])
    slices = desktop.open_eye(viewer, SHOW_SLICES, "Picks on slices")
    desktop.photograph(slices, folder / "coordinates_slices.png")
    desktop.do("windowunmap", slices)
    desktop.close_form(viewer, CLOSE_VIEWER)
    viewer = open_results(desktop, main, BENCH_RUNS["evaluate"], folder / "bench_project.png")
    desktop.photograph(viewer, folder / "evaluation_viewer.png")
    curves = desktop.open_eye(viewer, SHOW_CURVES, "Evaluation of pickings")
    desktop.photograph(curves, folder / "evaluation_curves.png")
    for eye, title in ((SHOW_PICTURES, "evaluation_1_curves"), (SHOW_NUMBERS, "Numbers of")):
        desktop.photograph(desktop.open_eye(viewer, eye, title), Path(desktop.env["SCIPION_HOME"]) / "figure.png")


def photograph_averages(desktop: Desktop, folder: Path) -> None:
    """The forms of an average and of a comparison; summary, maps and resolution of the average."""
    main = open_tomography(desktop, AVERAGES)
    photograph_forms(desktop, main, AVERAGE_RUNS, folder)
    viewer = open_results(desktop, main, AVERAGE_RUNS["average"], folder / "average_project.png")
    for eye, title, name in (
        (SHOW_MAPS, "^Averages$", "average_maps"),
        (SHOW_FSC, "FSC of the halves", "average_fsc"),
        (SHOW_FSO, "FSO of the halves", "average_fso"),
        (SHOW_DIRECTIONS, "Resolution by direction", "average_directions"),
        (SHOW_LOCAL, "Local resolution", "average_local"),
    ):
        window = desktop.open_eye(viewer, eye, title, EYE_X_OF_AVERAGE)
        desktop.photograph(window, folder / f"{name}.png")
        desktop.do("windowunmap", window)


def photograph_learned(desktop: Desktop, folder: Path) -> None:
    """The forms of training and picking; every window of their viewers; the wizard of the lowest score."""
    main = open_tomography(desktop, LEARNED)
    photograph_forms(desktop, main, LEARNED_RUNS, folder)
    viewer = open_results(desktop, main, LEARNED_RUNS["train_picker"], folder / "picker_project.png")
    for eye, title, name in TRAINING_FIGURES:
        window = desktop.open_eye(viewer, eye, title)
        desktop.photograph(window, folder / f"{name}.png" if name else Path(desktop.env["SCIPION_HOME"]) / "figure.png")
        desktop.do("windowunmap", window)
    desktop.close_form(viewer, CLOSE_VIEWER)
    viewer = open_results(desktop, main, LEARNED_RUNS["deep_pick"])
    for eye, title in PICKING_FIGURES:
        window = desktop.open_eye(viewer, eye, title)
        desktop.photograph(window, Path(desktop.env["SCIPION_HOME"]) / "figure.png")
        desktop.do("windowunmap", window)
    desktop.close_form(viewer, CLOSE_VIEWER)
    desktop.click(main, *LEARNED_RUNS["deep_pick"], times=2)
    form = desktop.window("Protocol Run")
    time.sleep(2)
    desktop.do("windowmove", form, "300", "100")
    desktop.click(form, *LOWEST_SCORE_WAND)
    desktop.photograph(desktop.window("Lowest score"), folder / "wizard_lowest_score.png")
    desktop.do("key", "Escape", wait=2)
    desktop.close_form(form)


def photograph_classes(desktop: Desktop, folder: Path) -> None:
    """The form of a split, the project with its summary, its classes and the log odds of its particles."""
    main = open_tomography(desktop, CLASSES)
    desktop.photograph(main, folder / "split_project.png")
    photograph_forms(desktop, main, CLASS_RUNS, folder)
    viewer = open_results(desktop, main, CLASS_RUNS["split"], folder / "split_project.png")
    for eye, title, name in ((0, "^Classes$", "split_classes"), (3, "Log odds", "split_log_odds")):
        window = desktop.open_eye(viewer, eye, title)
        desktop.photograph(window, folder / f"{name}.png")
        desktop.do("windowunmap", window)


def photograph_projections(desktop: Desktop, folder: Path) -> None:
    """The form of a split of projections, the graph of its directions and the images of one."""
    main = open_tomography(desktop, PROJECTIONS)
    photograph_forms(desktop, main, PROJECTION_RUNS, folder)
    picture = Path(desktop.env["SCIPION_HOME"]) / "figure.png"
    viewer = open_results(desktop, main, PROJECTION_RUNS["split_volume"], picture)
    desktop.click(viewer, *DIRECTIONS_TAB)
    for eye, title, name in ((0, "Graph of the directions", "split_views"), (2, "Direction 1", "split_direction")):
        window = desktop.open_eye(viewer, eye, title)
        desktop.photograph(window, folder / f"{name}.png")
        desktop.do("windowunmap", window)


def main() -> None:
    """Make the projects, open one after the other and take the pictures."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "images").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="screenshots") as home:
        env = environment(Path(home))
        Path(env["SCIPION_USER_DATA"]).mkdir()
        config = [sys.executable, "-m", "scipion", "config", "--unattended", "--overwrite"]
        subprocess.run(config, env=env, check=True, capture_output=True)
        for project, script, photograph in (
            (PROJECT, MAKE_PROJECT, photograph_consensus),
            (BENCH, MAKE_BENCH, photograph_bench),
            (AVERAGES, MAKE_AVERAGES, photograph_averages),
            (LEARNED, MAKE_LEARNED, photograph_learned),
            (CLASSES, MAKE_CLASSES, photograph_classes),
            (PROJECTIONS, MAKE_PROJECTIONS, photograph_projections),
        ):
            if len(sys.argv) > 2 and project != sys.argv[2]:
                continue
            subprocess.run([sys.executable, "-c", script, home, project], env=env, check=True, capture_output=True)
            desktop = Desktop(env)
            try:
                desktop.start([sys.executable, "-m", "scipion", "project", project])
                photograph(desktop, folder)
            finally:
                desktop.close()


if __name__ == "__main__":
    main()
