"""Photos of solids whose colours are known, cast ray by ray, must come back as the solids' texture."""

import numpy as np
import pytest
from pflrm.pflrm_blender import texture_projection
from pflrm.pflrm_blender.texture_projection import bake

from . import solids

GREY = 0.4
ROUND = [solids.camera(azimuth, elevation) for azimuth, elevation in ((0, 10), (90, -10), (180, 10), (270, -10))]


def baked(mesh, photos, *, size=512, colours=None):
    """The texture's colours (N, 3) at its texels, and the points (N, 3) of the surface they stand for."""
    vertices, faces = mesh
    if colours is None:
        colours = np.full((len(vertices), 3), GREY, np.float32)
    atlas, texture = bake(vertices, faces, colours, photos, size)
    texels = atlas.texels
    points = (vertices[faces[texels.face]] * texels.weights[..., None]).sum(axis=1)
    return texture.reshape(-1, 3)[texels.pixel], points


@pytest.fixture(scope="module")
def mesh():
    return solids.sphere()


class TestSphere:
    @pytest.mark.parametrize("masked", [True, False])
    def test_it_gets_the_colours_of_its_photos(self, mesh, masked):
        photos = [solids.photo_of_sphere(camera, masked=masked) for camera in ROUND]
        colours, points = baked(mesh, photos)
        belt = np.abs(points[:, 2]) < 0.6  # nearer the poles all photos look along the surface
        error = np.abs(colours - solids.rainbow(points))[belt].max(axis=1)
        assert np.median(error) < 0.02
        assert np.quantile(error, 0.99) < 0.1

    def test_the_background_does_not_bleed(self, mesh):
        photos = [solids.photo_of_sphere(camera) for camera in ROUND[:1]]
        colours, _ = baked(mesh, photos)
        magenta = np.minimum(colours[:, 0], colours[:, 2]) - colours[:, 1]
        assert magenta.max() < 0.75  # of the rainbow itself at most 0.6
        assert np.mean(magenta > 0.62) < 0.001

    def test_a_mesh_that_is_too_large_does_not_bleed_either(self, mesh):
        vertices, faces = mesh
        photos = [solids.photo_of_sphere(camera) for camera in ROUND]
        colours, _ = baked((vertices * 1.05, faces), photos)
        magenta = np.minimum(colours[:, 0], colours[:, 2]) - colours[:, 1]
        assert np.mean(magenta > 0.62) < 0.001

    def test_a_darker_photo_is_brought_to_the_light_of_the_first(self, mesh):
        same = [solids.photo_of_sphere(camera) for camera in ROUND]
        darker = [*same[:2], solids.photo_of_sphere(ROUND[2], light=0.6), same[3]]
        (expected, points), (colours, _) = baked(mesh, same), baked(mesh, darker)
        belt = np.abs(points[:, 2]) < 0.6
        assert np.abs(colours - expected)[belt].mean() < 0.012
        untouched = np.abs(solids.exposed(expected, 0.6) - expected)[belt & (points[:, 1] > 0.7)].mean()
        assert untouched > 0.08  # what it would be otherwise

    def test_what_no_photo_shows_keeps_the_colours_of_the_vertices(self, mesh):
        vertices, faces = mesh
        own = solids.rainbow(vertices).astype(np.float32)
        colours, points = baked((vertices, faces), [solids.photo_of_sphere(ROUND[0])], colours=own)
        behind = points[:, 1] > 0.5
        assert np.abs(colours - solids.rainbow(points))[behind].mean() < 0.05

    def test_wild_colours_where_nothing_was_seen_are_tamed(self, mesh):
        """The photo is grey all over: its other side will hardly be a rainbow."""
        vertices, faces = mesh
        photo = solids.photo_of_sphere(ROUND[0])
        photo.pixels[photo.mask > 0] = round(255 * GREY)
        colours, points = baked((vertices, faces), [photo], colours=solids.rainbow(vertices).astype(np.float32))
        assert np.abs(colours - GREY)[points[:, 1] > 0.5].max() < 0.08

    def test_there_is_no_step_between_photo_and_vertex_colours(self, mesh):
        vertices, faces = mesh
        photo = solids.photo_of_sphere(ROUND[0])
        photo.pixels[photo.mask > 0] = 178
        colours, points = baked((vertices, faces), [photo])
        order = np.argsort(points[:, 1])
        steps = np.abs(np.diff(colours[order][:: len(order) // 200, 0]))
        assert steps.max() < 0.05

    def test_the_same_twice_is_the_same(self, mesh):
        photos = [solids.photo_of_sphere(camera) for camera in ROUND[:2]]
        np.testing.assert_array_equal(baked(mesh, photos)[0], baked(mesh, photos)[0])

    def test_the_chunks_do_not_show(self, mesh, monkeypatch):
        photos = [solids.photo_of_sphere(camera) for camera in ROUND[:2]]
        expected, _ = baked(mesh, photos)
        monkeypatch.setattr(texture_projection, "_CHUNK", 5000)
        np.testing.assert_array_equal(baked(mesh, photos)[0], expected)

    def test_beyond_the_charts_their_colours_go_on(self, mesh):
        vertices, faces = mesh
        colours = np.full((len(vertices), 3), GREY, np.float32)
        _, texture = bake(vertices, faces, colours, [], 256)
        np.testing.assert_allclose(texture, GREY, atol=1e-5)


class TestHiddenParts:
    """A small red square hovers over a large green one."""

    HEIGHTS, SIDES = (0.0, 0.6), (1.0, 0.35)
    RED, GREEN = np.array([0.8, 0.1, 0.1]), np.array([0.1, 0.7, 0.1])

    def photo(self, x):
        return solids.photo_of_squares(solids.above(x), self.HEIGHTS, self.SIDES, np.stack([self.GREEN, self.RED]))

    def colours(self, *cameras):
        vertices, faces = solids.squares(*self.HEIGHTS, sides=self.SIDES)
        colours, points = baked((vertices, faces), [self.photo(x) for x in cameras])
        lower = points[:, 2] < 0.3
        # Seen from above, the red square hides this much of the green one.
        hidden = lower & (np.abs(points[:, :2]) < 0.35).all(axis=1)
        return colours, lower, hidden

    def test_what_stands_in_front_does_not_colour_what_is_behind(self):
        colours, lower, hidden = self.colours(0.0)
        assert (colours[lower, 0] - colours[lower, 1]).max() < 0.1  # nowhere red
        assert np.abs(colours[hidden] - GREY).max() < 0.45  # between its own grey and the green around it

    def test_another_photo_shows_what_is_hidden(self):
        colours, _, hidden = self.colours(0.0, 2.5, -2.5)
        assert np.abs(colours[hidden] - self.GREEN).max() < 0.1

    def test_the_front_keeps_its_own_colour(self):
        colours, lower, _ = self.colours(0.0, 2.5)
        assert np.median(np.abs(colours[~lower] - self.RED), axis=0).max() < 0.02


def test_gains_are_found_through_a_chain_of_photos():
    rng = np.random.default_rng(0)
    light = rng.uniform(0.1, 0.6, 3000)  # as sRGB values
    true = np.array([1.0, 0.7, 1.3])
    values = [solids.exposed(light, gain) for gain in true]
    values[1][::10] = 0.9  # a highlight that only one photo shows
    index = np.arange(3000)
    trusts = [(index < 2000) * 1.0, (index > 1000) * 1.0, (index > 2000) * 1.0]  # the first and the last share nothing
    gains = texture_projection._gains(values, trusts)
    np.testing.assert_allclose(gains, 1 / true, rtol=0.05)
