"""Wizards of the forms: the buttons beside parameters that propose a value."""

from .box_and_radius import BoxAndRadiusWizard
from .picker_threshold import PickerThresholdWizard
from .threshold import ThresholdWizard

__all__ = ["BoxAndRadiusWizard", "PickerThresholdWizard", "ThresholdWizard"]
