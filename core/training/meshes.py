"""Artist meshes: a bounding volume hierarchy over their triangles, and rays through it.

All meshes lie in common arrays. The hierarchy of a mesh is stored depth first with a link that skips each subtree, so
that a ray walks it without a stack, which suits GPUs.
"""

import math

import numpy as np

from ..jit import FAR, device, f32, host

LEAF_SIZE = 4
SUPPORT_DIRECTIONS = 96
_ZERO, _ONE = f32(0.0), f32(1.0)


@host
def build_hierarchy(corners, order, nodes, links, first_node, first_triangle):
    """Build the hierarchy of one mesh.

    :param corners: (M, 3, 3) float32, the triangles' corners.
    :param order: (M,) int64, filled with the order in which the triangles have to be stored.
    :param nodes: (·, 6) float32 boxes, lower then upper corner; ``links``: (·, 3) int32, node after the subtree,
        first triangle and number of triangles (0 above the leaves); both are filled from ``first_node`` on.
    :param first_triangle: where the mesh's triangles will be stored.
    :returns: the index after the mesh's last node.
    """
    count = len(corners)
    centres = np.empty((count, 3), np.float32)
    for i in range(count):
        order[i] = i
        for k in range(3):
            centres[i, k] = (corners[i, 0, k] + corners[i, 1, k] + corners[i, 2, k]) / f32(3)
    # Ranges of triangles that are still to be stored. A left child directly follows its parent.
    stack = np.empty((128, 2), np.int64)
    stack[0, 0], stack[0, 1] = 0, count
    depth, node = 1, first_node
    while depth:
        depth -= 1
        start, end = stack[depth, 0], stack[depth, 1]
        for k in range(3):
            nodes[node, k], nodes[node, 3 + k] = FAR, -FAR
        for i in range(start, end):
            for corner in range(3):
                for k in range(3):
                    value = corners[order[i], corner, k]
                    nodes[node, k] = min(nodes[node, k], value)
                    nodes[node, 3 + k] = max(nodes[node, 3 + k], value)
        links[node, 0], links[node, 1], links[node, 2] = 0, first_triangle + start, 0
        if end - start <= LEAF_SIZE:
            links[node, 2] = end - start
        else:
            axis = 0
            for k in range(1, 3):
                if nodes[node, 3 + k] - nodes[node, k] > nodes[node, 3 + axis] - nodes[node, axis]:
                    axis = k
            keys = np.empty(end - start, np.float32)
            for i in range(start, end):
                keys[i - start] = centres[order[i], axis]
            order[start:end] = order[start:end][np.argsort(keys)]
            middle = (start + end) // 2
            stack[depth, 0], stack[depth, 1] = middle, end
            stack[depth + 1, 0], stack[depth + 1, 1] = start, middle
            depth += 2
        node += 1
    _link_subtrees(links, first_node, node)
    return node


@host
def _link_subtrees(links, first_node, end):
    """Derive the link over each subtree: it ends where its second child ends, and nodes are stored depth first."""
    for node in range(end - 1, first_node - 1, -1):
        if links[node, 2] > 0:
            links[node, 0] = node + 1
        else:
            second = links[node + 1, 0]
            links[node, 0] = links[second, 0]


@host
def support_points(vertices, points):
    """Fill ``points`` (SUPPORT_DIRECTIONS, 3) with the vertices farthest in directions spread over the sphere."""
    for i in range(len(points)):
        z = 1.0 - (2.0 * i + 1.0) / len(points)
        azimuth = i * 2.399963229728653  # the golden angle
        flat = math.sqrt(1.0 - z * z)
        x, y = flat * math.cos(azimuth), flat * math.sin(azimuth)
        best = 0
        farthest = -1e9
        for k in range(len(vertices)):
            along = vertices[k, 0] * x + vertices[k, 1] * y + vertices[k, 2] * z
            if along > farthest:
                best, farthest = k, along
        points[i] = vertices[best]


@device
def _slab(low, high, origin, inverse):
    a, b = (low - origin) * inverse, (high - origin) * inverse
    return min(a, b), max(a, b)


@device
def cast(nodes, links, triangles, root, end, ox, oy, oz, dx, dy, dz, limit, any_hit):
    """The first triangle on a ray.

    :param triangles: (·, 9) float32, first corner and the two edges from it.
    :param root, end: the nodes of the mesh; ``limit``: farthest distance of interest, in lengths of the direction.
    :param any_hit: any triangle will do, for shadows.
    :returns: (distance or FAR, index of the triangle or -1, the hit's weights of its second and third corner).
    """
    tiny = f32(1e-12)
    ix = _ONE / (dx if abs(dx) > tiny else tiny)
    iy = _ONE / (dy if abs(dy) > tiny else tiny)
    iz = _ONE / (dz if abs(dz) > tiny else tiny)
    best, hit, hit_u, hit_v = limit, -1, _ZERO, _ZERO
    node = root
    while node < end:
        a, b = _slab(nodes[node, 0], nodes[node, 3], ox, ix)
        c, d = _slab(nodes[node, 1], nodes[node, 4], oy, iy)
        e, f = _slab(nodes[node, 2], nodes[node, 5], oz, iz)
        near, far = max(max(a, c), max(e, _ZERO)), min(min(b, d), min(f, best))
        if near > far * f32(1.00001):
            node = int(links[node, 0])
            continue
        first = int(links[node, 1])
        for i in range(first, first + int(links[node, 2])):
            # Möller and Trumbore
            e1x, e1y, e1z = triangles[i, 3], triangles[i, 4], triangles[i, 5]
            e2x, e2y, e2z = triangles[i, 6], triangles[i, 7], triangles[i, 8]
            px, py, pz = dy * e2z - dz * e2y, dz * e2x - dx * e2z, dx * e2y - dy * e2x
            determinant = e1x * px + e1y * py + e1z * pz
            if abs(determinant) < f32(1e-14):
                continue
            inverse = _ONE / determinant
            sx, sy, sz = ox - triangles[i, 0], oy - triangles[i, 1], oz - triangles[i, 2]
            u = (sx * px + sy * py + sz * pz) * inverse
            if u < _ZERO or u > _ONE:
                continue
            qx, qy, qz = sy * e1z - sz * e1y, sz * e1x - sx * e1z, sx * e1y - sy * e1x
            v = (dx * qx + dy * qy + dz * qz) * inverse
            if v < _ZERO or u + v > _ONE:
                continue
            t = (e2x * qx + e2y * qy + e2z * qz) * inverse
            if f32(1e-5) < t < best:
                best, hit, hit_u, hit_v = t, i, u, v
        if any_hit and hit >= 0:
            break
        node += 1
    return (best if hit >= 0 else FAR), hit, hit_u, hit_v
