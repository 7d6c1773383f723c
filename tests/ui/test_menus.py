"""The menus offer what can be done with a photo, with all of them, and at all."""

from __future__ import annotations

import pytest
from pflrm import operators
from pflrm.tests.ui.recorder import drawn
from pflrm.tests.ui.without_runtime import lacks_a_runtime, planned
from pflrm.ui import menus


def test_menus(listed):
    photo = drawn(menus.PFLRM_MT_photo.draw, pflrm_photo=listed.pflrm.photos[1])
    assert {"pflrm.photo_reference", "pflrm.photo_move", "pflrm.photo_remove"} <= set(photo.record["operators"])
    assert "pflrm.photos_clear" in drawn(menus.PFLRM_MT_photos.draw).record["operators"]


def test_the_menu_of_a_photo_offers_what_can_be_done(listed):
    labels = [
        set(drawn(menus.PFLRM_MT_photo.draw, pflrm_photo=photo).record["labels"]) & {"Move Earlier", "Move Later"}
        for photo in listed.pflrm.photos
    ]
    assert labels == [{"Move Later"}, {"Move Earlier", "Move Later"}, {"Move Earlier"}]
    first = drawn(menus.PFLRM_MT_photo.draw, pflrm_photo=listed.pflrm.photos[0])
    assert "pflrm.photo_reference" not in first.record["operators"]


@pytest.mark.parametrize(("name", "opened"), [("front.png", True), ("FRONT.JPG", True), ("front.png.desktop", False)])
def test_nothing_but_photos_is_opened_for_a_file_of_a_stranger(listed, name, opened):
    listed.pflrm.photos[1].filepath = f"//{name}"
    menu = drawn(menus.PFLRM_MT_photo.draw, pflrm_photo=listed.pflrm.photos[1])
    assert ("wm.path_open" in menu.record["operators"]) == opened


def test_the_menu_of_everything_begins_with_what_is_needed_first(listed, monkeypatch, tmp_path):
    everything = drawn(menus.PFLRM_MT_all.draw).record["operators"]
    assert everything[0] == "pflrm.photos_add"
    assert sorted(everything) == sorted(cls.bl_idname for cls in operators.CLASSES)
    lacks_a_runtime(monkeypatch, planned(tmp_path))
    without = drawn(menus.PFLRM_MT_all.draw).record["operators"]
    assert without[0] == "pflrm.set_up"
    assert sorted(without) == sorted(everything)
