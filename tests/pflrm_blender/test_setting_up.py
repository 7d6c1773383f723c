"""A set-up in Blender's window: what starts it, what it waits for, what the artist is told."""

import threading
from pathlib import Path

import bpy
import pytest
from pflrm.pflrm_blender import bases, environment, install, job, plan, runtime, session, setting_up, variants
from pflrm.pflrm_blender.errors import PflrmError


class Fake(install.Installation):
    """An installation that is built when the test says so."""

    made: "list[Fake]" = []
    fails: PflrmError | None = None

    def build(self):
        self.ready = threading.Event()
        self.made.append(self)
        assert self.ready.wait(30)
        if self._ended:
            raise PflrmError("cancelled", "The set-up was cancelled.")
        if self.fails is not None:
            raise self.fails

    def end(self, *, keep_downloads):
        super().end(keep_downloads=keep_downloads)
        self.ready.set()

    def take_effect(self):
        self.plan.goal.mkdir()


@pytest.fixture
def fake(extension, monkeypatch):
    """The class of the installations, which the timer does not follow: the test does."""
    monkeypatch.setattr(Fake, "made", [])
    monkeypatch.setattr(Fake, "fails", None)
    monkeypatch.setattr(install, "Installation", Fake)
    monkeypatch.setattr(environment, "check", lambda here: None)
    monkeypatch.setattr(bpy.app.timers, "register", lambda *arguments, **options: None, raising=False)
    monkeypatch.setattr(session.state, "run", None)
    monkeypatch.setattr(session.state, "notice", None)
    yield Fake
    setting_up.unregister()


def planned(tmp_path, wheels=True):
    build = variants.Build("cpu", "CPUs", "cpu", 0.0, 0.0)
    base = bases.Base(Path("/usr/bin/python3"), (3, 11), True)
    return plan.Plan(tmp_path / "runtime", base, build, tmp_path if wheels else None, "")


def follow():
    """Let the thread end, and the timer see it."""
    assert setting_up.current().wait(30)
    return setting_up._tick()


def begin(tmp_path, fake):
    setting_up.start(planned(tmp_path))
    while not fake.made:
        pass
    return fake.made[0]


def test_from_the_click_to_the_end(fake, tmp_path):
    installation = begin(tmp_path, fake)
    assert setting_up._tick() is not None
    assert setting_up.current() is installation
    with pytest.raises(PflrmError, match="already under way"):
        setting_up.start(planned(tmp_path))
    installation.ready.set()
    assert follow() is None
    assert setting_up.current() is None
    assert (tmp_path / "runtime").is_dir()
    assert session.state.notice.text == "PF-LRM is set up."


def test_it_waits_for_the_end_of_a_run_before_the_worker_is_stopped(fake, tmp_path, monkeypatch):
    stopped = []
    monkeypatch.setattr(job, "shutdown", lambda: stopped.append(True))
    installation = begin(tmp_path, fake)
    session.state.run = session.Run(0, "Robot", 1.0, (0.0, 0.0, 0.0), True)
    installation.ready.set()
    assert follow() is not None
    assert installation.stage == "Waiting for the run to end"
    assert stopped == []
    assert not (tmp_path / "runtime").exists()
    session.state.run = None
    assert setting_up._tick() is None
    assert stopped == [True]
    assert (tmp_path / "runtime").is_dir()


@pytest.mark.parametrize(("kind", "level"), [("runtime", "ERROR"), ("cancelled", "INFO")])
def test_a_failure_is_told_with_its_log(fake, tmp_path, monkeypatch, kind, level):
    monkeypatch.setattr(Fake, "fails", PflrmError(kind, "The disk is full.", "Make room.", "pip's last lines"))
    begin(tmp_path, fake).ready.set()
    follow()
    notice = session.state.notice
    assert (notice.level, notice.text, notice.details) == (level, "The disk is full.", "pip's last lines")
    assert not (tmp_path / "runtime").exists()


def test_what_could_not_be_put_in_place_is_kept_for_the_next_one(fake, tmp_path, monkeypatch):
    partial = install.beside(tmp_path / "runtime", "partial")
    partial.mkdir()

    def locked(installation):
        raise PflrmError("runtime", "It could not be put in its place.")

    monkeypatch.setattr(Fake, "take_effect", locked)
    begin(tmp_path, fake).ready.set()
    follow()
    assert session.state.notice.level == "ERROR"
    assert partial.is_dir()


def test_cancel(fake, tmp_path):
    installation = begin(tmp_path, fake)
    assert bpy.ops.pflrm.set_up_cancel() == {"FINISHED"}
    assert installation.stage == "Cancelling"
    follow()
    assert session.state.notice.text == "The set-up was cancelled."
    assert not bpy.ops.pflrm.set_up_cancel.poll()


def test_closing_blender_ends_it_and_keeps_the_downloads(fake, tmp_path):
    installation = begin(tmp_path, fake)
    setting_up.unregister()
    assert installation._ended
    assert installation._keep_downloads
    assert setting_up.current() is None


def test_without_online_access_nothing_begins(fake, tmp_path):
    assert not bpy.app.online_access
    with pytest.raises(PflrmError, match="online access is off") as caught:
        setting_up.start(planned(tmp_path, wheels=False))
    assert "Allow Online Access" in caught.value.remedy
    assert setting_up.current() is None


class TestOperators:
    @pytest.fixture(autouse=True)
    def managed(self, fake, tmp_path, monkeypatch):
        from pflrm.pflrm_blender import properties

        monkeypatch.setattr(properties, "managed_folder", lambda chosen="": tmp_path / "runtime")
        monkeypatch.delenv(runtime.ENVIRONMENT_VARIABLE, raising=False)
        return tmp_path / "runtime"

    def test_set_up_in_background_mode_refuses_without_online_access(self, monkeypatch, tmp_path):
        monkeypatch.setattr(environment, "planned", lambda wishes: planned(tmp_path, wheels=False))
        with pytest.raises(RuntimeError, match="online access is off"):
            bpy.ops.pflrm.set_up()

    def test_set_up_is_not_offered_where_a_python_is_named(self, monkeypatch):
        assert bpy.ops.pflrm.set_up.poll()
        monkeypatch.setenv(runtime.ENVIRONMENT_VARIABLE, "/usr/bin/python3")
        assert not bpy.ops.pflrm.set_up.poll()

    def test_remove(self, managed, monkeypatch):
        assert not bpy.ops.pflrm.set_up_remove.poll()
        managed.mkdir()
        (managed / plan.RECORD).write_text("{}")
        session.state.run = session.Run(0, "Robot", 1.0, (0.0, 0.0, 0.0), True)
        assert not bpy.ops.pflrm.set_up_remove.poll()
        session.state.run = None
        assert bpy.ops.pflrm.set_up_remove() == {"FINISHED"}
        assert not managed.exists()


def test_the_folder_is_below_the_users_choice():
    from pflrm.pflrm_blender import properties

    assert properties.managed_folder("/mnt/large") == Path("/mnt/large/pflrm-runtime")
    assert properties.managed_folder().name == "runtime"
