# make demo       real photos to demo/out: a .blend, a .glb, cameras.json and a picture to judge them by
# make test       all tests; those with Blender's window where its folder can be built (root, Debian, 3 GB)
# make gui-test   the tests with Blender's window alone; builds its folder first if it is missing
# make package    the zip that Blender installs, in dist/
# make package-offline  the same with the CPU wheels of this system and Python, to use without a network (TORCH_INDEX)
# make lock       the versions and hashes that Set Up installs, after a change of the dependencies
# make lint       ruff and mypy
# make bench      times and memory, beside the machine's own speed
# make train      go on training the bundled weights (MINUTES, PACK)
# make evaluate   poses, surfaces and textures on validation scans (DATA)

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
MINUTES ?= 10
DEMO_PHOTOS := $(foreach side,front front_left left back_left back back_right right front_right,demo/photos/robot_$(side).jpg)
LOCK := core/requirements-lock.txt
DATA ?= ../shared/data/scans_val

.PHONY: demo test gui-test package package-offline lock lint bench train evaluate clean

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[develop,heic]'
	touch $@

demo: $(VENV)/ready
	mkdir -p demo/out
	$(BIN)/python -m pflrm reconstruct $(DEMO_PHOTOS) --name Robot --output demo/out/robot.blend \
		--export demo/out/robot.glb --cameras demo/out/cameras.json
	$(BIN)/python demo/preview.py demo/out/robot.blend demo/out/preview.png

test: $(VENV)/ready
	$(BIN)/python tests/gui/build_blender.py > /dev/null || true
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --ignore tests/gui
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile tests/gui

gui-test: $(VENV)/ready
	$(BIN)/python tests/gui/build_blender.py
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile tests/gui

package: $(VENV)/ready
	$(BIN)/python tests/build_extension.py dist

package-offline: $(VENV)/ready
	$(BIN)/python -m pflrm.tests.build_offline dist $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))

lock: $(VENV)/ready
	$(BIN)/uv pip compile pyproject.toml --extra heic --universal --python-version 3.11 --only-binary :all: \
		--generate-hashes --no-annotate --custom-compile-command 'make lock' --quiet --output-file $(LOCK)

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/mypy core
	$(BIN)/mypy pflrm_blender operators ui tests demo

bench: $(VENV)/ready
	$(BIN)/python -m pflrm.tests.bench

train: $(VENV)/ready
	$(BIN)/python -m pflrm.core.training --minutes $(MINUTES) --out runs/train \
		--weights core/weights/pflrm-small.safetensors $(if $(PACK),--pack $(PACK))

evaluate: $(VENV)/ready
	$(BIN)/python -m pflrm.core.evaluation --data $(DATA)
	$(BIN)/python -m pflrm.core.evaluation --data $(DATA) --vertical known
	$(BIN)/python -m pflrm.tests.evaluate_texture $(DATA) --hull

clean:
	rm -rf $(VENV) build dist demo/out *.egg-info
