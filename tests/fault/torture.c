/* Every allocation made to fail in turn, alone and with all that follow it: each piece of work ends
 * with a result as without the fault, or says that memory is short; nothing is leaked; and a
 * session that was open all the while computes the same bits afterwards. usage: torture RUNS: at
 * most so many faults in each piece of work, spread evenly; 0: all. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "fault/failing_memory.h"
#include "fault/torture.h"
#include "imgio/encode.h"
#include "support/load_checks.h"
#include "support/pictures.h"
#include "support/sample_record.h"
#include "support/scratch.h"

#include "support/unit.h"

/* Releases what it makes, whatever fails. */
struct work {
    const char *name;
    enum vitlrp_status (*run)(const struct bench *bench, struct result *result,
                              struct vitlrp_error *error);
};

static enum vitlrp_status open_model(const struct bytes *file, struct result *result,
                                     struct vitlrp_error *error) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = 2;
    enum vitlrp_status status =
        vitlrp_model_open_memory(file->data, file->size, "made", &options, &model, error);
    if (status == VITLRP_OK) {
        struct vitlrp_model_info info;
        vitlrp_model_info_init(&info);
        vitlrp_model_describe(model, &info);
        torture_keep(result, &info.parameters, sizeof info.parameters);
    }
    vitlrp_model_close(model);
    return status;
}

static enum vitlrp_status open_safetensors(const struct bench *bench, struct result *result,
                                           struct vitlrp_error *error) {
    return open_model(&bench->safetensors, result, error);
}

static enum vitlrp_status open_torch(const struct bench *bench, struct result *result,
                                     struct vitlrp_error *error) {
    return open_model(&bench->torch, result, error);
}

static enum vitlrp_status open_npz(const struct bench *bench, struct result *result,
                                   struct vitlrp_error *error) {
    return open_model(&bench->npz, result, error);
}

/* With everything that would lie beside a file. */
static enum vitlrp_status open_tensors(const struct bench *bench, struct result *result,
                                       struct vitlrp_error *error) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.config = "{\"architecture\": \"mine\", \"num_classes\": 3}";
    options.facts = "{\"heads\": 2, \"activation\": \"gelu_tanh\"}";
    options.labels = "cat\ndog\ncow";
    enum vitlrp_status status = vitlrp_model_open_tensors(bench->tensors, bench->tensor_count,
                                                          "made", &options, &model, error);
    char digest[65];
    status = status != VITLRP_OK ? status : vitlrp_model_sha256(model, digest, error);
    if (status == VITLRP_OK) {
        torture_keep(result, digest, sizeof digest);
    }
    vitlrp_model_close(model);
    return status;
}

/* A model without a head: with another file's, or without. */
static enum vitlrp_status open_headless(const struct bench *bench, const char *head,
                                        struct vitlrp_model **model, struct vitlrp_error *error) {
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = 2;
    options.head_path = head;
    return vitlrp_model_open_memory(bench->headless.data, bench->headless.size, "made", &options,
                                    model, error);
}

static enum vitlrp_status open_with_head(const struct bench *bench, struct result *result,
                                         struct vitlrp_error *error) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_info info;
    enum vitlrp_status status = open_headless(bench, bench->head_file, &model, error);
    if (status == VITLRP_OK) {
        vitlrp_model_info_init(&info);
        vitlrp_model_describe(model, &info);
        torture_keep(result, &info.classes, sizeof info.classes);
    }
    vitlrp_model_close(model);
    return status;
}

static enum vitlrp_status compare_features(const struct bench *bench, struct result *result,
                                           struct vitlrp_error *error) {
    static const float FEATURES[2 * DIM] = {1, 2, 3, 4, 5, 6, 7, 8, 1, -1};
    struct vitlrp_model *model = NULL;
    struct vitlrp_model *like = NULL;
    enum vitlrp_status status = open_headless(bench, NULL, &model, error);
    if (status == VITLRP_OK) {
        status = vitlrp_model_like(model, FEATURES, 2, &like, error);
    }
    vitlrp_model_close(model);
    if (status == VITLRP_OK) {
        struct vitlrp_class found;
        status = vitlrp_model_class(like, 0, &found, error);
        torture_keep(result, found.label, strlen(found.label));
    }
    vitlrp_model_close(like);
    return status;
}

/* Keeps all that is known of the model, and who states it. */
static void keep_facts(struct result *result, const struct vitlrp_model *model) {
    struct vitlrp_model_info info;
    struct vitlrp_fact fact;
    uint64_t hash = 0;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    for (size_t i = 0; i < info.facts; i++) {
        if (vitlrp_model_fact(model, i, &fact, NULL) == VITLRP_OK) {
            for (const char *at = fact.value; *at != '\0'; at++) {
                hash = hash * 1099511628211U + (unsigned char) *at;
            }
            for (const char *at = fact.origin; *at != '\0'; at++) {
                hash = hash * 1099511628211U + (unsigned char) *at;
            }
        }
    }
    const char *origin = vitlrp_model_preprocess_origin(model);
    torture_keep(result, &hash, sizeof hash);
    torture_keep(result, origin == NULL ? "" : origin, origin == NULL ? 0 : strlen(origin));
}

static enum vitlrp_status open_path(const char *path, const char *adapter, int32_t heads,
                                    struct result *result, struct vitlrp_error *error) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.adapter_path = adapter;
    options.heads = heads;
    enum vitlrp_status status = vitlrp_model_open(path, &options, &model, error);
    if (status == VITLRP_OK) {
        keep_facts(result, model);
    }
    vitlrp_model_close(model);
    return status;
}

#define ZOO(name) TEST_DATA "/golden/zoo/" name "/model"

static enum vitlrp_status open_timm(const struct bench *bench, struct result *result,
                                    struct vitlrp_error *error) {
    (void) bench;
    return open_path(ZOO("timm-siglip-map"), NULL, 0, result, error);
}

static enum vitlrp_status open_huggingface(const struct bench *bench, struct result *result,
                                           struct vitlrp_error *error) {
    (void) bench;
    return open_path(ZOO("hf-siglip-vision"), NULL, 0, result, error);
}

static enum vitlrp_status open_open_clip(const struct bench *bench, struct result *result,
                                         struct vitlrp_error *error) {
    (void) bench;
    return open_path(ZOO("open-clip-tower"), NULL, 0, result, error);
}

static enum vitlrp_status open_openai(const struct bench *bench, struct result *result,
                                      struct vitlrp_error *error) {
    (void) bench;
    return open_path(TEST_DATA "/golden/openai/ViT-tiny.pt", NULL, 3, result, error);
}

static enum vitlrp_status open_shards(const struct bench *bench, struct result *result,
                                      struct vitlrp_error *error) {
    (void) bench;
    return open_path(ZOO("hf-vit-sharded"), NULL, 0, result, error);
}

static enum vitlrp_status open_hub(const struct bench *bench, struct result *result,
                                   struct vitlrp_error *error) {
    return open_path(bench->hub, NULL, 0, result, error);
}

static enum vitlrp_status merge_adapter(const struct bench *bench, struct result *result,
                                        struct vitlrp_error *error) {
    return open_path(bench->plain_file, bench->adapter, 2, result, error);
}

static enum vitlrp_status open_image(const struct bytes *file, struct result *result,
                                     struct vitlrp_error *error) {
    struct vitlrp_image *image = NULL;
    struct vitlrp_image_info info;
    enum vitlrp_status status =
        vitlrp_image_open_memory(file->data, file->size, NULL, &image, error);
    if (status == VITLRP_OK) {
        vitlrp_image_describe(image, &info);
        torture_keep(result, info.rgb, (size_t) info.width * (size_t) info.height * 3);
    }
    vitlrp_image_close(image);
    return status;
}

static enum vitlrp_status open_png(const struct bench *bench, struct result *result,
                                   struct vitlrp_error *error) {
    return open_image(&bench->png, result, error);
}

static enum vitlrp_status open_jpeg(const struct bench *bench, struct result *result,
                                    struct vitlrp_error *error) {
    return open_image(&bench->jpeg, result, error);
}

static enum vitlrp_status open_pnm(const struct bench *bench, struct result *result,
                                   struct vitlrp_error *error) {
    return open_image(&bench->ppm, result, error);
}

/* One explanation in the session given. */
static enum vitlrp_status explain_in(const struct bench *bench, struct vitlrp_session *session,
                                     const char *method, struct result *result,
                                     struct vitlrp_error *error) {
    float logits[CLASSES];
    float patches[PATCHES];
    struct vitlrp_target target = {1, 1.0F};
    struct vitlrp_method_options options;
    struct vitlrp_relevance relevance;
    enum vitlrp_status status = vitlrp_session_forward(session, bench->input, logits, error);
    if (status == VITLRP_OK) {
        status = vitlrp_method_options_init(&options, method, error);
    }
    vitlrp_relevance_init(&relevance);
    relevance.patches = patches;
    options.samples = 2;
    if (status == VITLRP_OK) {
        status = vitlrp_session_attribute(session, &target, 1, &options, &relevance, error);
    }
    if (status == VITLRP_OK) {
        torture_keep(result, logits, sizeof logits);
        torture_keep(result, patches, sizeof patches);
    }
    return status;
}

static enum vitlrp_status open_session(const struct bench *bench, const char *backend,
                                       const char *method, struct result *result,
                                       struct vitlrp_error *error) {
    struct vitlrp_session *session = NULL;
    struct vitlrp_session_options options;
    vitlrp_session_options_init(&options);
    options.threads = 1;
    options.backend = backend;
    options.methods = method;
    enum vitlrp_status status = vitlrp_session_open(bench->model, &options, &session, error);
    if (status == VITLRP_OK) {
        status = explain_in(bench, session, method, result, error);
    }
    vitlrp_session_close(session);
    return status;
}

static enum vitlrp_status explain(const struct bench *bench, struct result *result,
                                  struct vitlrp_error *error) {
    return open_session(bench, "openblas", "attnlrp", result, error);
}

static enum vitlrp_status explain_by_samples(const struct bench *bench, struct result *result,
                                             struct vitlrp_error *error) {
    return open_session(bench, "openblas", "rise", result, error);
}

static enum vitlrp_status explain_by_attention(const struct bench *bench, struct result *result,
                                               struct vitlrp_error *error) {
    return open_session(bench, "openblas", "attnlrp-rollout", result, error);
}

static enum vitlrp_status explain_in_open_session(const struct bench *bench, struct result *result,
                                                  struct vitlrp_error *error) {
    return explain_in(bench, bench->session, "attnlrp", result, error);
}

static enum vitlrp_status draw(const struct bench *bench, enum vitlrp_style style,
                               enum vitlrp_picture_format format, struct result *result,
                               struct vitlrp_error *error) {
    static const float VALUES[PATCHES] = {0.5F, -1.0F, 0.25F, 0.0F};
    struct vitlrp_preprocess preprocess;
    struct vitlrp_geometry geometry;
    const struct vitlrp_map map = {VALUES, 2, 2, &geometry};
    struct vitlrp_image_info info;
    struct vitlrp_render_options options;
    unsigned char *file = NULL;
    size_t size = 0;
    vitlrp_model_preprocess(bench->model, &preprocess);
    vitlrp_image_describe(bench->image, &info);
    enum vitlrp_status status =
        vitlrp_preprocess_plan(&preprocess, info.width, info.height, &geometry, error);
    vitlrp_render_options_init(&options);
    options.style = style;
    options.format = format;
    options.caption = "caption";
    options.comment = "a comment \xC3\xA9";
    options.contours = 2;
    options.top_percent = style == VITLRP_STYLE_PANEL ? 50.0F : 0.0F;
    options.top_as = VITLRP_TOP_BLUR;
    if (status == VITLRP_OK) {
        status = vitlrp_render(bench->image, &map, &options, &file, &size, error);
    }
    if (status == VITLRP_OK) {
        torture_keep(result, file, size);
    }
    vitlrp_free(file);
    return status;
}

static enum vitlrp_status draw_overlay(const struct bench *bench, struct result *result,
                                       struct vitlrp_error *error) {
    return draw(bench, VITLRP_STYLE_OVERLAY, VITLRP_PICTURE_PNG, result, error);
}

static enum vitlrp_status draw_panel(const struct bench *bench, struct result *result,
                                     struct vitlrp_error *error) {
    return draw(bench, VITLRP_STYLE_PANEL, VITLRP_PICTURE_JPEG, result, error);
}

static enum vitlrp_status draw_svg(const struct bench *bench, struct result *result,
                                   struct vitlrp_error *error) {
    return draw(bench, VITLRP_STYLE_HEAT, VITLRP_PICTURE_SVG, result, error);
}

static enum vitlrp_status preprocess(const struct bench *bench, struct result *result,
                                     struct vitlrp_error *error) {
    float values[3 * SIDE * SIDE];
    struct vitlrp_preprocess steps;
    struct vitlrp_image *shown = NULL;
    vitlrp_model_preprocess(bench->model, &steps);
    enum vitlrp_status status = vitlrp_preprocess_apply(&steps, bench->image, values, error);
    if (status == VITLRP_OK) {
        status = vitlrp_image_from_input(values, SIDE, SIDE, &steps, &shown, error);
        torture_keep(result, values, sizeof values);
    }
    vitlrp_image_close(shown);
    return status;
}

/* Escapes where a buffer that doubles is full. */
static enum vitlrp_status read_json(const struct bench *bench, struct result *result,
                                    struct vitlrp_error *error) {
    static const char FILL[] = "xxxxxxxxxxxxxxxxxxxx";
    char bytes[512];
    struct vitlrp_error err = {0};
    json_t *object = NULL;
    (void) bench;
    size_t size = (size_t) snprintf(bytes, sizeof bytes, "{\"a\": [1.5, -2");
    for (int i = 13; i <= 19; i++) {
        size +=
            (size_t) snprintf(bytes + size, sizeof bytes - size, ", \"%.*s\\ny\\u00e9\"", i, FILL);
    }
    size += (size_t) snprintf(bytes + size, sizeof bytes - size, "]}");
    enum vitlrp_status status = json_parse_object(bytes, size, &object, &err);
    if (status != VITLRP_OK) {
        error->status = err.status;
        memcpy(error->message, err.message, sizeof error->message);
        return status;
    }
    const json_t *last = json_array_get(json_object_get(object, "a"), 8);
    torture_keep(result, json_string_value(last), json_string_length(last));
    json_decref(object);
    return VITLRP_OK;
}

static enum vitlrp_status open_and_hash(const struct bench *bench, struct result *result,
                                        struct vitlrp_error *error) {
    struct vitlrp_image *image = NULL;
    enum vitlrp_status status = vitlrp_image_open(bench->photograph, NULL, &image, error);
    vitlrp_image_close(image);
    struct vitlrp_error inner = {0};
    if (status == VITLRP_OK &&
        file_write_atomic(bench->output, bench->ppm.data, bench->ppm.size, &inner) != VITLRP_OK) {
        error->status = (enum vitlrp_status) inner.status;
        memcpy(error->message, inner.message, sizeof error->message);
        status = error->status;
    }
    torture_keep(result, "done", 4);
    return status;
}

static const struct work WORKS[] = {
    {"open safetensors", open_safetensors},
    {"open a PyTorch file", open_torch},
    {"open .npz", open_npz},
    {"open tensors", open_tensors},
    {"open with a head's file", open_with_head},
    {"compare features", compare_features},
    {"open timm's folder", open_timm},
    {"open Hugging Face's folder", open_huggingface},
    {"open open_clip's folder", open_open_clip},
    {"open OpenAI's archive", open_openai},
    {"open shards", open_shards},
    {"open from the hub's cache", open_hub},
    {"merge an adapter", merge_adapter},
    {"decode PNG", open_png},
    {"decode JPEG", open_jpeg},
    {"decode PNM", open_pnm},
    {"preprocess", preprocess},
    {"explain", explain},
    {"explain by masks", explain_by_samples},
    {"explain by attention", explain_by_attention},
    {"explain in an open session", explain_in_open_session},
    {"draw an overlay", draw_overlay},
    {"draw a panel", draw_panel},
    {"draw a figure", draw_svg},
    {"tokenize", torture_tokenize},
    {"open tokenizers", torture_open_tokenizers},
    {"take embeddings as classes", torture_with_embeddings},
    {"take CLIP's texts as classes", torture_with_clip_texts},
    {"take SigLIP's texts as classes", torture_with_siglip_texts},
    {"take templates as classes", torture_with_templates},
    {"take token ids as classes", torture_with_token_ids},
    {"take a text's words apart", torture_words},
    {"likewise by a tower that was kept", torture_kept_words},
    {"evaluate", torture_evaluate},
    {"evaluate in a journal", torture_evaluate_in_journal},
    {"merge journals", torture_merge_journals},
    {"read JSON", read_json},
    {"read a record and merge", torture_read_record},
    {"read and write files", open_and_hash},
};

/* ---- The bench ---- */

/* The tensors of a list, all of zeros. */
static void make_tensors(struct bench *bench, const struct pth_list *list) {
    static const float ZEROS[1024];
    static struct vitlrp_tensor tensors[PTH_MAX_TENSORS];
    static int64_t shapes[PTH_MAX_TENSORS][4];
    static char names[PTH_MAX_TENSORS][sizeof list->items[0].name];
    for (size_t i = 0; i < list->count; i++) {
        const struct pth_tensor *tensor = &list->items[i];
        size_t count = 1;
        for (size_t axis = 0; axis < tensor->rank; axis++) {
            shapes[i][axis] = (int64_t) tensor->shape[axis];
            count *= tensor->shape[axis];
        }
        assert_true(count <= sizeof ZEROS / sizeof ZEROS[0]);
        memcpy(names[i], tensor->name, sizeof names[i]);
        tensors[i] = (struct vitlrp_tensor){names[i],     "F32", shapes[i],
                                            tensor->rank, ZEROS, count * sizeof ZEROS[0]};
    }
    bench->tensors = tensors;
    bench->tensor_count = list->count;
}

static void make_checkpoints(struct bench *bench) {
    static struct pth_list list;
    struct vit_config config = small_config();
    pth_timm(&list, &config);
    safetensors_make(&list, "F16", "{\"num_heads\":2,\"preprocess\":{\"resize\":\"squash:8\"}}",
                     &bench->safetensors);
    pth_make(&list, &(struct pth_options){.wrapper = "model", .parameters = true}, &bench->torch);
    npz_make(&list, true, &bench->npz);
    make_tensors(bench, &list);
    pth_remove(&list, "head.weight");
    pth_remove(&list, "head.bias");
    safetensors_make(&list, "F32", NULL, &bench->headless);
    list.count = 0;
    pth_add(&list, "weight", CLASSES, 2 * DIM, 0, 0);
    pth_add(&list, "bias", CLASSES, 0, 0, 0);
    pth_make(&list, &(struct pth_options){.deflate = true}, &bench->head);
}

static void make_pictures(struct bench *bench) {
    static const char HEADER[] = "P6 40 30 255\n";
    struct image picture = picture_make(40, 30);
    struct vitlrp_error err;
    assert_int_equal(encode_png(&picture, "comment", &bench->png, &err), VITLRP_OK);
    assert_int_equal(encode_jpeg(&picture, NULL, &bench->jpeg, &err), VITLRP_OK);
    bench->ppm.size = strlen(HEADER) + 40 * 30 * 3;
    bench->ppm.data = mem_calloc(bench->ppm.size, 1);
    assert_non_null(bench->ppm.data);
    memcpy(bench->ppm.data, HEADER, strlen(HEADER));
    memcpy(bench->ppm.data + strlen(HEADER), picture.rgb, 40 * 30 * 3);
    assert_int_equal(vitlrp_image_from_rgb(picture.rgb, 30, 40, &bench->image, NULL), VITLRP_OK);
    image_free(&picture);
    for (size_t i = 0; i < 3 * SIDE * SIDE; i++) {
        bench->input[i] = (float) (i % 17) / 8.0F - 1.0F;
    }
}

/* A list of several photographs. */
static void make_few(const struct scratch *scratch) {
    char photograph[128];
    char list[3 * 160] = "";
    scratch_path(scratch, "photo.jpg", photograph, sizeof photograph);
    for (int i = 0; i < 3; i++) {
        char name[32];
        char path[128];
        snprintf(name, sizeof name, "photo%d.jpg", i);
        scratch_path(scratch, name, path, sizeof path);
        assert_int_equal(symlink(photograph, path), 0);
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s\t1\n", path);
    }
    scratch_text(scratch, "few.txt", list);
}

static void make_files(struct bench *bench, const struct scratch *scratch) {
    char line[160];
    scratch_path(scratch, "photo.jpg", bench->photograph, sizeof bench->photograph);
    scratch_path(scratch, "list.txt", bench->list, sizeof bench->list);
    scratch_path(scratch, "output.bin", bench->output, sizeof bench->output);
    scratch_path(scratch, "head.pth", bench->head_file, sizeof bench->head_file);
    scratch_write(scratch, "photo.jpg", bench->jpeg.data, bench->jpeg.size);
    scratch_write(scratch, "head.pth", bench->head.data, bench->head.size);
    snprintf(line, sizeof line, "%s\t1\n", bench->photograph);
    scratch_text(scratch, "list.txt", line);
    scratch_path(scratch, "few.txt", bench->few, sizeof bench->few);
    scratch_path(scratch, "journal", bench->journal, sizeof bench->journal);
    scratch_path(scratch, "texts", bench->texts_journal, sizeof bench->texts_journal);
    for (int i = 0; i < SHARDS; i++) {
        char name[16];
        snprintf(name, sizeof name, "part%d", i);
        scratch_path(scratch, name, bench->parts[i], sizeof bench->parts[i]);
    }
    make_few(scratch);
}

/* An adapter for the projection of the first block's attention. */
static void make_adapter(struct bench *bench, const struct scratch *scratch) {
    static const char CONFIG[] = "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4}";
    static struct pth_list list;
    struct bytes file = {0};
    list.count = 0;
    pth_add(&list, "base_model.model.blocks.0.attn.proj.lora_A.weight", 2, DIM, 0, 0);
    pth_add(&list, "base_model.model.blocks.0.attn.proj.lora_B.weight", DIM, 2, 0, 0);
    safetensors_make(&list, "F32", NULL, &file);
    scratch_write(scratch, "plain.safetensors", bench->safetensors.data, bench->safetensors.size);
    scratch_path(scratch, "plain.safetensors", bench->plain_file, sizeof bench->plain_file);
    scratch_path(scratch, "adapter", bench->adapter, sizeof bench->adapter);
    scratch_text(scratch, "adapter/adapter_config.json", CONFIG);
    scratch_write(scratch, "adapter/adapter_model.safetensors", file.data, file.size);
    bytes_free(&file);
}

/* As `hf download` leaves a model: its files are links to blobs. */
static void make_hub(struct bench *bench, const struct scratch *scratch) {
    static const char *const FILES[] = {"config.json", "model.safetensors",
                                        "preprocessor_config.json"};
    scratch_text(scratch, "models--org--vit/refs/main", "0123abcd");
    scratch_text(scratch, "models--org--vit/snapshots/0123abcd/README.md", "");
    scratch_path(scratch, "models--org--vit", bench->hub, sizeof bench->hub);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        char link[256];
        char target[256];
        snprintf(link, sizeof link, "%s/snapshots/0123abcd/%s", bench->hub, FILES[i]);
        snprintf(target, sizeof target, ZOO("hf-vit") "/%s", FILES[i]);
        assert_int_equal(symlink(target, link), 0);
    }
}

static void make_record(struct bench *bench) {
    struct text text = {0};
    struct record record = sample_record(&(struct sample_shape){
        .images = 4, .methods = 3, .steps = 2, .grid = 2, .shard = 0, .shards = 1});
    text = sample_json(&record);
    record_free(&record);
    bench->record = (struct bytes){(unsigned char *) text.data, text.length};
}

static void bench_open(struct bench *bench, const struct scratch *scratch) {
    struct vitlrp_session_options options;
    struct vitlrp_model_options model_options;
    make_checkpoints(bench);
    make_pictures(bench);
    make_files(bench, scratch);
    make_adapter(bench, scratch);
    make_hub(bench, scratch);
    make_record(bench);
    vitlrp_model_options_init(&model_options);
    model_options.heads = 2;
    assert_int_equal(vitlrp_model_open_memory(bench->safetensors.data, bench->safetensors.size,
                                              "made", &model_options, &bench->model, NULL),
                     VITLRP_OK);
    vitlrp_session_options_init(&options);
    options.threads = 1;
    options.backend = "openblas";
    assert_int_equal(vitlrp_session_open(bench->model, &options, &bench->session, NULL), VITLRP_OK);
    torture_make_parts(bench);
}

static void bench_close(struct bench *bench) {
    struct bytes *files[] = {&bench->safetensors, &bench->torch, &bench->npz,
                             &bench->headless,    &bench->head,  &bench->png,
                             &bench->jpeg,        &bench->ppm,   &bench->record};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        bytes_free(files[i]);
    }
    vitlrp_session_close(bench->session);
    vitlrp_model_close(bench->model);
    vitlrp_image_close(bench->image);
}

/* ---- Faults ---- */

static bool same(const struct result *a, const struct result *b) {
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

/* The work with the n-th allocation failing. False, with a line, for anything but the two good
 * ends. */
static bool survives(const struct bench *bench, const struct work *work, size_t nth, bool on,
                     const struct result *wanted) {
    struct result result = {0};
    struct vitlrp_error error = {0};
    size_t before = failing_memory_held();
    failing_memory_start(nth, on);
    enum vitlrp_status status = work->run(bench, &result, &error);
    failing_memory_stop();
    bool good = status == VITLRP_NOMEM || (status == VITLRP_OK && same(&result, wanted));
    size_t leaked = failing_memory_held() - before;
    if (!good || leaked != 0) {
        printf("%s, allocation %zu%s: %s, %zu blocks leaked, %s\n", work->name, nth,
               on ? " and on" : "", vitlrp_status_name(status), leaked, error.message);
    }
    return good && leaked == 0;
}

/* All faults of one piece of work; how many there were. */
static size_t torture(const struct bench *bench, const struct work *work, size_t runs,
                      size_t *failures) {
    struct result wanted = {0};
    struct result again = {0};
    struct result session = {0};
    struct vitlrp_error error = {0};
    size_t count = 0;
    /* Twice: what is made once and kept (tables of the C library, say) is made in the first. */
    for (int i = 0; i < 2; i++) {
        wanted.size = 0;
        failing_memory_start(0, false);
        enum vitlrp_status status = work->run(bench, &wanted, &error);
        count = failing_memory_stop();
        if (status != VITLRP_OK) {
            fail_msg("%s: %s", work->name, error.message);
        }
    }
    assert_int_equal(explain_in_open_session(bench, &session, &error), VITLRP_OK);
    size_t stride = runs == 0 || count <= runs ? 1 : (count + runs - 1) / runs;
    size_t faults = 0;
    for (size_t nth = 1; nth <= count; nth += stride, faults += 2) {
        *failures += !survives(bench, work, nth, false, &wanted);
        *failures += !survives(bench, work, nth, true, &wanted);
    }
    *failures += !survives(bench, work, 0, false, &wanted);
    assert_int_equal(explain_in_open_session(bench, &again, &error), VITLRP_OK);
    assert_true(same(&session, &again));
    printf("%-28s %6zu allocations, %6zu faults\n", work->name, count, faults);
    return faults;
}

int main(int argc, char **argv) {
    struct bench bench = {0};
    int64_t runs = 0;
    size_t faults = 0;
    size_t failures = 0;
    if (argc != 2 || !parse_int64(argv[1], 0, INT32_MAX, &runs)) {
        fprintf(stderr, "usage: torture RUNS\n");
        return 2;
    }
    failing_memory_install();
    struct scratch scratch = scratch_open();
    bench_open(&bench, &scratch);
    for (size_t i = 0; i < sizeof WORKS / sizeof WORKS[0]; i++) {
        faults += torture(&bench, &WORKS[i], (size_t) runs, &failures);
    }
    bench_close(&bench);
    scratch_close(&scratch);
    size_t held = failing_memory_held();
    printf("%zu faults, %zu not survived, %zu blocks held at the end\n", faults, failures, held);
    return failures == 0 && faults > 0 && held == 0 ? 0 : 1;
}
