/* The settings of an evaluation as a line of JSON: what a reader needs to repeat it, and what two
 * shards must share to be merged. */
#include <stdbool.h>

#include "api/eval_setup.h"
#include "base/json.h"
#include "base/settings_json.h"
#include "base/sha256.h"
#include "vit/math/gemm.h"
#include "vit/math/kernels.h"
#include "vit/math/packs.h"

static json_t *json_input(const struct eval_setup *setup) {
    bool complete = true;
    json_t *object = json_object();
    json_set_preprocess(object, &setup->preprocess, &complete);
    json_set(object, "ignore_exif", json_boolean(setup->evaluate.ignore_exif), &complete);
    if (!complete) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* Of maps nothing more is known than that they were read: their files' hashes are with the images.
 */
static json_t *json_method_used(const struct eval_run_method *method) {
    if (method->maps != NULL) {
        return json_pack("{s:b}", "maps", 1);
    }
    uint32_t reads = (uint32_t) method->method->reads & ~(uint32_t) VITLRP_READS_SEED;
    const struct json_method_facts facts = {.relevance = method->method->relevance};
    return json_method(reads, &method->options, &facts);
}

static json_t *json_methods(const struct eval_setup *setup) {
    json_t *object = json_object();
    for (size_t i = 0; i < setup->method_count; i++) {
        if (json_object_set_new(object, setup->methods[i].name,
                                json_method_used(&setup->methods[i])) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* What was used, whatever was asked for: "auto" says nothing to a reader. */
static json_t *json_arithmetic_used(const struct eval_setup *setup) {
    const struct gemm_backend *backend = setup->backend;
    struct text library = {.limit = 1024};
    backend->describe(&library);
    const struct json_arithmetic arithmetic = {
        .backend = backend->name,
        .library = library.failed ? "" : library.data,
        .kernels = kernels_select()->name,
        .precision = packs_precision(backend, setup->evaluate.protocol.precision)};
    json_t *object = library.failed ? NULL : json_arithmetic(&arithmetic);
    text_free(&library);
    return object;
}

/* Of the numbers as they lie in the memory of any machine that this runs on. */
static json_t *json_means(const struct eval_setup *setup) {
    char digest[SHA256_TEXT];
    enum vitlrp_status status = sha256_bytes(
        setup->unit_means, setup->unit_mean_count * sizeof *setup->unit_means, digest, NULL);
    return status == VITLRP_OK ? json_string(digest) : NULL;
}

enum vitlrp_status eval_settings(const struct eval_setup *setup, char **out,
                                 struct vitlrp_error *err) {
    struct text text = {.limit = (size_t) 1 << 20};
    enum vitlrp_status status = VITLRP_OK;
    bool complete = true;
    json_t *object = json_object();
    json_set(object, "limit", json_integer((json_int_t) setup->options.limit), &complete);
    json_set(object, "preprocess", json_input(setup), &complete);
    json_set(object, "methods", json_methods(setup), &complete);
    json_set(object, "boxes_sha256", json_string(setup->dataset.boxes.sha256), &complete);
    if (setup->options.truth_masks != NULL) {
        json_set(object, "truth_masks", json_true(), &complete); /* their hashes are the images' */
    }
    if (setup->unit_means != NULL) {
        json_set(object, "unit_means_sha256", json_means(setup), &complete);
    }
    json_set(object, "arithmetic", json_arithmetic_used(setup), &complete);
    if (complete) {
        json_append(&text, object, 0);
    }
    status = complete ? text_check(&text, "the settings", err)
                      : fail(err, VITLRP_NOMEM, "out of memory for the settings");
    if (status == VITLRP_OK) {
        *out = text.data;
    } else {
        text_free(&text);
    }
    json_decref(object);
    return status;
}
