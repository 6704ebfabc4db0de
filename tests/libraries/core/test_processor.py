"""The line that says on which processor a time was taken."""

import os

import pytest

from tomo_particles.core.processor import processor

AMD = "processor\t: 0\nmodel name\t: AMD EPYC 7302\nflags\t\t: fpu sse avx avx2{more}\n"


@pytest.fixture(autouse=True)
def without_variables(monkeypatch):
    for name in ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("more", "unit"), [("", "AVX2"), (" avx512f", "AVX512"), (" avx512f avx512_vnni", "AVX512 with VNNI")])
def test_the_best_vector_unit_is_named(more, unit):
    assert processor(AMD.format(more=more) * 2) == f"AMD EPYC 7302 ({unit}, oneDNN on), 2 cores"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TF_ENABLE_ONEDNN_OPTS", "0", "oneDNN off"),
        ("TF_ENABLE_ONEDNN_OPTS", "1", "oneDNN on"),
        ("ONEDNN_MAX_CPU_ISA", "AVX2", "oneDNN limited to AVX2"),
    ],
)
def test_what_the_user_chose_is_said(monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    assert said in processor(AMD.format(more=""))


def test_this_machine():
    assert f"{os.cpu_count()} cores" in processor()


def test_a_processor_without_name_is_called_by_its_kind():
    assert processor("processor : 0\nFeatures : fp asimd\n").endswith("(no AVX, oneDNN on), 1 core")
