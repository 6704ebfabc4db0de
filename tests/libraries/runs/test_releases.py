"""When and in which order a finished set is released again."""

from tomo_particles.runs.releases import Drill, Release

IDS = ["T1", "T2", "T3", "T4"]


def test_one_after_the_other_in_the_order_of_the_set():
    assert Drill(10).plan(IDS[:2]) == [Release(0.0, "T1"), Release(10.0, "T2")]
    assert Drill(10, delay=5).plan(IDS[:1]) == [Release(5.0, "T1")]


def test_halves_come_before_the_whole():
    assert Drill(10, halves=True).plan(IDS[:1]) == [Release(0.0, "T1", 0.5), Release(5.0, "T1")]


def test_the_same_seed_gives_the_same_plan_and_what_lacks_never_comes():
    drill = Drill(10, jitter=0.9, shuffled=True, lacking=1, seed=4)
    plan = drill.plan(IDS)
    assert plan == drill.plan(IDS) != Drill(10, jitter=0.9, shuffled=True, lacking=1, seed=5).plan(IDS)
    assert len(plan) == 3 and {own.tomo_id for own in plan} < set(IDS)
    assert all(abs(own.at - 10 * i) <= 9 for i, own in enumerate(plan)) and plan == sorted(plan, key=lambda own: own.at)
