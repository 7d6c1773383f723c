"""Which torch a machine gets, from what real machines have answered."""

import pytest
from pflrm.pflrm_blender import variants
from pflrm.pflrm_blender.errors import PflrmError
from pflrm.pflrm_blender.variants import Hardware

# nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader
RTX = "NVIDIA GeForce RTX 3060, 580.95.05, 8.6\n"
RTX_LAST_YEAR = "NVIDIA GeForce RTX 3060, 550.144.03, 8.6\n"
PASCAL = "NVIDIA GeForce GTX 1080 Ti, 580.65.06, 6.1\n"
KEPLER = "Tesla K80, 580.10.01, 3.7\n"
OLD_DRIVER = "NVIDIA GeForce RTX 2070, 470.256.02, 7.5\n"
TWO_CARDS = "NVIDIA GeForce GT 1030, 581.57, 6.1\r\nNVIDIA GeForce RTX 4090, 581.57, 8.9\r\n"
NO_DRIVER = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"
H100 = "NVIDIA H100 80GB HBM3, 580.95.05, 9.0\n"
# /sys/class/kfd/kfd/topology/nodes/*/properties, shortened: the first is the processor
KFD_CPU = "cpu_cores_count 16\nsimd_count 0\ngfx_target_version 0\nvendor_id 0\n"
KFD_6800 = "cpu_cores_count 0\nsimd_count 120\ngfx_target_version 100300\nvendor_id 4098\n"
KFD_MI250 = "cpu_cores_count 0\nsimd_count 416\ngfx_target_version 90010\nvendor_id 4098\n"
KFD_RYZEN = "cpu_cores_count 0\nsimd_count 4\ngfx_target_version 100306\nvendor_id 4098\n"
ARC = "Mesa Intel(R) Arc(tm) A770 Graphics (DG2)"
ARC_WINDOWS = "Intel(R) Arc(TM) 140V GPU (16GB)"
UHD = "Mesa Intel(R) UHD Graphics 620 (KBL GT2)"


@pytest.mark.parametrize(("shown", "name", "index", "reason"), [
    (("Linux", "x86_64"), "cpu", "whl/cpu", "No graphics card"),
    (("Linux", "x86_64", RTX), "cuda", "", "RTX 3060"),
    (("Windows", "AMD64", TWO_CARDS), "cuda", "whl/cu130", "RTX 4090"),
    (("Linux", "x86_64", H100), "cuda", "", "driver 580"),
    (("Linux", "x86_64", RTX_LAST_YEAR), "cuda126", "whl/cu126", "driver 550"),
    (("Windows", "AMD64", PASCAL), "cuda126", "whl/cu126", "1080"),
    (("Linux", "x86_64", KEPLER), "cpu", "whl/cpu", "older than what torch"),
    (("Windows", "AMD64", OLD_DRIVER), "cpu", "", "driver 470 of NVIDIA GeForce RTX 2070 is too old: update it to 580"),
    (("Linux", "x86_64", NO_DRIVER), "cpu", "whl/cpu", "No graphics card"),
    (("Linux", "x86_64", "", (KFD_CPU, KFD_6800)), "rocm", "whl/rocm7.2", "gfx1030"),
    (("Linux", "x86_64", "", (KFD_CPU, KFD_MI250)), "rocm", "whl/rocm7.2", "gfx90a"),
    (("Linux", "x86_64", "", (KFD_CPU, KFD_RYZEN)), "cpu", "whl/cpu", "gfx1036"),
    (("Linux", "x86_64", "", (KFD_CPU, KFD_RYZEN, KFD_6800)), "rocm", "whl/rocm7.2", "gfx1030"),
    (("Linux", "x86_64", "", (KFD_CPU,)), "cpu", "whl/cpu", "No graphics card"),
    (("Linux", "x86_64", "", (), ARC), "xpu", "whl/xpu", "A770"),
    (("Windows", "AMD64", "", (), ARC_WINDOWS), "xpu", "whl/xpu", "140V"),
    (("Linux", "x86_64", "", (), UHD), "cpu", "whl/cpu", "No graphics card"),
    (("Linux", "x86_64", RTX, (KFD_CPU, KFD_RYZEN), UHD), "cuda", "", "RTX 3060"),
    (("Darwin", "arm64", "", (), "Apple M2"), "mps", "", "Apple"),
])  # fmt: skip
def test_what_a_machine_gets(shown, name, index, reason):
    build = variants.choose(Hardware(*shown))
    assert build.name == name
    assert reason in build.reason
    assert build.index.endswith(index) if index else build.index == ""
    assert build.requirement == (f"torch==2.13.0+{index.removeprefix('whl/')}" if index else "torch==2.13.0")


@pytest.mark.parametrize(("system", "wish", "name"), [
    ("Linux", "cpu", "cpu"), ("Linux", "rocm", "rocm"), ("Linux", "cuda", "cuda126"), ("Windows", "xpu", "xpu"),
])  # fmt: skip
def test_the_users_choice_comes_first(system, wish, name):
    machine = {"Linux": "x86_64", "Windows": "AMD64"}[system]
    build = variants.choose(Hardware(system, machine, RTX_LAST_YEAR, (KFD_6800,)), wish)
    assert build.name == name
    assert build.reason == "It is your choice."


def test_cuda_may_be_chosen_for_a_card_that_does_not_answer():
    assert variants.choose(Hardware("Linux", "x86_64"), "cuda").name == "cuda"


@pytest.mark.parametrize(("system", "machine", "wish", "kind", "words"), [
    ("Darwin", "x86_64", "auto", "runtime", "no ready-made torch"), ("Linux", "riscv64", "auto", "runtime", "riscv64"),
    ("FreeBSD", "amd64", "auto", "runtime", "FreeBSD"), ("Darwin", "arm64", "cuda", "input", "no variant cuda"),
    ("Windows", "AMD64", "rocm", "input", "no variant rocm"),
])  # fmt: skip
def test_what_there_is_not_is_said(system, machine, wish, kind, words):
    with pytest.raises(PflrmError, match=words) as caught:
        variants.choose(Hardware(system, machine), wish)
    assert caught.value.kind == kind
    assert caught.value.remedy


def test_this_machine_answers():
    assert variants.choose(variants.look()).download > 0
