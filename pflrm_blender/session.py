"""The runs that Blender is waiting for: from the scene's photos to the worker, and from their results into the scene.

One run at a time; others wait in a queue, with the photos and options of the moment they were asked for. What happens
is kept in ``state``, a plain Python object that the panel reads: it outlives undo and holds no datablock. In the window
a timer moves the runs on; in background mode, where timers do not fire, ``wait`` does. A result whose file or scene is
gone by then is discarded, in words.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.app.handlers import persistent
from bpy.app.translations import pgettext_rpt as rpt_

from . import history, job, paths, results, showing
from .errors import PflrmError
from .properties import MOST_OFFERED, MOST_PHOTOS, TILTS, machine, path_of, photos_in_use
from .sentences import joined, names

if TYPE_CHECKING:  # slow to import, and Blender's start does without them
    from concurrent.futures import Future

    from .scene import ResultData
    from .texture import Texture

_INTERVAL = 0.1  # seconds between two looks at the worker
_FIRST_ESTIMATE = 0.05  # share of the run after which the remaining time can be told


@dataclass(frozen=True)
class Notice:
    """What the panel says after a run: a sentence, what to do, and details for a report."""

    level: str  # INFO, WARNING or ERROR, as an operator reports it
    text: str
    remedy: str = ""
    details: str = ""
    collection: str = ""  # of the result it is about; the notice means nothing while undo has taken that away
    cover: str = ""  # the object that hides this result
    worth_a_report: bool = False  # a failure that its remedy may not mend, unlike a mistake of the input

    @classmethod
    def of(cls, error: PflrmError, message: str = "") -> Notice:
        """What an error says, in another message if need be."""
        level = "INFO" if error.kind == "cancelled" else "ERROR"
        to_report = level == "ERROR" and error.kind != "input"
        return cls(level, message or error.message, error.remedy, error.details, worth_a_report=to_report)


@dataclass
class Run:
    """A run on its way, or waiting. The scene is kept by its session number, which survives renaming and undo."""

    scene_uid: int
    name: str
    size: float
    location: tuple[float, float, float]
    on_floor: bool
    started: float = 0.0
    request: dict = field(default_factory=dict)  # for the worker
    asked: str = ""  # for the result's history
    face_limit: int | None = None
    texture_size: int = 0
    stage: str = "Starting"
    fraction: float = 0.0
    result: ResultData | None = None  # the worker's, which waits for its texture and for Object Mode
    texturing: Future[Texture | None] | None = None

    @property
    def ready(self) -> bool:
        """Nothing is left to do but to put the result into the scene."""
        return self.result is not None and (self.texturing is None or self.texturing.done())

    def seconds_left(self) -> float | None:
        """An estimate from the time that has passed, or None while it is too early to tell."""
        if self.fraction < _FIRST_ESTIMATE or self.texturing is not None:
            return None
        return (time.monotonic() - self.started) * (1 - self.fraction) / self.fraction


@dataclass
class State:
    run: Run | None = None
    queue: list[Run] = field(default_factory=list)
    notice: Notice | None = None


state = State()


def build_request(properties: bpy.types.PropertyGroup, *, poses_only: bool) -> dict:
    """The worker's request for the photos of a scene.

    :raises PflrmError: of kind input; something is missing or too many.
    """
    photos = photos_in_use(properties)
    if not photos:
        remedy = rpt_("Add two to {most} photos of one object.").format(most=MOST_PHOTOS)
        raise PflrmError("input", "There are no photos to work from.", remedy)
    if len(photos) > MOST_OFFERED:
        message = rpt_("{count} photos are in use, but {most} are the most.")
        message = message.format(count=len(photos), most=MOST_OFFERED)
        raise PflrmError("input", message, "Switch off or remove those that show the least of the object.")
    if poses_only and len(photos) == 1:
        raise PflrmError("input", "One photo has no other camera to place.", "Add another photo of the object.")
    for photo in photos:
        path = path_of(photo)
        if not path.is_file():
            message = rpt_("{file} is not there any more.").format(file=path.name)
            raise PflrmError("input", message, "Remove it, or put the file back.")
    masks = [paths.absolute(photo.mask) or None for photo in photos]
    here = machine()
    options: dict[str, object] = {"quality": properties.quality, "poses_only": poses_only, "device": here.device}
    if any(masks):
        options["masks"] = masks
    tilts = [TILTS[photo.height] for photo in photos]
    if any(tilt is not None for tilt in tilts):
        options["tilts"] = tilts
    if properties.focal == "LENS":
        options["focal_35mm"] = properties.focal_35mm
    elif properties.focal == "ANGLE":
        options["fov"] = math.degrees(properties.fov)
    if here.weights:
        options["weights"] = here.weights
    return {"photos": [str(path_of(photo)) for photo in photos], "options": options}


def start(scene: bpy.types.Scene, *, poses_only: bool) -> None:
    """Begin a run for the photos of a scene; while another one is under way, it waits for its turn.

    :raises PflrmError: something is missing.
    """
    properties = scene.pflrm
    request = build_request(properties, poses_only=poses_only)
    run = Run(
        scene_uid=scene.session_uid,
        name=properties.title or results.default_name(request["photos"]),
        size=properties.size,
        location=tuple(scene.cursor.location) if properties.placement == "CURSOR" else (0.0, 0.0, 0.0),
        on_floor=properties.on_floor,
        request=request,
        asked=history.snapshot(properties, poses_only=poses_only),
        face_limit=properties.face_limit or None,
        texture_size=int(properties.texture),
    )
    for photo in properties.photos:
        photo.problem = ""
    if state.run is not None:
        state.queue.append(run)
        return
    while job.shared().state == job.CANCELLING:  # a run that nobody waits for any more, for a second
        job.shared().poll(_INTERVAL)
    state.notice = None
    _begin(run)


def _begin(run: Run) -> None:
    here, work = machine(), job.shared()
    work.idle_seconds, work.managed = here.idle_minutes * 60.0, here.managed
    work.start(run.request, here.interpreter)
    run.started = time.monotonic()
    state.run = run
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_INTERVAL, persistent=True)


def wait() -> None:
    """Move the runs on until all have ended, for background mode. Ctrl+C cancels them."""
    try:
        while state.run is not None:
            _advance(0.2)
    except KeyboardInterrupt:
        state.queue.clear()
        cancel()
        while state.run is not None:
            _advance(0.2)


def cancel() -> None:
    """Ask the run to stop, and go on with the next one that waits; harmless when there is none."""
    if state.run is not None:
        state.run.stage = "Cancelling"
        job.shared().cancel()
        if state.run.result is not None:  # the worker has long finished
            _end(Notice("INFO", "The result was discarded."))


def redraw() -> None:
    """Draw the panels again: the sidebars of the 3D viewports, and the preferences."""
    panels = {"VIEW_3D": "UI", "PREFERENCES": "WINDOW"}
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if region.type == panels.get(area.type):
                    region.tag_redraw()


def _tick() -> float | None:
    if state.run is not None:
        _advance(0.0)
        redraw()
    else:
        job.shared().poll()  # the last words of a run that nobody waits for any more
    return None if state.run is None and job.shared().state == job.IDLE else _INTERVAL


def _advance(seconds: float) -> None:
    """Take the worker's news in; every way in which a run can end leads through here or ``cancel``."""
    run = state.run
    assert run is not None
    if run.result is not None:
        if run.texturing is not None:
            from concurrent.futures import wait as wait_for

            wait_for([run.texturing], seconds)
        if run.ready:
            with _told(run):
                _deliver(run)
        return
    for event in job.shared().poll(seconds):
        if event["event"] == "progress" and run.stage != "Cancelling":
            run.stage, run.fraction = event["stage"], event["fraction"]
        elif event["event"] == "error":
            _fail(run, PflrmError.from_event(event))
        elif event["event"] == "result":
            _receive(run, Path(event["path"]))


def _receive(run: Run, path: Path) -> None:
    """Read the worker's result. Its file goes before the next run may begin."""
    from .scene import ResultError, load_result

    failure = None
    try:
        run.result = load_result(path)
    except ResultError as error:
        failure = PflrmError("failure", str(error), "Run it again.")
    job.shared().clean()
    if failure is None:
        with _told(run):
            _begin_texture(run)
    else:
        _fail(run, failure)


@contextmanager
def _told(run: Run) -> Iterator[None]:
    """Whatever Blender raises on a result's way into the scene ends the run: it would wait for ever, in silence."""
    try:
        yield
    except Exception as error:
        if state.run is not run:  # it has ended well, and the next one could not begin
            raise
        import traceback  # Blender's start does without it

        message = f"The result could not be put into the scene: {error}"
        remedy = "Copy the report and open an issue with it."
        _end(Notice("ERROR", message, remedy, traceback.format_exc(), worth_a_report=True))


def _begin_texture(run: Run) -> None:
    """Project the photos on a thread, which touches no bpy, so that Blender stays usable; then deliver."""
    from concurrent.futures import ThreadPoolExecutor

    from . import texture

    data = run.result
    assert data is not None
    if run.texture_size and data.mesh is not None:
        run.stage = texture.STAGE
        thread = ThreadPoolExecutor(1, "pflrm texture")
        run.texturing = thread.submit(texture.project, data.mesh, texture.read_photos(data), run.texture_size)
        thread.shutdown(wait=False)  # it ends with its work
    else:
        _deliver(run)


def _deliver(run: Run) -> None:
    """Put the result into its scene as one step that can be undone, once the artist is in Object Mode."""
    from .scene import apply_result

    scene = _scene_of(run)
    if scene is None:
        _end(Notice("WARNING", "The result was discarded, because its scene was deleted.", "Run it again."))
        return
    if not bpy.app.background and not _may_receive(scene):
        return
    assert run.result is not None
    notices: list[Notice] = []

    def bring_to_front(result: results.Result) -> None:
        collection = bpy.data.collections[result.collection]
        history.remember(collection, run.asked)
        notices.append(_notice_for(run, scene, result))
        showing.frame(scene, collection)
        showing.select_only(scene, collection)
        scene.pflrm_result = collection  # last: nothing can fail after it

    result = apply_result(
        scene, run.result, run.name, size=run.size, location=run.location, on_floor=run.on_floor,
        face_limit=run.face_limit, projected=run.texturing.result() if run.texturing else None, then=bring_to_front,
    )  # fmt: skip
    window = _window_of(scene)
    if window is not None and not bpy.app.background:  # without a window there is no undo
        with bpy.context.temp_override(window=window):
            bpy.ops.ed.undo_push(message=result.collection)
    _end(notices[0])


def is_rendering() -> bool:
    """Whether Blender is reading the file for a render or a bake, in a thread of its own."""
    return any(map(bpy.app.is_job_running, ("RENDER", "OBJECT_BAKE")))


def _may_receive(scene: bpy.types.Scene) -> bool:
    """Whether a result can be put into a scene now: in Object Mode, and not during a render.

    In the other modes Blender's undo remembers that mode's data only, and would lose the result.
    """
    window = _window_of(scene)
    layers = [*scene.view_layers] if window is None else [*scene.view_layers, window.view_layer]
    active = [layer.objects.active for layer in layers]
    return not is_rendering() and all(item is None or item.mode == "OBJECT" for item in active)


def _window_of(scene: bpy.types.Scene) -> bpy.types.Window | None:
    """A window that shows a scene, or else any."""
    windows = list(bpy.context.window_manager.windows)
    return next((window for window in windows if window.scene == scene), windows[0] if windows else None)


def _notice_for(run: Run, scene: bpy.types.Scene, result: results.Result) -> Notice:
    warnings = joined(result.warnings, [Path(photo).name for photo in run.request["photos"]])
    other = showing.in_same_place(scene, bpy.data.collections[result.collection])
    if other is not None:
        words = rpt_("{name} stands in the same place: the History shows one alone, or both side by side.")
        warnings.append(words.format(name=other.name))
    level = "WARNING" if result.warnings else "INFO"
    ready = rpt_("{name} is ready.").format(name=result.collection)
    covers = [cover.name for cover in showing.covers_of(scene, bpy.data.collections[result.collection])]
    return Notice(level, ready, "\n".join(warnings), collection=result.collection, cover="".join(covers[:1]))


def _fail(run: Run, error: PflrmError) -> None:
    scene, message = _scene_of(run), error.message
    named = [photo for photo in (scene.pflrm.photos if scene else ()) if names(message, path_of(photo).name)]
    for photo in named:
        message = message.replace(str(path_of(photo)), path_of(photo).name)  # the panel is narrow
    for photo in named:
        photo.problem = f"{message} {error.remedy}".strip()
    _end(Notice.of(error, message))


def _end(notice: Notice) -> None:
    """A run is over, and the next one begins. The notice stays meanwhile."""
    state.run, state.notice = None, notice
    if state.queue:
        _begin(state.queue.pop(0))


def _scene_of(run: Run) -> bpy.types.Scene | None:
    return next((scene for scene in bpy.data.scenes if scene.session_uid == run.scene_uid), None)


@persistent
def _before_load(*_: object) -> None:
    if state.run is None:
        state.notice = None
        return
    state.queue.clear()
    cancel()
    _end(Notice("WARNING", "The run was cancelled, because another file was opened.", "Run it again in its own file."))


def register() -> None:
    bpy.app.handlers.load_pre.append(_before_load)


def unregister() -> None:
    bpy.app.handlers.load_pre.remove(_before_load)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    state.run = state.notice = None
    state.queue.clear()
    job.shutdown()
