#include "photo.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/little_endian.h"
#include "base/mem.h"
#include "base/naming.h"
#include "base/npy.h"
#include "base/sha256.h"
#include "machine.h"

/* ---- What the model says ---- */

enum vitlrp_status prediction_open(int32_t classes, struct prediction *prediction,
                                   struct vitlrp_error *err) {
    size_t count = (size_t) classes;
    *prediction = (struct prediction){
        .classes = classes,
        .empty_cosine = (double) NAN,
        .logits = mem_calloc(count, sizeof *prediction->logits),
        .probability = mem_calloc(count, sizeof *prediction->probability),
        .order = mem_calloc(count, sizeof *prediction->order),
    };
    if (prediction->logits == NULL || prediction->probability == NULL ||
        prediction->order == NULL) {
        prediction_close(prediction);
        return fail(err, VITLRP_NOMEM, "out of memory for %d logits", classes);
    }
    return VITLRP_OK;
}

void prediction_close(struct prediction *prediction) {
    mem_free(prediction->logits);
    mem_free(prediction->probability);
    mem_free(prediction->order);
    *prediction = (struct prediction){0};
}

void prediction_hide(struct prediction *prediction) {
    prediction->hides = true;
    prediction->classes--;
}

size_t prediction_outputs(const struct prediction *prediction) {
    return (size_t) prediction->classes + (prediction->hides ? 1 : 0);
}

/* With one class left, a softmax says nothing. */
static bool says_nothing(const struct prediction *prediction, const struct vitlrp_model *model) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    return prediction->hides && prediction->classes == 1 &&
           info.probability == VITLRP_PROBABILITY_SOFTMAX;
}

enum vitlrp_status prediction_rank(struct prediction *prediction, const struct vitlrp_model *model,
                                   struct vitlrp_error *err) {
    size_t count = prediction_outputs(prediction);
    float *last = &prediction->logits[count - 1];
    float kept = *last;
    struct vitlrp_likely *likely = mem_calloc(count, sizeof *likely);
    if (likely == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu classes", count);
    }
    *last = prediction->hides ? -FLT_MAX : kept; /* the last one by that, and without a share */
    enum vitlrp_status status = vitlrp_model_top(model, prediction->logits, count, likely, err);
    *last = kept;
    bool is_constant = says_nothing(prediction, model);
    for (size_t i = 0; i < count && status == VITLRP_OK; i++) {
        int32_t output = likely[i].found.output;
        bool is_class = output < prediction->classes && !is_constant;
        prediction->order[i] = output;
        prediction->probability[output] = is_class ? likely[i].probability : (double) NAN;
    }
    mem_free(likely);
    return status;
}

void class_append(struct text *out, const struct vitlrp_class *found) {
    class_name_append(out, found->label, found->index);
}

/* ---- The photograph ---- */

#define MAX_INPUT_SIDE 16384

size_t photo_channels(const struct vitlrp_preprocess *preprocess) {
    return preprocess->channels == 1 ? 1 : 3;
}

void photo_sum_channels(const struct vitlrp_preprocess *preprocess, const float *pixels,
                        size_t count, float *out) {
    for (size_t i = 0; i < count; i++) {
        double sum = 0.0;
        for (size_t c = 0; c < photo_channels(preprocess); c++) {
            sum += (double) pixels[c * count + i];
        }
        out[i] = (float) sum;
    }
}

static enum vitlrp_status check_input_shape(const struct npy_header *header, size_t channels,
                                            struct vitlrp_error *err) {
    bool fits = header->rank == 3 && header->shape[0] == channels && header->shape[1] >= 1 &&
                header->shape[2] >= 1;
    if (header->kind != 'f' || header->item_size != sizeof(float) || header->fortran_order ||
        !fits) {
        return fail(err, VITLRP_MISMATCH,
                    "as a model input, an .npy file must be float32 in C order of shape (%zu, "
                    "height, width); as a photograph, uint8 of shape (height, width, 3 or 1)",
                    channels);
    }
    if (header->shape[1] > MAX_INPUT_SIDE || header->shape[2] > MAX_INPUT_SIDE) {
        return fail(err, VITLRP_LIMIT, "a model input is at most %d pixels a side", MAX_INPUT_SIDE);
    }
    return VITLRP_OK;
}

/* Of a side of the size that the model states, what its patches read: so400m/14 reads 378 of 384
 * pixels, of an input as of a photograph. */
static int32_t side_read(size_t given, int32_t crop, int32_t unread) {
    return unread > 0 && given == (size_t) crop + (size_t) unread ? crop : (int32_t) given;
}

static void copy_read(const unsigned char *planes, const struct npy_header *header, int32_t height,
                      int32_t width, float *out) {
    size_t row = header->shape[2] * sizeof *out;
    for (size_t c = 0; c < header->shape[0]; c++) {
        const unsigned char *plane = planes + c * header->shape[1] * row;
        for (size_t y = 0; y < (size_t) height; y++) {
            little_endian_copy(out, plane + y * row, sizeof *out, (size_t) width);
            out += width;
        }
    }
}

/* A ready model input; its picture is what it shows when the normalisation is undone. */
static enum vitlrp_status input_from_npy(const void *data, size_t size,
                                         const struct vitlrp_preprocess *preprocess,
                                         struct photo *photo, struct vitlrp_error *err) {
    struct npy_header header;
    TRY(npy_parse_header(data, size, size, &header, err));
    TRY(check_input_shape(&header, photo_channels(preprocess), err));
    photo->input = mem_calloc(header.count, sizeof *photo->input);
    if (photo->input == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for its %zu numbers", header.count);
    }
    int32_t height = side_read(header.shape[1], preprocess->crop_height, preprocess->unread_height);
    int32_t width = side_read(header.shape[2], preprocess->crop_width, preprocess->unread_width);
    copy_read((const unsigned char *) data + header.data_offset, &header, height, width,
              photo->input);
    photo->is_input = true;
    photo->geometry = (struct vitlrp_geometry){
        .image_width = width,
        .image_height = height,
        .input_width = width,
        .input_height = height,
        .width = width,
        .height = height,
    };
    return vitlrp_image_from_input(photo->input, height, width, preprocess, &photo->image, err);
}

/* An .npy file of bytes is a photograph. */
static bool holds_input(const void *data, size_t size) {
    struct npy_header header;
    return npy_recognise(data, size) &&
           (npy_parse_header(data, size, size, &header, NULL) != VITLRP_OK ||
            !npy_is_picture(&header));
}

/* Takes over what was made since `start`. */
static void photo_take(const struct vitlrp_prepared *prepared, double start, struct photo *photo) {
    photo->image = prepared->image;
    photo->input = prepared->input;
    photo->geometry = prepared->geometry;
    photo->preprocess_ms = prepared->prepare_ms;
    photo->decode_ms = clock_ms() - start - prepared->prepare_ms;
}

static enum vitlrp_status photo_fill(const void *data, size_t size,
                                     const struct vitlrp_preprocess *preprocess,
                                     const struct vitlrp_image_options *options,
                                     struct photo *photo, struct vitlrp_error *err) {
    double start = clock_ms();
    if (holds_input(data, size)) {
        TRY(input_from_npy(data, size, preprocess, photo, err));
        photo->decode_ms = clock_ms() - start;
        return VITLRP_OK;
    }
    struct vitlrp_prepared prepared;
    TRY(vitlrp_image_open_prepared(data, size, options, preprocess, &prepared, err));
    photo_take(&prepared, start, photo);
    return VITLRP_OK;
}

enum vitlrp_status photo_decode(const void *data, size_t size,
                                const struct vitlrp_preprocess *preprocess,
                                const struct vitlrp_image_options *options, struct photo *photo,
                                struct vitlrp_error *err) {
    struct photo opened = {0};
    enum vitlrp_status status = photo_fill(data, size, preprocess, options, &opened, err);
    if (status != VITLRP_OK) {
        photo_close(&opened);
        return status;
    }
    *photo = opened;
    return VITLRP_OK;
}

/* Of bytes that were read, which it takes over. */
static enum vitlrp_status photo_open_bytes(struct bytes *bytes,
                                           const struct vitlrp_preprocess *preprocess,
                                           const struct vitlrp_image_options *options, char *sha256,
                                           struct photo *photo, struct vitlrp_error *err) {
    enum vitlrp_status status =
        sha256 == NULL ? VITLRP_OK : sha256_bytes(bytes->data, bytes->size, sha256, err);
    if (status == VITLRP_OK) {
        status = photo_decode(bytes->data, bytes->size, preprocess, options, photo, err);
    }
    bytes_free(bytes);
    return status;
}

/* True of a file that begins as NumPy's do. */
static bool is_array(const char *path) {
    unsigned char head[NPY_MIN_SIZE];
    struct source source;
    if (source_open(path, &source, NULL) != VITLRP_OK) {
        return false; /* which whoever opens it next will say */
    }
    bool is_npy = source.size >= sizeof head &&
                  source_read(&source, 0, head, sizeof head, NULL) == VITLRP_OK &&
                  npy_recognise(head, sizeof head);
    source_close(&source);
    return is_npy;
}

enum vitlrp_status photo_open(const char *path, const struct vitlrp_preprocess *preprocess,
                              const struct vitlrp_image_options *options, char *sha256,
                              struct photo *photo, struct vitlrp_error *err) {
    struct vitlrp_prepared prepared;
    struct bytes bytes = {0};
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    size_t most = options->limits.max_file_bytes;
    double start = clock_ms();
    if (!is_stdin && !is_array(path)) {
        TRY(vitlrp_image_open_prepared_file(path, options, preprocess, sha256, &prepared, err));
        *photo = (struct photo){0};
        photo_take(&prepared, start, photo);
        return VITLRP_OK;
    }
    if (is_stdin) {
        TRY(error_prefix(err, file_read_descriptor(0, most, &bytes, err), name));
    } else {
        TRY(file_read(path, most, &bytes, err)); /* names the path itself */
    }
    double read_ms = clock_ms() - start;
    TRY(error_prefix(err, photo_open_bytes(&bytes, preprocess, options, sha256, photo, err), name));
    photo->decode_ms += read_ms;
    return VITLRP_OK;
}

const char *photo_warning(const struct photo *photo) {
    struct vitlrp_image_info info = {0};
    vitlrp_image_describe(photo->image, &info);
    bool is_padded = photo->geometry.left < 0.0 || photo->geometry.top < 0.0 ||
                     photo->geometry.width > photo->geometry.image_width ||
                     photo->geometry.height > photo->geometry.image_height;
    return info.warning == NULL && is_padded
               ? "the crop is larger than the resized picture: it is black around it"
               : info.warning;
}

void photo_close(struct photo *photo) {
    vitlrp_image_close(photo->image);
    vitlrp_free(photo->input);
    *photo = (struct photo){0};
}
