/* What the fuzz targets share. Every target is one fuzz_NAME.c; linked with replay.c instead of a
 * fuzzer, it is an ordinary program that reads files again. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "fuzz/bounds.h"
#include "imgio/decode.h"
#include "imgio/image.h"

/* Of every target: what it does with an input, and what that may take beyond the common bounds. */
void fuzz_one(const uint8_t *data, size_t size);
extern const struct bounds FUZZ_BOUNDS;

/* What libFuzzer and AFL call: fuzz_one within its bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input less the bytes that chose options: these are the last ones, so that what is left begins
 * as the format's files do. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

/* Takes the last byte; 0 from an empty input. */
uint8_t fuzz_byte(struct fuzz_input *input);

/* Takes the last two bytes. */
uint32_t fuzz_number(struct fuzz_input *input);

/* Takes four bytes: any float, NaN and infinities among them. */
float fuzz_float(struct fuzz_input *input);

/* Ends the process, for the fuzzer to see, if the condition is false. */
void fuzz_check(bool holds, const char *what);

/* A failure must be told: the same status in the record, one line of UTF-8 without control bytes,
 * and no bug of ours. */
void fuzz_check_failure(enum vitlrp_status status, const struct vitlrp_error *err);

/* Reads every byte, so that one that was never written, or is not ours, is seen. */
void fuzz_touch(const void *data, size_t size);

/* A picture whose sides fit its memory; every byte of it is read. */
void fuzz_touch_image(const struct image *image);

/* At most a million pixels and 64 MiB beside them: hostile sizes are refused, slow ones not made.
 */
struct vitlrp_image_limits fuzz_limits(void);

/* A picture's file, decoded and turned as it says. False, with a failure that was told, where there
 * is no picture; else the caller's: image_free. */
bool fuzz_decoded(enum vitlrp_status (*decode)(const struct decode_input *, struct decoded *,
                                               struct vitlrp_error *),
                  const uint8_t *data, size_t size, struct image *out);

/* The input as a regular file, for functions that take a path; valid until the next call. `place`
 * tells files of one moment apart: 0 or 1. */
const char *fuzz_file(const struct fuzz_input *input, int place);

#endif
