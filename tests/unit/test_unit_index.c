/* An index of units: that of the reference (tests/golden/latent/latent-vit), given its scores; the
 * same bytes however its images are divided, ordered and interrupted; and files that are none. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/little_endian.h"
#include "base/mem.h"
#include "base/npy.h"
#include "base/unit_index.h"
#include "support/arrays.h"
#include "support/scratch.h"

#include "support/unit.h"

#define IMAGES ((size_t) 12)
#define KEEP ((size_t) 5)
#define BLOCKS ((size_t) 3)
#define MOST_BYTES ((size_t) 1 << 24)

static const char *const KINDS[] = {"relevance", "activation"};
static const char SETTINGS[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* SHA-256 of the state of all images, as an x86-64 processor wrote it. */
static const char STATE[] = "1a51303a53ac2b47fc22b97dee950cd31749dde26f09fc985f5b2f2933480f3b";

/* Predicted classes of the reference's images. */
static const uint32_t PREDICTED[IMAGES] = {7, 6, 6, 7, 3, 6, 3, 7, 3, 6, 5, 2};

/* The elements of an .npy file, in this processor's order, behind its header in *file. */
static const void *npy_data(const char *path, size_t count, size_t item_size, struct bytes *file) {
    struct npy_header header;
    assert_int_equal(file_read(path, MOST_BYTES, file, NULL), VITLRP_OK);
    assert_int_equal(npy_parse_header(file->data, file->size, file->size, &header, NULL),
                     VITLRP_OK);
    assert_int_equal(header.count, count);
    assert_int_equal(header.item_size, item_size);
    little_endian_turn(file->data + header.data_offset, item_size, count);
    return file->data + header.data_offset;
}

/* The reference of a site: the values of every image, and what its index has. */
struct reference {
    const char *site;
    struct unit_index_shape shape;
    struct bytes files[2][5]; /* of a kind: all, score, image, token, class */
    const float *all[2];      /* [images, units] */
    const float *score[2];    /* [units, keep], as the others */
    const uint32_t *image[2];
    const uint16_t *token[2], *class[2];
    struct bytes sums_file;
    const double *sums;   /* [units, 4] */
    float *means, *parts; /* of every image: made here */
    int32_t *tokens[2];
};

static const void *reference_array(struct reference *reference, size_t kind, size_t which,
                                   const char *name, size_t item_size) {
    char path[256];
    size_t units = unit_index_units(&reference->shape);
    snprintf(path, sizeof path, TEST_DATA "/golden/latent/latent-vit/index_%s_%s_%s.npy",
             reference->site, KINDS[kind], name);
    return npy_data(path, units * (which == 0 ? IMAGES : KEEP), item_size,
                    &reference->files[kind][which]);
}

/* The reference has the tokens of what is kept; the rest is 77, which must not come up. */
static void fill_tokens(struct reference *reference, size_t kind) {
    size_t units = unit_index_units(&reference->shape);
    reference->tokens[kind] = mem_calloc(IMAGES * units, sizeof **reference->tokens);
    for (size_t i = 0; i < IMAGES * units; i++) {
        reference->tokens[kind][i] = 77;
    }
    for (size_t i = 0; i < units * KEEP; i++) {
        size_t image = reference->image[kind][i];
        reference->tokens[kind][image * units + i / KEEP] = reference->token[kind][i];
    }
}

static struct reference reference_open(const char *site, size_t width, size_t parts) {
    struct reference reference = {
        .site = site, .shape = {BLOCKS, width, parts, KEEP, IMAGES, UNIT_INDEX_ALL_KINDS, 0}};
    struct test_random random = {3};
    char path[256];
    size_t units = unit_index_units(&reference.shape);
    for (size_t kind = 0; kind < 2; kind++) {
        reference.all[kind] = reference_array(&reference, kind, 0, "all", sizeof(float));
        reference.score[kind] = reference_array(&reference, kind, 1, "score", sizeof(float));
        reference.image[kind] = reference_array(&reference, kind, 2, "image", sizeof(uint32_t));
        reference.token[kind] = reference_array(&reference, kind, 3, "token", sizeof(uint16_t));
        reference.class[kind] = reference_array(&reference, kind, 4, "class", sizeof(uint16_t));
        fill_tokens(&reference, kind);
    }
    snprintf(path, sizeof path, TEST_DATA "/golden/latent/latent-vit/index_%s_sums.npy", site);
    reference.sums = npy_data(path, units * 4, sizeof(double), &reference.sums_file);
    reference.means = random_floats(&random, IMAGES * units * 2, 3.0);
    reference.parts = random_floats(&random, IMAGES * units * parts * 2, 3.0);
    return reference;
}

static void reference_close(struct reference *reference) {
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < 5; i++) {
            bytes_free(&reference->files[kind][i]);
        }
        mem_free(reference->tokens[kind]);
    }
    bytes_free(&reference->sums_file);
    mem_free(reference->means);
    mem_free(reference->parts);
}

static struct unit_index_image reference_image(const struct reference *reference, size_t image) {
    size_t units = unit_index_units(&reference->shape);
    size_t parts = reference->shape.parts;
    return (struct unit_index_image){
        .image = (uint32_t) image,
        .target = PREDICTED[image],
        .relevance = reference->all[0] + image * units,
        .activation = reference->all[1] + image * units,
        .relevance_token = reference->tokens[0] + image * units,
        .activation_token = reference->tokens[1] + image * units,
        .means = reference->means + image * units * 2,
        .parts = parts == 1 ? NULL : reference->parts + image * units * parts * 2,
    };
}

static struct unit_index index_open(const struct reference *reference) {
    struct unit_index index;
    assert_int_equal(unit_index_open(&reference->shape, &index, NULL), VITLRP_OK);
    return index;
}

static void add(struct unit_index *index, const struct reference *reference, size_t image) {
    struct unit_index_image values = reference_image(reference, image);
    assert_int_equal(unit_index_add(index, &values, NULL), VITLRP_OK);
}

static int64_t rounded(double value) {
    return (int64_t) rint(value);
}

/* Sums of T as the reference's, to the rounding of each image; the others exactly as a plain loop
 * makes them. */
static void assert_sums(const struct unit_index *index, const struct reference *reference) {
    size_t units = unit_index_units(&reference->shape);
    for (size_t unit = 0; unit < units; unit++) {
        const int64_t *sums = index->sums + unit * UNIT_INDEX_SUMS;
        int64_t cls = 0;
        int64_t others = 0;
        for (size_t image = 0; image < IMAGES; image++) {
            struct unit_index_image values = reference_image(reference, image);
            cls += rounded((double) values.means[2 * unit] * 1048576.0);
            others += rounded((double) values.means[2 * unit + 1] * 1048576.0);
        }
        for (size_t i = 0; i < 2; i++) {
            double sum = (double) sums[i] / UNIT_INDEX_RELEVANCE_SCALE;
            assert_true(fabs(sum - reference->sums[unit * 4 + i]) < 1e-7);
        }
        assert_int_equal(sums[UNIT_INDEX_SUM_CLS], cls);
        assert_int_equal(sums[UNIT_INDEX_SUM_OTHERS], others);
    }
}

static void assert_reference(const struct unit_index *index, const struct reference *reference) {
    size_t entries = unit_index_units(&reference->shape) * KEEP;
    for (size_t kind = 0; kind < 2; kind++) {
        const struct topk *best = &index->best[kind];
        assert_memory_equal(best->score, reference->score[kind], entries * sizeof(float));
        assert_memory_equal(best->image, reference->image[kind], entries * sizeof(uint32_t));
        assert_memory_equal(best->token, reference->token[kind], entries * sizeof(uint16_t));
        for (size_t i = 0; i < entries; i++) {
            assert_int_equal(best->target[i], reference->class[kind][i]);
        }
    }
    assert_sums(index, reference);
}

/* The images 3 and 7 are one file: their scores are equal, and the first of them comes first. */
static void assert_ties(const struct unit_index *index) {
    const struct topk *best = &index->best[UNIT_INDEX_RELEVANCE];
    size_t ties = 0;
    for (size_t i = 0; i + 1 < best->units * KEEP; i++) {
        ties += best->image[i] == 3 && i % KEEP + 1 < KEEP && best->image[i + 1] == 7;
        assert_false(best->image[i] == 7 && (i % KEEP == 0 || best->image[i - 1] != 3));
    }
    assert_true(ties > 0);
}

static void check_site(const char *site, size_t width, size_t parts) {
    struct reference reference = reference_open(site, width, parts);
    struct unit_index index = index_open(&reference);
    for (size_t image = IMAGES; image-- > 0;) {
        add(&index, &reference, image);
    }
    assert_reference(&index, &reference);
    assert_ties(&index);
    unit_index_close(&index);
    reference_close(&reference);
}

static void test_reference(void **unused) {
    (void) unused;
    check_site("fc1", 192, 1);
    check_site("head", 4, 12);
}

struct place {
    struct scratch scratch;
    int folder;
};

static struct place place_open(void) {
    struct place place = {.scratch = scratch_open()};
    assert_int_equal(folder_open(place.scratch.path, &place.folder, NULL), VITLRP_OK);
    return place;
}

static void place_close(struct place *place) {
    close(place->folder);
    scratch_close(&place->scratch);
}

static struct bytes file_of(const struct place *place, const char *name) {
    struct bytes bytes;
    assert_int_equal(file_read_below(place->folder, name, MOST_BYTES, &bytes, NULL), VITLRP_OK);
    return bytes;
}

static void write_state(const struct unit_index *index, const struct place *place,
                        const char *name) {
    assert_int_equal(unit_index_write(index, SETTINGS, place->folder, name, NULL), VITLRP_OK);
}

static void read_state(struct unit_index *index, const struct place *place, const char *name) {
    char settings[SHA256_TEXT];
    assert_int_equal(unit_index_read(place->folder, name, settings, index, NULL), VITLRP_OK);
    assert_string_equal(settings, SETTINGS);
}

/* A shard of a run that is killed after some images, and goes on from its last state: the images
 * behind that are done again. */
static void run_shard(struct test_random *random, const struct reference *reference,
                      const uint8_t *shard_of, uint8_t shard, const struct place *place) {
    size_t written_at = test_below(random, IMAGES);
    size_t killed_at = written_at + test_below(random, IMAGES - written_at);
    struct unit_index index = index_open(reference);
    for (size_t i = 0; i < killed_at; i++) {
        if (i == written_at) {
            write_state(&index, place, "part");
        }
        if (shard_of[i] == shard) {
            add(&index, reference, i);
        }
    }
    if (killed_at > written_at) {
        unit_index_close(&index);
        read_state(&index, place, "part");
    }
    for (size_t i = IMAGES; i-- > 0;) {
        if (shard_of[i] == shard && !unit_index_has(&index, i)) {
            add(&index, reference, i);
        }
    }
    char name[16];
    snprintf(name, sizeof name, "shard%u", (unsigned) shard);
    write_state(&index, place, name);
    unit_index_close(&index);
}

static void merge_shards(uint8_t shards, uint8_t first, const struct place *place) {
    struct unit_index whole;
    struct unit_index part;
    char name[16];
    for (uint8_t i = 0; i < shards; i++) {
        snprintf(name, sizeof name, "shard%u", (unsigned) ((first + i) % shards));
        read_state(i == 0 ? &whole : &part, place, name);
        if (i > 0) {
            assert_int_equal(unit_index_merge(&whole, &part, NULL), VITLRP_OK);
            unit_index_close(&part);
        }
    }
    write_state(&whole, place, "merged");
    unit_index_close(&whole);
}

/* The same state from all of them, and on every processor. */
static void test_divisions(void **unused) {
    struct reference reference = reference_open("head", 4, 12);
    struct place place = place_open();
    struct test_random random = {7};
    char digest[SHA256_TEXT];
    (void) unused;
    struct unit_index index = index_open(&reference);
    for (size_t i = 0; i < IMAGES; i++) {
        add(&index, &reference, i);
    }
    write_state(&index, &place, "whole");
    unit_index_close(&index);
    struct bytes whole = file_of(&place, "whole");
    assert_int_equal(sha256_bytes(whole.data, whole.size, digest, NULL), VITLRP_OK);
    assert_string_equal(digest, STATE);
    for (int run = 0; run < 12; run++) {
        uint8_t shards = (uint8_t) (1 + test_below(&random, 4));
        uint8_t shard_of[IMAGES];
        for (size_t i = 0; i < IMAGES; i++) {
            shard_of[i] = (uint8_t) test_below(&random, shards);
        }
        for (uint8_t shard = 0; shard < shards; shard++) {
            run_shard(&random, &reference, shard_of, shard, &place);
        }
        merge_shards(shards, (uint8_t) test_below(&random, shards), &place);
        struct bytes merged = file_of(&place, "merged");
        assert_int_equal(merged.size, whole.size);
        assert_memory_equal(merged.data, whole.data, whole.size);
        bytes_free(&merged);
    }
    bytes_free(&whole);
    place_close(&place);
    reference_close(&reference);
}

/* Shapes, types and numbers of what NumPy reads. */
static void test_arrays(void **unused) {
    struct reference reference = reference_open("head", 4, 12);
    struct place place = place_open();
    struct bytes file;
    char path[128];
    (void) unused;
    struct unit_index index = index_open(&reference);
    for (size_t i = 0; i < IMAGES; i++) {
        add(&index, &reference, i);
    }
    assert_int_equal(unit_index_write_arrays(&index, "head", place.folder, NULL), VITLRP_OK);
    scratch_path(&place.scratch, "head.activation.image.npy", path, sizeof path);
    const uint32_t *images = npy_data(path, BLOCKS * 4 * KEEP, sizeof *images, &file);
    assert_memory_equal(images, reference.image[1], BLOCKS * 4 * KEEP * sizeof *images);
    bytes_free(&file);
    scratch_path(&place.scratch, "head.sums.npy", path, sizeof path);
    const int64_t *sums = npy_data(path, BLOCKS * 4 * 4, sizeof *sums, &file);
    assert_memory_equal(sums, index.sums, BLOCKS * 4 * 4 * sizeof *sums);
    bytes_free(&file);
    scratch_path(&place.scratch, "head.mean.npy", path, sizeof path);
    const float *means = npy_data(path, BLOCKS * 4 * 12 * 2, sizeof *means, &file);
    for (size_t i = 0; i < BLOCKS * 4 * 12 * 2; i++) {
        double sum = 0.0;
        for (size_t image = 0; image < IMAGES; image++) {
            sum += (double) reference.parts[image * BLOCKS * 4 * 12 * 2 + i];
        }
        assert_true(fabs((double) means[i] - sum / (double) IMAGES) < 1e-6);
    }
    bytes_free(&file);
    unit_index_close(&index);
    place_close(&place);
    reference_close(&reference);
}

/* A small index of two images of three, in memory of its own. */
struct small {
    float values[4], means[8];
    int32_t tokens[4];
    struct unit_index index;
};

static struct unit_index_image small_image(struct small *small, uint32_t image) {
    return (struct unit_index_image){.image = image,
                                     .target = image * 2,
                                     .relevance = small->values,
                                     .activation = small->values,
                                     .relevance_token = small->tokens,
                                     .activation_token = small->tokens,
                                     .means = small->means};
}

static void small_open(struct small *small) {
    *small = (struct small){.values = {0.5F, -0.25F, 0.25F, 0.0F},
                            .means = {1, 2, 3, 4, 5, 6, 7, 8},
                            .tokens = {0, 1, 2, 65535}};
    const struct unit_index_shape shape = {2, 2, 1, 3, 3, UNIT_INDEX_ALL_KINDS, 0};
    assert_int_equal(unit_index_open(&shape, &small->index, NULL), VITLRP_OK);
    for (uint32_t i = 0; i < 2; i++) {
        struct unit_index_image image = small_image(small, i);
        assert_int_equal(unit_index_add(&small->index, &image, NULL), VITLRP_OK);
    }
}

static void test_refused_images(void **unused) {
    static const float BAD[] = {NAN, INFINITY, -INFINITY, 1e30F};
    struct place place = place_open();
    struct small small;
    (void) unused;
    small_open(&small);
    write_state(&small.index, &place, "before");
    struct unit_index_image image = small_image(&small, 2);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        small.values[3] = BAD[i];
        assert_int_equal(unit_index_add(&small.index, &image, NULL), VITLRP_NUMERIC);
    }
    small.values[3] = 0.0F;
    small.tokens[3] = 65536;
    assert_int_equal(unit_index_add(&small.index, &image, NULL), VITLRP_UNSUPPORTED);
    small.tokens[3] = 0;
    image.image = 3;
    assert_int_equal(unit_index_add(&small.index, &image, NULL), VITLRP_USAGE);
    image.image = 1; /* is done */
    assert_int_equal(unit_index_add(&small.index, &image, NULL), VITLRP_OK);
    assert_int_equal(unit_index_merge(&small.index, &small.index, NULL), VITLRP_MISMATCH);
    write_state(&small.index, &place, "after");
    struct bytes before = file_of(&place, "before");
    struct bytes after = file_of(&place, "after");
    assert_memory_equal(before.data, after.data, before.size);
    bytes_free(&before);
    bytes_free(&after);
    unit_index_close(&small.index);
    place_close(&place);
}

static void assert_not_a_state(const struct place *place, const void *data, size_t size) {
    char settings[SHA256_TEXT];
    struct unit_index index;
    struct vitlrp_error error;
    int file = openat(place->folder, "bad", O_WRONLY | O_CREAT | O_TRUNC, 0600); /* not synced */
    assert_int_equal(write(file, data, size), size);
    close(file);
    assert_int_equal(unit_index_read(place->folder, "bad", settings, &index, &error),
                     VITLRP_FORMAT);
    assert_int_equal(strncmp(error.message, "bad: ", 5), 0);
    unit_index_close(&index);
}

/* Every byte another one, every end too early, and numbers that no images leave, with a checksum
 * that is right. */
static void test_bad_files(void **unused) {
    static const size_t WRONG[] = {16, 24, 32, 40, 48, 55, 123, 171, 463, 584};
    struct place place = place_open();
    struct small small;
    (void) unused;
    small_open(&small);
    write_state(&small.index, &place, "good");
    struct bytes good = file_of(&place, "good");
    for (size_t i = 0; i < good.size; i++) {
        good.data[i] ^= 1;
        assert_not_a_state(&place, good.data, good.size);
        good.data[i] ^= 1;
        assert_not_a_state(&place, good.data, i);
    }
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        char digest[SHA256_TEXT];
        good.data[WRONG[i]] ^= 0x80;
        assert_int_equal(sha256_bytes(good.data, good.size - 64, digest, NULL), VITLRP_OK);
        memcpy(good.data + good.size - 64, digest, 64);
        assert_not_a_state(&place, good.data, good.size);
        good.data[WRONG[i]] ^= 0x80;
    }
    bytes_free(&good);
    unit_index_close(&small.index);
    place_close(&place);
}

/* Another image than the list has, whose bit stands in the last byte. */
static void test_bits_behind_the_last_image(void **unused) {
    struct place place = place_open();
    char digest[SHA256_TEXT];
    struct small small;
    (void) unused;
    small_open(&small);
    unit_index_close(&small.index);
    const struct unit_index_shape shape = {2, 2, 1, 1, 9, UNIT_INDEX_ALL_KINDS, 0};
    struct unit_index_image image = small_image(&small, 0);
    assert_int_equal(unit_index_open(&shape, &small.index, NULL), VITLRP_OK);
    assert_int_equal(unit_index_add(&small.index, &image, NULL), VITLRP_OK);
    write_state(&small.index, &place, "good");
    struct bytes good = file_of(&place, "good");
    good.data[good.size - 64 - 1] |= 0x80; /* the 16th image */
    assert_int_equal(sha256_bytes(good.data, good.size - 64, digest, NULL), VITLRP_OK);
    memcpy(good.data + good.size - 64, digest, 64);
    assert_not_a_state(&place, good.data, good.size);
    bytes_free(&good);
    unit_index_close(&small.index);
    place_close(&place);
}

/* What is added up can be read again: the largest value that is taken is below the bound. */
static void test_values_at_the_bound(void **unused) {
    struct place place = place_open();
    const struct unit_index_shape shape = {2, 2, 1, 3, 1, UNIT_INDEX_ALL_KINDS, 0};
    struct unit_index again;
    struct small small;
    (void) unused;
    small_open(&small);
    unit_index_close(&small.index);
    assert_int_equal(unit_index_open(&shape, &small.index, NULL), VITLRP_OK);
    struct unit_index_image image = small_image(&small, 0);
    small.means[0] = ldexpf(1.0F, 42); /* 2^62 with the scale: more than unit_index_most(1) by 1 */
    assert_int_equal(unit_index_add(&small.index, &image, NULL), VITLRP_NUMERIC);
    small.means[0] = nextafterf(small.means[0], 0.0F);
    assert_int_equal(unit_index_add(&small.index, &image, NULL), VITLRP_OK);
    write_state(&small.index, &place, "state");
    read_state(&again, &place, "state");
    unit_index_close(&again);
    unit_index_close(&small.index);
    place_close(&place);
}

static void test_share(void **unused) {
    float values[] = {1.0F, -3.0F, 0.0F, 0.0F, 0.0F, 0.0F};
    (void) unused;
    unit_index_share(values, 2, 3, values);
    assert_true(values[0] == 0.25F && values[1] == -0.75F && values[2] == 0.0F);
    assert_true(values[3] == 0.0F && values[4] == 0.0F);
}

static void test_shapes(void **unused) {
    static const struct unit_index_shape EMPTY = {2, 2, 1, 0, 3, UNIT_INDEX_ALL_KINDS, 0};
    static const struct unit_index_shape LARGE = {2, SIZE_MAX / 4,         1, 1,
                                                  3, UNIT_INDEX_ALL_KINDS, 0};
    struct unit_index index;
    (void) unused;
    assert_int_equal(unit_index_open(&EMPTY, &index, NULL), VITLRP_USAGE);
    unit_index_close(&index);
    assert_int_equal(unit_index_open(&LARGE, &index, NULL), VITLRP_LIMIT);
    unit_index_close(&index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_divisions),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_refused_images),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_bits_behind_the_last_image),
        cmocka_unit_test(test_values_at_the_bound),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
