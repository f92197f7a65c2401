/* The state of a run over hidden units, state.bin. The last byte says how the input is read: as it
 * is, with the checksum of what it has, with the header of a small index and that checksum, or as
 * values of images. What is read must be written again to the byte, and may be gone on from: images
 * with the largest values that are taken can never make a sum overflow. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/unit_index.h"
#include "fuzz/fuzz.h"

#define STATE "state.bin"
#define AGAIN "again.bin"
#define DIGEST (SHA256_TEXT - 1)
#define HEADER ((size_t) 16 + 5 * 8 + DIGEST)
#define MOST_FILE ((size_t) 1 << 22)
#define MOST_IMAGES 24
#define MOST_VALUES ((size_t) 64)

static const char SETTINGS[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static char path[32];
static int folder = -1;

/* ---- Files ---- */

static void remove_folder(void) {
    static const char *const NAMES[] = {
        STATE,
        AGAIN,
        "fc1.sums.npy",
        "fc1.mean.npy",
        "fc1.relevance.score.npy",
        "fc1.relevance.image.npy",
        "fc1.relevance.token.npy",
        "fc1.relevance.class.npy",
        "fc1.activation.score.npy",
        "fc1.activation.image.npy",
        "fc1.activation.token.npy",
        "fc1.activation.class.npy",
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        unlinkat(folder, NAMES[i], 0);
    }
    close(folder);
    rmdir(path);
}

/* In memory where the system has such a place: every state is synced. */
static void open_folder(void) {
    if (folder >= 0) {
        return;
    }
    snprintf(path, sizeof path, "/dev/shm/vitlrp-fuzz-XXXXXX");
    if (mkdtemp(path) == NULL) {
        snprintf(path, sizeof path, "/tmp/vitlrp-fuzz-XXXXXX");
        fuzz_check(mkdtemp(path) != NULL, "no folder");
    }
    fuzz_check(folder_open(path, &folder, NULL) == VITLRP_OK, "no folder");
    atexit(remove_folder);
}

static void write_file(const void *data, size_t size) {
    int fd = openat(folder, STATE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fuzz_check(fd >= 0 && (size == 0 || write(fd, data, size) == (ssize_t) size), "no file");
    close(fd);
}

/* Writes the index, which has the bytes of the file that is there. */
static void check_same(const struct unit_index *index, const char *settings, const char *what) {
    struct bytes files[2] = {{0}, {0}};
    fuzz_check(unit_index_write(index, settings, folder, AGAIN, NULL) == VITLRP_OK, "not written");
    fuzz_check(file_read_below(folder, STATE, MOST_FILE, &files[0], NULL) == VITLRP_OK &&
                   file_read_below(folder, AGAIN, MOST_FILE, &files[1], NULL) == VITLRP_OK,
               "not read");
    fuzz_check(files[0].size == files[1].size &&
                   memcmp(files[0].data, files[1].data, files[0].size) == 0,
               what);
    bytes_free(&files[0]);
    bytes_free(&files[1]);
}

/* ---- Images ---- */

struct values {
    float relevance[MOST_VALUES], activation[MOST_VALUES], means[2 * MOST_VALUES];
    float parts[2 * MOST_VALUES];
    int32_t tokens[2][MOST_VALUES];
};

static struct unit_index_image image_of(const struct values *values, size_t image) {
    return (struct unit_index_image){.image = (uint32_t) image,
                                     .target = (uint32_t) image,
                                     .relevance = values->relevance,
                                     .activation = values->activation,
                                     .relevance_token = values->tokens[0],
                                     .activation_token = values->tokens[1],
                                     .means = values->means,
                                     .parts = values->parts};
}

/* Every image that the index lacks, with the largest values that are taken. */
static void add_largest(struct unit_index *index) {
    const struct unit_index_shape *shape = &index->shape;
    struct values values = {.tokens = {{0}}};
    double most = (double) unit_index_most(shape->images) * 0.999;
    if (shape->images > MOST_IMAGES || unit_index_part_sums(shape) > 2 * MOST_VALUES) {
        return;
    }
    for (size_t i = 0; i < 2 * MOST_VALUES; i++) {
        values.means[i] = (float) (most / UNIT_INDEX_ACTIVATION_SCALE);
        values.parts[i] = -values.means[i];
    }
    for (size_t i = 0; i < MOST_VALUES; i++) {
        values.relevance[i] = (float) (most / UNIT_INDEX_RELEVANCE_SCALE);
    }
    for (size_t image = 0; image < shape->images; image++) {
        const struct unit_index_image added = image_of(&values, image);
        fuzz_check(unit_index_add(index, &added, NULL) == VITLRP_OK, "an image that is refused");
    }
    fuzz_check(index->count == shape->images, "another number of images");
}

/* ---- A file ---- */

static void check_read(struct unit_index *index, const char *settings) {
    const struct unit_index_shape shape = index->shape;
    struct unit_index empty;
    char again[SHA256_TEXT];
    check_same(index, settings, "another file than was read");
    fuzz_check(unit_index_open(&shape, &empty, NULL) == VITLRP_OK, "an index that is not opened");
    fuzz_check(unit_index_merge(&empty, index, NULL) == VITLRP_OK, "an index that is not joined");
    check_same(&empty, settings, "another file after a merge");
    fuzz_check(unit_index_write_arrays(&empty, "fc1", folder, NULL) == VITLRP_OK, "no arrays");
    add_largest(&empty);
    unit_index_close(&empty);
    fuzz_check(unit_index_read(folder, AGAIN, again, &empty, NULL) == VITLRP_OK, "not read again");
    unit_index_close(&empty);
}

static void read_state(const void *data, size_t size) {
    char settings[SHA256_TEXT];
    struct unit_index index;
    struct vitlrp_error err = {0};
    write_file(data, size);
    enum vitlrp_status status = unit_index_read(folder, STATE, settings, &index, &err);
    if (status == VITLRP_OK) {
        check_read(&index, settings);
    } else {
        fuzz_check_failure(status, &err);
    }
    unit_index_close(&index);
}

/* `size` bytes with room for a checksum behind them. */
static void read_signed(char *data, size_t size) {
    char digest[SHA256_TEXT];
    fuzz_check(sha256_bytes(data, size, digest, NULL) == VITLRP_OK, "no checksum");
    memcpy(data + size, digest, DIGEST);
    read_state(data, size + DIGEST);
}

static void read_whole(const struct fuzz_input *input) {
    char *copy = mem_calloc(input->size + DIGEST, 1);
    fuzz_check(copy != NULL, "no memory");
    if (input->size > 0) {
        memcpy(copy, input->data, input->size);
    }
    read_signed(copy, input->size);
    mem_free(copy);
}

static struct unit_index_shape take_shape(struct fuzz_input *input) {
    struct unit_index_shape shape;
    shape.blocks = fuzz_byte(input) % 2 + (size_t) 1;
    shape.width = fuzz_byte(input) % 3 + (size_t) 1;
    shape.parts = fuzz_byte(input) % 3 + (size_t) 1;
    shape.keep = fuzz_byte(input) % 3 + (size_t) 1;
    shape.images = fuzz_byte(input) % MOST_IMAGES + (size_t) 1;
    shape.kinds = fuzz_byte(input) % UNIT_INDEX_ALL_KINDS + 1U;
    shape.classes = (shape.kinds >> UNIT_INDEX_RELEVANCE & 1U) != 0 ? fuzz_byte(input) % 3 : 0;
    return shape;
}

/* Bytes of the arrays of an index. */
static size_t body_size(const struct unit_index_shape *shape) {
    size_t units = unit_index_units(shape);
    size_t kinds = shape->kinds == UNIT_INDEX_ALL_KINDS ? UNIT_INDEX_KINDS : 1;
    size_t entries = kinds * units * shape->keep * 14;
    size_t parts = shape->parts == 1 ? 0 : unit_index_part_sums(shape) * sizeof(int64_t);
    return entries + units * UNIT_INDEX_SUMS * sizeof(int64_t) + parts +
           shape->classes * (sizeof(uint64_t) + UNIT_INDEX_DIGEST) + unit_index_done_bytes(shape);
}

static void read_body(struct fuzz_input *input) {
    const struct unit_index_shape shape = take_shape(input);
    const uint64_t sizes[] = {shape.blocks, shape.width, shape.parts, shape.keep, shape.images};
    const uint64_t more[] = {shape.kinds, shape.classes};
    size_t size = body_size(&shape);
    bool is_first = shape.kinds == UNIT_INDEX_ALL_KINDS && shape.classes == 0;
    size_t header = HEADER + (is_first ? 0 : sizeof more);
    char *data = mem_calloc(header + size + DIGEST, 1);
    fuzz_check(data != NULL, "no memory");
    memcpy(data, is_first ? "vitlrp index 1\n" : "vitlrp index 2\n", 16);
    memcpy(data + 16, sizes, sizeof sizes);
    memcpy(data + 16 + sizeof sizes, SETTINGS, DIGEST);
    memcpy(data + HEADER, more, header - HEADER);
    if (input->size > 0) {
        memcpy(data + header, input->data, size_min(input->size, size));
    }
    read_signed(data, header + size);
    mem_free(data);
}

/* ---- Values of images ---- */

/* Of eight kinds, so that equal ones, those at the bounds and those that are none are there. */
static float take_value(struct fuzz_input *input, double scale, size_t images) {
    double most = (double) unit_index_most(images) / scale;
    uint8_t form = fuzz_byte(input);
    switch (form % 4) {
    case 0:
        return (float) (form / 4 % 8) * 0.25F;
    case 1:
        return (float) (form / 4 % 2 == 0 ? most : -most);
    case 2:
        return -(float) (form / 4) * 0.125F;
    default:
        return fuzz_float(input);
    }
}

static void take_values(struct fuzz_input *input, const struct unit_index_shape *shape,
                        struct values *out) {
    size_t units = unit_index_units(shape);
    for (size_t i = 0; i < units; i++) {
        out->relevance[i] = take_value(input, UNIT_INDEX_RELEVANCE_SCALE, shape->images);
        out->activation[i] = take_value(input, UNIT_INDEX_ACTIVATION_SCALE, shape->images);
        out->tokens[0][i] = (int32_t) fuzz_number(input);
        out->tokens[1][i] = (int32_t) fuzz_number(input) - 1;
    }
    for (size_t i = 0; i < 2 * units; i++) {
        out->means[i] = take_value(input, UNIT_INDEX_ACTIVATION_SCALE, shape->images);
    }
    for (size_t i = 0; i < unit_index_part_sums(shape); i++) {
        out->parts[i] = take_value(input, UNIT_INDEX_ACTIVATION_SCALE, shape->images);
    }
}

/* An index of all and two of parts of the images, which are joined: the same bytes. Sums by class
 * have hashes of their own (base/class_rows). */
static void divide_images(struct fuzz_input *input) {
    struct unit_index_shape shape = take_shape(input);
    struct unit_index all;
    struct unit_index parts[2];
    struct values values = {.tokens = {{0}}};
    struct vitlrp_error err = {0};
    shape.classes = 0;
    fuzz_check(unit_index_open(&shape, &all, NULL) == VITLRP_OK &&
                   unit_index_open(&shape, &parts[0], NULL) == VITLRP_OK &&
                   unit_index_open(&shape, &parts[1], NULL) == VITLRP_OK,
               "no index");
    for (size_t i = 0; i < shape.images && input->size > 0; i++) {
        size_t part = fuzz_byte(input) % 2;
        take_values(input, &shape, &values);
        const struct unit_index_image image = image_of(&values, shape.images - 1 - i);
        enum vitlrp_status status = unit_index_add(&all, &image, &err);
        if (status != VITLRP_OK) {
            fuzz_check_failure(status, &err);
        }
        fuzz_check(unit_index_add(&parts[part], &image, NULL) == status, "another end in a part");
    }
    fuzz_check(unit_index_write(&all, SETTINGS, folder, STATE, NULL) == VITLRP_OK, "not written");
    fuzz_check(unit_index_merge(&parts[0], &parts[1], NULL) == VITLRP_OK, "parts do not join");
    check_same(&parts[0], SETTINGS, "another index of parts than of all");
    unit_index_close(&all);
    fuzz_check(unit_index_read(folder, STATE, (char[SHA256_TEXT]){0}, &all, &err) == VITLRP_OK,
               err.message);
    unit_index_close(&all);
    unit_index_close(&parts[0]);
    unit_index_close(&parts[1]);
}

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    open_folder();
    switch (fuzz_byte(&input) % 4) {
    case 0:
        read_state(input.data, input.size);
        break;
    case 1:
        read_whole(&input);
        break;
    case 2:
        read_body(&input);
        break;
    default:
        divide_images(&input);
        break;
    }
}
