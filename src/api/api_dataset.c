#include "api/api.h"
#include "api/eval_setup.h"
#include "base/mem.h"
#include "eval/dataset.h"
#include "vitlrp_eval.h"

struct vitlrp_dataset {
    struct dataset dataset;
};

void vitlrp_dataset_options_init(struct vitlrp_dataset_options *options) {
    if (options == NULL) {
        return;
    }
    *options = (struct vitlrp_dataset_options){.struct_size = sizeof *options, .shards = 1};
}

void vitlrp_dataset_info_init(struct vitlrp_dataset_info *info) {
    if (info == NULL) {
        return;
    }
    *info = (struct vitlrp_dataset_info){.struct_size = sizeof *info};
}

enum vitlrp_status vitlrp_dataset_open(const struct vitlrp_model *model,
                                       const struct vitlrp_dataset_options *options,
                                       struct vitlrp_dataset **dataset,
                                       struct vitlrp_error *error) {
    API_NEEDS(model != NULL && options != NULL && dataset != NULL, error);
    if (options->struct_size != sizeof *options) {
        return fail(error, VITLRP_USAGE, "dataset options were not initialised");
    }
    if (options->path == NULL) {
        return fail(error, VITLRP_USAGE, "a dataset needs a path");
    }
    const struct dataset_options wanted = {
        .path = options->path,
        .truth_path = options->truth,
        .target = options->target,
        .limit = options->limit,
        .shard = options->shard,
        .shards = options->shards,
        .classes = eval_classes(model),
    };
    struct vitlrp_dataset *opened = mem_calloc(1, sizeof *opened);
    if (opened == NULL) {
        return fail(error, VITLRP_NOMEM, "out of memory for a dataset");
    }
    enum vitlrp_status status = dataset_open(&wanted, &opened->dataset, error);
    if (status != VITLRP_OK) {
        mem_free(opened);
        return status;
    }
    *dataset = opened;
    return VITLRP_OK;
}

void vitlrp_dataset_close(struct vitlrp_dataset *dataset) {
    if (dataset != NULL) {
        dataset_close(&dataset->dataset);
        mem_free(dataset);
    }
}

void vitlrp_dataset_describe(const struct vitlrp_dataset *dataset,
                             struct vitlrp_dataset_info *info) {
    if (dataset == NULL || info == NULL) {
        return;
    }
    const struct dataset *inner = &dataset->dataset;
    info->images = inner->count;
    info->manifest = inner->manifest_count;
    info->found = inner->found;
    info->skipped = inner->skipped;
    info->sha256 = inner->manifest_sha256;
}

enum vitlrp_status vitlrp_dataset_image_at(const struct vitlrp_dataset *dataset, size_t place,
                                           struct vitlrp_dataset_image *image,
                                           struct vitlrp_error *error) {
    API_NEEDS(dataset != NULL && image != NULL, error);
    const struct dataset *inner = &dataset->dataset;
    if (place >= inner->count) {
        return fail(error, VITLRP_USAGE, "place %zu of a dataset of %zu images", place,
                    inner->count);
    }
    const struct eval_item *item = &inner->items[place];
    *image = (struct vitlrp_dataset_image){
        .path = item->path, .id = item->id, .index = item->index, .label = item->label};
    return VITLRP_OK;
}
