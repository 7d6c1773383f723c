"""Training: objects, renderer, losses and loop. Left out of the installed extension."""
