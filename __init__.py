"""PF-LRM: a few photos of an object become cameras and a textured mesh.

Blender imports this file at every start, so it imports nothing until ``register()`` runs. Outside Blender the same
files are the package ``pflrm``.
"""


def register() -> None:
    """Add the panels, operators and preferences to Blender."""
    from . import operators, ui
    from .pflrm_blender import command, masks, properties, saving, session

    properties.register()
    saving.register()
    masks.register()
    session.register()
    operators.register()
    ui.register()
    command.register()


def unregister() -> None:
    """Take everything away again, and stop the worker."""
    from . import operators, ui
    from .pflrm_blender import command, inspection, masks, properties, saving, session, setting_up

    command.unregister()
    ui.unregister()
    operators.unregister()
    setting_up.unregister()
    inspection.unregister()
    session.unregister()
    masks.unregister()
    saving.unregister()
    properties.unregister()
