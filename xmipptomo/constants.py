"""Names that the modules of the plugin share: programs, choices of the form, output attributes."""

from typing import Final

# Programs, as console scripts of this environment.
CONSENSUS_PROGRAM: Final = "xmipp_coordinates_consensus_tomo"
NOISE_PROGRAM: Final = "xmipp_pick_noise_tomo"
EXTRACTION_PROGRAM: Final = "xmipp_tomo_extract_subtomograms"
NETWORK_PROGRAM: Final = "xmipp_deep_picking_consensus_tomo"
SECOND_LOOK_PROGRAM: Final = "xmipp_second_look_tomo"
CURATE_PROGRAM: Final = "xmipp_curate_picks_tomo"
LEARN_PROGRAM: Final = "xmipp_learn_answers_tomo"
SIMULATION_PROGRAM: Final = "xmipp_simulate_tomo"
BLOB_PROGRAM: Final = "xmipp_pick_blobs_tomo"
TEMPLATE_PROGRAM: Final = "xmipp_template_matching_tomo"
TRAIN_PROGRAM: Final = "xmipp_train_picker_tomo"
DEEP_PICK_PROGRAM: Final = "xmipp_deep_pick_tomo"
JOIN_PROGRAM: Final = "xmipp_join_picks_tomo"
MASK_PROGRAM: Final = "xmipp_mask_tomo"
EVALUATION_PROGRAM: Final = "xmipp_evaluate_picking_tomo"
CONVERT_PROGRAM: Final = "xmipp_convert_coordinates_tomo"
REPORT_PROGRAM: Final = "xmipp_consensus_report_tomo"
AVERAGE_PROGRAM: Final = "xmipp_average_subtomograms"
RESOLUTION_PROGRAM: Final = "xmipp_map_resolution_tomo"
BRANCHES_PROGRAM: Final = "xmipp_compare_branches_tomo"
SPLIT_PROGRAM: Final = "xmipp_split_subtomograms_tomo"
SPLIT_VOLUME_PROGRAM: Final = "xmipp_run_split_volume"
SIMULATE_PARTICLES_PROGRAM: Final = "xmipp_simulate_particles_tomo"
EVALUATE_CLASSES_PROGRAM: Final = "xmipp_evaluate_classification_tomo"

# Index in each list = value that the form stores.
CHOICE_RULES: Final = ("first", "biggest", "smallest", "mean")
REPRESENTATIVES: Final = ("first", "centroid", "robust")  # the values of --constype
SYMMETRY_NAMES: Final = r"([cd][1-9]\d?)|t|o|(i[12]?)"  # the values of --symmetry, in capitals or not
MODEL_NEW, MODEL_EXISTING = 0, 1
NETWORKS: Final = ("small", "reference")
BUILTIN_COMPLEXES: Final = ("globule", "clamp", "crescent", "shell", "rings", "rod", "twosubunits")  # of the simulation
DISTRACTORS: Final = ("bead", "vesicle", "carbon", "contaminant")  # what a simulation adds, and a picker should leave alone
BLOB_METHODS: Final = ("log", "dog")  # the values of --method
PACKAGES: Final = {
    "csv": "CSV", "xmd": "Xmipp metadata", "relion5": "RELION 5", "relion3": "RELION 3 and 4, Warp",
    "cbox": "crYOLO and TomoTwin .cbox", "coords": "crYOLO and TomoTwin .coords, .txt", "deepfinder": "DeepFinder",
    "membranorama": "Membranorama (MemBrain)", "eman2": "EMAN2", "dynamo": "Dynamo", "imod": "IMOD", "copick": "copick",
    "portal": "CryoET Data Portal", "motivelist": "motive list .em (TOM, AV3)", "stopgap": "STOPGAP",
    "submission": "CZII challenge", "pytme": "pyTME", "pytom": "PyTom", "ptm": "pytom-match-pick 0.3",
    "deepetpicker": "DeepETPicker", "napari": "napari", "cmm": "Chimera, ArtiaX", "peet": "PEET", "m": "M",
}  # what the forms call the values of --from and --to
IMPORT_FORMATS: Final = tuple(PACKAGES)  # the values of --from
EXPORT_FILES: Final = {"relion5": "coordinates.star", "relion3": "coordinates.star", "dynamo": "coordinates.tbl",
                       "imod": "{tomo}.mod", "copick": "{tomo}.json", "csv": "coordinates.csv",
                       "xmd": "coordinates.xmd", "stopgap": "coordinates.star", "submission": "coordinates.csv",
                       "napari": "{tomo}.csv", "cmm": "{tomo}.cmm"}  # the values of --to, and what each is called
SELECTIONS: Final = ("all", "thresholded", "filtered")  # the values of --select
RECIPES: Final = ("consensus", "paper")
MODEL_SUFFIXES: Final = (".h5", ".keras")
LARGE_DATA_SET: Final = 5000  # positives; from here on the particles show their own variety, and copies mostly cost time

# What the averaging programs ask for: the form says it before they start.
STARTS: Final = ("free", "angles")  # the values of --start
LEAST_PICKS, LEAST_FOR_HALVES = 20, 40
LEAST_TO_SPLIT: Final = 80
STRONG_NUISANCE: Final = 0.3  # correlation from which on the program warns
AVERAGED_BOX: Final = 1.6  # diameters
LEAST_DETAILS: Final = 1.5  # diameters in units of the low-pass
LEAST_VOXELS: Final = 4  # in a diameter, for the second look
RESERVED_BRANCHES: Final = ("noise", "truth")  # the program names branches so itself

TILTS: Final = (-60.0, 60.0)  # first and last, degrees, of most tilt series: the default of --tilts

# A positive takes at least two pickers: with one alone, every pick of every picker would be a positive.
MIN_AGREEMENT: Final = 2

# Attributes that the output coordinates have besides those of every Coordinate3D.
SUPPORT_ATTRIBUTE: Final = "_support"  # number of distinct pickers
PICKERS_ATTRIBUTE: Final = "_pickers"  # their names, as "cryolo+blobs"; "reference" for those of the user
NETWORK_SCORE_ATTRIBUTE: Final = "_networkScore"  # the network's opinion alone, formed without the votes
PICKER_SCORE_ATTRIBUTE: Final = "_pickerScore"  # the score that the representative had from its own picker
PICKER_SCORES_ATTRIBUTE: Final = "_pickerScores"  # the best score of each of _pickers, as "0.8+nan"
DISAGREEMENT_ATTRIBUTE: Final = "_orientationDisagreement"  # degrees, mean angle of the pickers' orientations to this one
NO_DISAGREEMENT: Final = -1.0  # fewer than two pickers gave an orientation
LABEL_ATTRIBUTE: Final = "_label"  # 1, 0, -1: positive, doubtful, negative
SPECIES_ATTRIBUTE: Final = "_species"  # name of the species; its number is the group id
MODEL_ATTRIBUTE: Final = "_model"  # number of the model that gave the score of a live pick; 0: the votes
ANSWER_ATTRIBUTE: Final = "_answer"  # what a person said: 1 a particle, -1 none
WHO_ATTRIBUTE: Final = "_who"  # that person
WHEN_ATTRIBUTE: Final = "_when"  # date and time of the answer
WHY_ATTRIBUTE: Final = "_why"  # for which reason the place was shown
HALF_ATTRIBUTE: Final = "_half"  # 1 or 2: the half of an average that a pick belongs to
SHIFT_ATTRIBUTE: Final = "_shift"  # Å, how far the alignment moved a pick
CCC_ATTRIBUTE: Final = "_ccc"  # correlation coefficient of a pick with the reference of its half
LOG_ODDS_ATTRIBUTE: Final = "_logOdds"  # of class 1, for a particle of a split; with more classes: of its class
PROBABILITY_ATTRIBUTE: Final = "_classProbability"  # that a particle is of its class
TRUE_CLASS_ATTRIBUTE: Final = "_trueClass"  # of a simulated particle
