# A front door to CMake: `make demo` for a first picture, `make check` for the tests.
BUILD ?= build
JOBS ?= $(shell nproc)
PACKAGES = build-essential cmake ninja-build pkg-config libjpeg62-turbo-dev libpng-dev zlib1g-dev \
	libjansson-dev libopenblas-openmp-dev libcmocka-dev libstb-dev libssl-dev libdnnl-dev python3 \
	python3-numpy clang clang-format
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo sudo)
MISSING = $(shell dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(PACKAGES) 2>/dev/null | \
	awk '$$2 == "installed" {have[$$1] = 1} \
	END {n = split("$(PACKAGES)", p, " "); for (i = 1; i <= n; i++) if (!(p[i] in have)) print p[i]}')

# Debian 13's libcrypto needs it where a program is linked statically.
PACKAGES += libzstd-dev
# CPack tells by it which of a package's files are libraries.
PACKAGES += file
# Programs that some tests try the pages, packages and batches with; they say so where one is missing.
CHECK_PACKAGES = fish lintian man-db mandoc shellcheck strace zsh
# What tests/nightly needs beside these.
NIGHTLY_PACKAGES = gcovr libclang-rt-14-dev python3-pil python3-torch strace valgrind

.PHONY: all deps check-deps nightly-deps configure build demo check install package clean

all: build

# Debian packages; does nothing, and needs no rights, where all of them are there.
deps:
	@missing="$(MISSING)"; [ -z "$$missing" ] || { \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get update -q && \
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
	$$missing; }

check-deps:
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(CHECK_PACKAGES)"

nightly-deps:
	@$(MAKE) --no-print-directory deps PACKAGES="$(PACKAGES) $(NIGHTLY_PACKAGES)"

configure:
	@cmake -S . -B $(BUILD) -G Ninja $(CMAKE_FLAGS)

build: configure
	@cmake --build $(BUILD) -j $(JOBS)

demo: deps
	@$(MAKE) --no-print-directory configure
	@cmake --build $(BUILD) -j $(JOBS) --target vitlrp
	$(BUILD)/vitlrp data/goldfish.jpg --style panel -o $(BUILD)/goldfish.heat.png

check: deps
	@$(MAKE) --no-print-directory build CMAKE_FLAGS=-DVITLRP_WERROR=ON
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

install: build
	cmake --install $(BUILD)

# Debian packages, in $(BUILD)-package. Built apart: with Debian's prefix, without tests.
package: deps
	@cmake -S . -B $(BUILD)-package -G Ninja -DCMAKE_INSTALL_PREFIX=/usr -DVITLRP_TESTS=OFF \
	$(CMAKE_FLAGS)
	@cmake --build $(BUILD)-package -j $(JOBS) --target package

clean:
	rm -rf $(BUILD) $(BUILD)-package
