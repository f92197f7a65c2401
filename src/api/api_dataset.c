/* Datasets for vitlrp_eval.h, behind checked arguments. */
#include "api/api.h"
#include "api/eval_setup.h"
#include "api/growable.h"
#include "api/handles.h"
#include "base/mem.h"
#include "base/words.h"
#include "eval/dataset.h"
#include "vitlrp_eval.h"

enum vitlrp_status vitlrp_dataset_open(const struct vitlrp_model *model,
                                       const struct vitlrp_dataset_options *options,
                                       struct vitlrp_dataset **dataset,
                                       struct vitlrp_error *error) {
    struct vitlrp_dataset_options known;
    API_NEEDS(model != NULL && options != NULL && dataset != NULL, error);
    TRY(dataset_options_read(options, &known, error));
    if (known.path == NULL) {
        return fail(error, VITLRP_USAGE, "a dataset needs a path");
    }
    if (word_of(WORDS_EVAL_TARGET, known.target) == NULL) {
        return fail(error, VITLRP_USAGE, "there is no target %d", (int) known.target);
    }
    const struct dataset_options wanted = {
        .path = known.path,
        .truth_path = known.truth,
        .target = known.target,
        .limit = known.limit,
        .shard = known.shard,
        .shards = known.shards,
        .inputs = known.inputs,
    };
    struct vitlrp_dataset *opened = mem_calloc(1, sizeof *opened);
    if (opened == NULL) {
        return fail(error, VITLRP_NOMEM, "out of memory for a dataset");
    }
    *opened = (struct vitlrp_dataset){.path = mem_strdup(known.path),
                                      .target = known.target,
                                      .limit = known.limit,
                                      .shards = known.shards};
    enum vitlrp_status status = opened->path == NULL
                                    ? fail(error, VITLRP_NOMEM, "out of memory for a dataset")
                                    : eval_dataset_open(model, &wanted, &opened->dataset, error);
    if (status != VITLRP_OK) {
        mem_free(opened->path);
        mem_free(opened);
        return status;
    }
    *dataset = opened;
    return VITLRP_OK;
}

void vitlrp_dataset_close(struct vitlrp_dataset *dataset) {
    if (dataset != NULL) {
        dataset_close(&dataset->dataset);
        mem_free(dataset->path);
        mem_free(dataset);
    }
}

void vitlrp_dataset_describe(const struct vitlrp_dataset *dataset,
                             struct vitlrp_dataset_info *info) {
    if (dataset == NULL) {
        return;
    }
    const struct dataset *inner = &dataset->dataset;
    struct vitlrp_dataset_info known = {.images = inner->count,
                                        .manifest = inner->manifest_count,
                                        .found = inner->found,
                                        .skipped = inner->skipped,
                                        .sha256 = inner->manifest_sha256,
                                        .unread = inner->unread.count,
                                        .first_unread =
                                            inner->unread.count > 0 ? inner->unread.items[0] : NULL,
                                        .truth_sha256 = inner->truth_sha256,
                                        .content_sha256 = inner->content_sha256,
                                        .own_pictures = inner->passed_over.own,
                                        .not_read = picture_file_not_read(&inner->passed_over),
                                        .not_read_kinds = inner->not_read.data,
                                        .silent_truth = inner->silent_truth};
    dataset_info_write(&known, info);
}

enum vitlrp_status vitlrp_dataset_image_at(const struct vitlrp_dataset *dataset, size_t place,
                                           struct vitlrp_dataset_image *image,
                                           struct vitlrp_error *error) {
    API_NEEDS(dataset != NULL && image != NULL, error);
    const struct dataset *inner = &dataset->dataset;
    if (place >= inner->count) {
        return fail(error, VITLRP_USAGE, "there is no image %zu: the dataset has %zu image%s",
                    place, inner->count, inner->count == 1 ? "" : "s");
    }
    const struct eval_item *item = &inner->items[place];
    *image = (struct vitlrp_dataset_image){
        .path = item->path, .id = item->id, .index = item->index, .label = item->label};
    return VITLRP_OK;
}
