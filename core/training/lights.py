"""Light on training objects: a sky, up to three lamps, and what a surface makes of them. Colours are linear RGB."""

import math

import numpy as np

from ..jit import device, f32, host

# Columns of the light of one view, in the object's axes.
SKY, GROUND = 0, 3  # 3 columns each: ambient light from above and below
LAMP_COUNT = 6
SHADOWS = 7  # whether the first lamp casts hard shadows
OCCLUSION = 8  # strength of ambient occlusion
LAMPS = 9  # 6 columns a lamp: direction to it, colour
MAX_LAMPS = 3
LIGHT_FIELDS = LAMPS + 6 * MAX_LAMPS

_ZERO, _HALF, _ONE = f32(0.0), f32(0.5), f32(1.0)


@host
def draw_lights(lights, turns):
    """Fill the lights of an object's views (V, LIGHT_FIELDS).

    Mostly the light stands still while the camera walks; else the object stands on a turntable and the light follows
    the camera. ``turns`` (V, 9): rotations camera_from_object. Uses numba's own random state.
    """
    turntable = np.random.random() < 0.2
    light = lights[0]
    light[:] = 0.0
    exposure = 1.25 * math.exp(0.25 * np.random.normal())
    balance = 0.06 * np.random.normal()
    ambient = exposure * np.random.uniform(0.25, 0.9)
    below = np.random.uniform(0.2, 1.0)
    for channel in range(3):
        gain = 1.0 + (1 - channel) * balance
        light[SKY + channel] = ambient * gain * (1.0 + 0.1 * np.random.normal())
        light[GROUND + channel] = ambient * below * gain * (1.0 + 0.1 * np.random.normal())
    lamps = np.random.randint(1, MAX_LAMPS + 1)
    light[LAMP_COUNT] = lamps
    light[SHADOWS] = np.random.random() < 0.5
    light[OCCLUSION] = np.random.uniform(0.3, 1.0)
    strength = exposure * np.random.uniform(0.2, 1.2)
    for lamp in range(lamps):
        start = LAMPS + 6 * lamp
        z = np.random.uniform(-0.2, 1.0)
        azimuth = np.random.uniform(0.0, 2.0 * math.pi)
        flat = math.sqrt(1.0 - z * z)
        light[start], light[start + 1], light[start + 2] = flat * math.cos(azimuth), flat * math.sin(azimuth), z
        warmth = 0.1 * np.random.normal()
        for channel in range(3):
            light[start + 3 + channel] = strength * max(1.0 + (1 - channel) * (warmth + balance), 0.3)
        strength *= np.random.uniform(0.3, 0.8)
    for v in range(1, len(lights)):
        lights[v] = light
        if turntable:
            for lamp in range(lamps):
                _follow(lights[v, LAMPS + 6 * lamp : LAMPS + 6 * lamp + 3], turns[0], turns[v])


@host
def _follow(direction, first, other):
    """Turn a direction with the camera, from the first view to another."""
    x, y, z = direction[0], direction[1], direction[2]
    p = first[0] * x + first[1] * y + first[2] * z
    q = first[3] * x + first[4] * y + first[5] * z
    r = first[6] * x + first[7] * y + first[8] * z
    for k in range(3):
        direction[k] = other[k] * p + other[3 + k] * q + other[6 + k] * r


@device
def shade(light, lit, open_sky, red, green, blue, gloss, shininess, nx, ny, nz, dx, dy, dz):
    """Linear RGB that leaves a surface towards the camera: Lambert, Blinn's highlight, and a hemisphere of sky.

    :param lit: whether the first lamp reaches the surface; ``open_sky``: share of the sky that does.
    :param nx, ny, nz: the normal, facing the camera; dx, dy, dz: the direction of the camera's ray.
    """
    up = _HALF + _HALF * nz
    r = open_sky * (light[GROUND] + up * (light[SKY] - light[GROUND]))
    g = open_sky * (light[GROUND + 1] + up * (light[SKY + 1] - light[GROUND + 1]))
    b = open_sky * (light[GROUND + 2] + up * (light[SKY + 2] - light[GROUND + 2]))
    # Glossy things mirror the sky at grazing angles (Schlick).
    facing = _ONE + nx * dx + ny * dy + nz * dz
    grazing = gloss * facing * facing * facing * facing
    hr, hg, hb = grazing * light[SKY], grazing * light[SKY + 1], grazing * light[SKY + 2]
    for lamp in range(int(light[LAMP_COUNT])):
        if lamp == 0 and not lit:
            continue
        k = LAMPS + 6 * lamp
        lx, ly, lz = light[k], light[k + 1], light[k + 2]
        cosine = nx * lx + ny * ly + nz * lz
        if cosine <= _ZERO:
            continue
        r += cosine * light[k + 3]
        g += cosine * light[k + 4]
        b += cosine * light[k + 5]
        if gloss > _ZERO:
            x, y, z = lx - dx, ly - dy, lz - dz
            half = (nx * x + ny * y + nz * z) / math.sqrt(x * x + y * y + z * z + f32(1e-9))
            if half > _ZERO:
                highlight = gloss * math.exp(shininess * math.log(half))
                hr += highlight * light[k + 3]
                hg += highlight * light[k + 4]
                hb += highlight * light[k + 5]
    return red * r + hr, green * g + hg, blue * b + hb
