"""PF-LRM itself: photos to cameras and a mesh, with numpy and torch and without Blender."""
