"""A layout that writes down what a panel draws, and that knows Blender's operators, properties and icons: a name that
Blender does not have fails in a test and not on an artist's screen."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import bpy
from pflrm.ui import setup


class Recorder:
    """A layout that records words, operators and properties."""

    record: dict[str, list]

    def __init__(self, record: dict[str, list] | None = None) -> None:
        kinds = ("words", "operators", "labels", "icons", "properties", "progress", "order")
        empty: dict[str, list] = {kind: [] for kind in kinds}
        object.__setattr__(self, "record", record or empty)

    def __setattr__(self, name: str, value: object) -> None:
        assert name in bpy.types.UILayout.bl_rna.properties, f"a layout has no {name}"

    def _nested(self, *_: object, **options: object) -> Recorder:
        return Recorder(self.record)

    row = column = box = grid_flow = _nested

    def panel(self, idname: str, default_closed: bool = False) -> tuple[Recorder, Recorder]:
        return self._nested(), self._nested()

    def label(self, text: str = "", icon: str = "NONE", translate: bool = True) -> None:
        self._icon(icon)
        self.record["words"].append(text)
        self.record["order"].append(text)

    def operator(
        self, idname: str, text: str = "", icon: str = "NONE", depress: bool = False, emboss: bool = True,
        translate: bool = True,
    ) -> _Arguments:
        self._icon(icon)
        category, name = idname.split(".")
        kind = getattr(getattr(bpy.ops, category), name).get_rna_type()
        self.record["operators"].append(idname)
        self.record["order"].append(idname)
        self.record["labels"].append(text)
        return _Arguments({item.identifier for item in kind.properties})

    def prop(
        self, data: Any, name: str, text: str = "", expand: bool = False, slider: bool = False, toggle: bool = False,
        icon: str = "NONE", emboss: bool = True, translate: bool = True,
    ) -> None:
        self._icon(icon)
        assert name in data.bl_rna.properties, f"{data} has no {name}"
        self.record["properties"].append(name)

    def prop_menu_enum(self, data: Any, name: str, text: str = "", icon: str = "NONE") -> None:
        self.prop(data, name, icon=icon)

    def menu(self, idname: str, text: str = "", icon: str = "NONE") -> None:
        self._icon(icon)
        assert hasattr(bpy.types, idname)

    def progress(self, text: str = "", factor: float = 0.0, translate: bool = True) -> None:
        self.record["progress"].append((text, factor))

    def template_icon(self, icon_value: int, scale: float) -> None:
        assert icon_value > 0

    def separator(self, factor: float = 1.0) -> None:
        pass

    def context_pointer_set(self, name: str, data: object) -> None:
        pass

    def _icon(self, icon: str) -> None:
        self.record["icons"].append(icon)
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items

    def words(self) -> str:
        return " ".join(self.record["words"])


class _Arguments:
    known: set[str]

    def __init__(self, known: set[str]) -> None:
        object.__setattr__(self, "known", known)

    def __setattr__(self, name: str, value: object) -> None:
        assert name in self.known, f"the operator has no {name}"


def drawn(draw: Callable[..., None], **more: object) -> Recorder:
    layout = Recorder()
    # Without a window Blender's own scale is 0.
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0), addons=bpy.context.preferences.addons)
    region = SimpleNamespace(width=300)
    context = SimpleNamespace(scene=bpy.context.scene, preferences=preferences, region=region, **more)
    draw(SimpleNamespace(layout=layout), context)
    return layout


def doctor() -> Recorder:
    """What the preferences say of the environment."""
    layout = Recorder()
    region, system = SimpleNamespace(width=2000), SimpleNamespace(ui_scale=1.0)
    setup.draw_doctor(layout, SimpleNamespace(region=region, preferences=SimpleNamespace(system=system)))
    return layout
