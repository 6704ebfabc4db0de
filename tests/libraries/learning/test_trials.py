"""The trials of a tuning: the defaults first, then points that depend on seed and number alone."""

from dataclasses import asdict

from tomo_particles.learning.configuration import TrainingConfig
from tomo_particles.learning.trials import CHOICES, LIMITS, trial_settings
from tomo_particles.learning.tuned_settings import TUNED


def test_the_first_trial_has_the_defaults_of_the_training():
    defaults = asdict(TrainingConfig())
    assert trial_settings(1, 7, {}) == {name: defaults[name] for name in TUNED}


def test_trials_differ_stay_within_the_limits_and_are_a_training_each():
    trials = [trial_settings(number, 3, {}) for number in range(2, 34)]
    assert len({tuple(trial.values()) for trial in trials}) == 32
    for name, (low, high) in LIMITS.items():
        values = sorted(trial[name] for trial in trials)
        assert low <= values[0] < 2 * low * (high / low) ** 0.1 and values[-1] <= high and values[-1] > high / 2
    for name, choices in CHOICES.items():
        assert {trial[name] for trial in trials} == set(choices)
    for trial in trials:
        TrainingConfig(**trial)


def test_a_trial_depends_on_seed_and_number_alone_and_keeps_what_is_fixed():
    assert trial_settings(5, 3, {}) == trial_settings(5, 3, {}) != trial_settings(5, 4, {})
    fixed = {"epochs": 2, "augment": False}
    for number in (1, 5):
        assert trial_settings(number, 3, fixed) == trial_settings(number, 3, {}) | fixed
