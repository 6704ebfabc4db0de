"""Pictures of runs and averages, for reports and viewers: data in, matplotlib Figure out, nothing written."""

from .branches import plot_maps
from .classes import plot_direction, plot_log_odds, plot_nuisances, plot_nulls, plot_posteriors, plot_views
from .gallery import gallery_rows, plot_gallery
from .patches import plot_patches
from .picker_training import fill_picker_thresholds, plot_picker_thresholds, plot_picker_training
from .places import plot_picks, plot_places, plot_slices
from .regions import plot_regions
from .resolution import plot_directions, plot_local, plot_occupancy, plot_several, plot_shells
from .scores import THRESHOLDS, fill_threshold, plot_calibration, plot_expected_counts, plot_scores, plot_threshold
from .spacing import fill_spacing, plot_spacing
from .training import plot_training
from .votes import plot_pickers, plot_votes

__all__ = [
    "THRESHOLDS",
    "fill_picker_thresholds",
    "fill_spacing",
    "fill_threshold",
    "gallery_rows",
    "plot_calibration",
    "plot_direction",
    "plot_directions",
    "plot_expected_counts",
    "plot_gallery",
    "plot_local",
    "plot_log_odds",
    "plot_maps",
    "plot_nuisances",
    "plot_nulls",
    "plot_occupancy",
    "plot_patches",
    "plot_picker_thresholds",
    "plot_picker_training",
    "plot_pickers",
    "plot_picks",
    "plot_places",
    "plot_posteriors",
    "plot_regions",
    "plot_scores",
    "plot_several",
    "plot_shells",
    "plot_slices",
    "plot_spacing",
    "plot_threshold",
    "plot_training",
    "plot_views",
    "plot_votes",
]
