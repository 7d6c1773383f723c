"""The job against real worker processes with a stub pipeline: tests/stub_pipeline.py."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from pflrm.pflrm_blender import job as jobs
from pflrm.pflrm_blender import process
from pflrm.pflrm_blender.errors import PflrmError

STUB = Path(__file__).resolve().parents[1] / "stub_pipeline.py"


@pytest.fixture
def job():
    earlier = set(threading.enumerate())  # tests of the panel leave warm workers, each with a thread
    job = jobs.Job(worker=STUB)
    yield job
    job.shutdown()
    assert not [thread for thread in set(threading.enumerate()) - earlier if thread.name == "pflrm supervisor"]


@pytest.fixture
def ask(tmp_path):
    """A request whose first photo's name tells the stub what to do."""

    def make(behaviour="good", **rest):
        photo = tmp_path / f"{behaviour}.png"
        photo.touch()
        return {"photos": [str(photo)], "options": {}, **rest}

    return make


def until(job, *wanted):
    """Poll as a timer does, until an event is wanted: by its kind of event or its stage."""
    seen = []
    for _ in range(1000):
        seen += job.poll(0.02)
        for event in seen:
            if event["event"] in wanted or event.get("stage") in wanted:
                return event
    raise AssertionError(f"none of {wanted} in {seen}")


def run(job, request):
    job.start(request, sys.executable)
    return until(job, "result", "error")


def test_events_of_a_run(job, ask):
    assert job.state == "idle"
    job.start(ask(), sys.executable)
    assert job.state == "running"
    events = []
    while job.state == "running":
        events += job.poll(1.0)
    assert job.state == "idle"
    kinds = [event["event"] for event in events]
    assert {"hello", "progress", "result"} == set(kinds)
    assert events[0]["stage"] == "Starting"
    assert Path(events[-1]["path"]).is_file()
    assert job.poll() == []


def test_the_result_lives_until_it_is_cleaned(job, ask):
    first = Path(run(job, ask())["path"])
    job.clean()
    assert not first.parent.exists()
    second = Path(run(job, ask())["path"])
    third = Path(run(job, ask())["path"])  # a new run removes what nobody cleaned
    assert not second.parent.exists()
    job.shutdown()
    assert not third.parent.exists()


def test_one_warm_worker_serves_runs_until_it_is_idle(job, ask):
    assert job.worker_pid is None
    run(job, ask())
    pid = job.worker_pid
    run(job, ask())
    assert job.worker_pid == pid
    assert run(job, {"photos": []})["kind"] == "input"  # the worker is not to blame
    assert job.worker_pid == pid
    job.idle_seconds = 0.0
    run(job, ask())
    for _ in range(200):
        if job.worker_pid is None:
            break
        time.sleep(0.02)
    assert job.worker_pid is None
    job.idle_seconds = 60.0
    assert run(job, ask())["event"] == "result"
    assert job.worker_pid != pid


def test_only_one_run_at_a_time(job, ask):
    job.start(ask("wait"), sys.executable)
    with pytest.raises(PflrmError, match="already running"):
        job.start(ask(), sys.executable)
    job.cancel()
    assert until(job, "error")["kind"] == "cancelled"


def test_cancel_keeps_a_worker_that_answers(job, ask):
    job.start(ask("wait"), sys.executable)
    until(job, "Waiting")
    pid = job.worker_pid
    job.cancel()
    assert job.state == "cancelling"
    assert until(job, "error")["kind"] == "cancelled"
    assert job.state == "idle"
    assert run(job, ask())["event"] == "result"
    assert job.worker_pid == pid


@pytest.mark.parametrize("behaviour", ["stall", "stop"])
def test_cancel_kills_a_worker_that_does_not_answer(job, ask, monkeypatch, behaviour):
    monkeypatch.setattr(jobs, "CANCEL_SECONDS", 0.2)
    job.start(ask(behaviour), sys.executable)
    until(job, "Stalling")
    pid = job.worker_pid
    job.cancel()
    error = until(job, "error")
    assert (error["kind"], error["message"]) == ("cancelled", "The run was cancelled.")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert run(job, ask())["event"] == "result"


def test_cancel_before_the_worker_has_started(job, ask):
    job.start(ask("wait"), sys.executable)
    job.cancel()
    job.cancel()
    assert until(job, "error")["kind"] == "cancelled"


def test_cancel_of_nothing(job, ask):
    job.cancel()
    assert job.state == "idle"
    assert run(job, ask())["event"] == "result"


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [("kill", "memory", "exit code -9"), ("crash", "failure", "exit code -11"), ("bug", "failure", "ZeroDivision")],
)
def test_the_death_of_a_worker_costs_the_run_only(job, ask, behaviour, kind, words):
    error = run(job, ask(behaviour))
    assert error["kind"] == kind
    assert words in error["message"]
    assert error["remedy"]
    if behaviour != "bug":
        assert "last words" in error["log"]
    assert job.state == "idle"
    assert run(job, ask())["event"] == "result"


def test_a_worker_killed_from_outside_in_the_middle(job, ask):
    job.start(ask("stall"), sys.executable)
    until(job, "Stalling")
    os.kill(job.worker_pid, signal.SIGKILL)
    error = until(job, "error")
    assert error["kind"] == "memory"
    assert "most often for lack of memory" in error["message"]


def test_a_worker_killed_between_runs_is_replaced(job, ask):
    run(job, ask())
    pid = job.worker_pid
    os.kill(pid, signal.SIGKILL)
    for _ in range(200):
        if job.worker_pid != pid:
            break
        time.sleep(0.02)
    assert run(job, ask())["event"] == "result"


@pytest.mark.parametrize("behaviour", ["memory", "weights"])
def test_a_worker_that_failed_is_not_used_again(job, ask, behaviour):
    run(job, ask())
    pid = job.worker_pid
    assert run(job, ask(behaviour))["kind"] in ("memory", "runtime")
    assert run(job, ask())["event"] == "result"
    assert job.worker_pid != pid


def test_a_silent_worker_is_ended(job, ask, monkeypatch):
    run(job, ask())
    monkeypatch.setattr(jobs, "SILENCE_SECONDS", 0.3)
    error = run(job, ask("stall"))
    assert error["kind"] == "failure"
    assert "no sign of life" in error["message"]


def test_an_interpreter_that_is_no_python(job, ask, tmp_path):
    impostor = tmp_path / "python"
    impostor.write_text("#!/bin/sh\necho 'not me' >&2\nexit 3\n")
    impostor.chmod(0o755)
    job.start(ask(), str(impostor))
    error = until(job, "error")
    assert error["kind"] == "runtime"
    assert "exit code 3" in error["message"]
    assert "not me" in error["log"]
    impostor.write_text("no program")
    job.start(ask(), str(impostor))
    assert until(job, "error")["kind"] == "runtime"
    job.start(ask(), "/nowhere/python")
    error = until(job, "error")
    assert error["kind"] == "runtime"
    assert "/nowhere/python" in error["message"]
    assert error["id"]


def test_another_interpreter_gets_another_worker(job, ask, tmp_path):
    run(job, ask())
    pid = job.worker_pid
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    job.start(ask(), str(other))
    assert until(job, "result", "error")["event"] == "result"
    assert job.worker_pid != pid


@pytest.mark.parametrize("behaviour", ["stall", "stop"])
def test_shutdown_in_the_middle_of_a_run(job, ask, behaviour):
    job.start(ask(behaviour), sys.executable)
    until(job, "Stalling")
    pid = job.worker_pid
    job.shutdown()
    assert job.state == "idle"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert run(job, ask())["event"] == "result"  # register again, and it works again


def test_run_waits_and_reports(job, ask):
    stages = []
    result = job.run(ask(), lambda stage, fraction: stages.append(stage), sys.executable)
    assert Path(result["path"]).is_file()
    assert stages[0] == "Starting"
    assert stages[-1] == "Making the Mesh"
    with pytest.raises(PflrmError, match="small.safetensors") as caught:
        job.run(ask("weights"), preference=sys.executable)
    assert caught.value.exit_code == 3
    assert job.state == "idle"


@pytest.mark.parametrize("behaviour", ["wait", "stall"])
def test_an_interrupted_run_is_cancelled(job, ask, monkeypatch, behaviour):
    monkeypatch.setattr(jobs, "CANCEL_SECONDS", 0.2)

    def interrupt(stage, fraction):
        if stage in ("Waiting", "Stalling"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.run(ask(behaviour), interrupt, sys.executable)
    assert job.state == "idle"
    assert job.run(ask(), preference=sys.executable)["event"] == "result"


def test_variables_of_blenders_python_do_not_reach_the_worker(job, ask, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    assert run(job, ask())["event"] == "result"


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="POSIX only")
def test_the_worker_has_a_low_priority(job, ask):
    run(job, ask())
    expected = min(os.getpriority(os.PRIO_PROCESS, 0) + process.NICENESS, 19)
    assert os.getpriority(os.PRIO_PROCESS, job.worker_pid) == expected
    # Linux weighs niceness within a session alone; signals of the terminal go to groups.
    assert os.getsid(job.worker_pid) == os.getsid(0)
    assert os.getpgid(job.worker_pid) != os.getpgid(0)


def test_the_shared_job_begins_anew_after_shutdown():
    first = jobs.shared()
    assert jobs.shared() is first
    jobs.shutdown()
    jobs.shutdown()
    assert jobs.shared() is not first
    jobs.shutdown()
