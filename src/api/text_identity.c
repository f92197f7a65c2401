#include "api/text_identity.h"

#include <string.h>

#include "api/model_identity.h"
#include "base/json.h"
#include "base/settings_json.h"

static enum vitlrp_status hash_prompts(const struct prompt_list *list, char out[SHA256_TEXT],
                                       struct vitlrp_error *err) {
    struct sha256 hash = sha256_begin();
    for (size_t i = 0; i < list->count; i++) {
        const struct vitlrp_prompt *prompt = &list->prompts[i];
        const char *name = prompt_name(prompt);
        sha256_add(&hash, name, strlen(name));
        sha256_add(&hash, "\t", 1);
        sha256_add(&hash, prompt->text, strlen(prompt->text));
        sha256_add(&hash, "\n", 1);
    }
    if (list->contrast != NULL) {
        sha256_add(&hash, "\t", 1);
        sha256_add(&hash, list->contrast, strlen(list->contrast));
        sha256_add(&hash, "\n", 1);
    }
    return sha256_end(&hash, out, err);
}

static enum vitlrp_status hash_templates(const struct prompt_list *list, char out[SHA256_TEXT],
                                         struct vitlrp_error *err) {
    struct sha256 hash = sha256_begin();
    for (size_t i = 0; i < list->template_count; i++) {
        sha256_add(&hash, list->templates[i], strlen(list->templates[i]));
        sha256_add(&hash, "\n", 1);
    }
    return sha256_end(&hash, out, err);
}

/* As the facts call them. */
static const char *const END_NAMES[] = {[VIT_END_LARGEST_ID] = "largest_id",
                                        [VIT_END_FIRST_ID] = "first_end_id",
                                        [VIT_END_LAST] = "last"};

enum vitlrp_status text_identity_take(const struct prompt_list *list,
                                      const struct text_reader *reader,
                                      const struct vit_model *tower, struct text_identity *out,
                                      struct vitlrp_error *err) {
    *out = (struct text_identity){.cleaning = text_cleaning_name(reader->options.cleaning),
                                  .activation = model_activation_name(tower->config.activation),
                                  .heads = tower->config.heads,
                                  .norm_eps = tower->config.layer_norm_eps,
                                  .causal = tower->config.causal,
                                  .read = END_NAMES[tower->config.text_end]};
    memcpy(out->tokenizer, tokenizer_sha256(reader->tokenizer), SHA256_TEXT);
    TRY(hash_prompts(list, out->prompts, err));
    return list->templates == NULL ? VITLRP_OK : hash_templates(list, out->templates, err);
}

json_t *json_text_identity(const struct text_identity *identity, bool *complete) {
    json_t *object = json_object();
    json_set(object, "prompts_sha256", json_string(identity->prompts), complete);
    if (identity->templates[0] != '\0') {
        json_set(object, "templates_sha256", json_string(identity->templates), complete);
    }
    if (identity->tokenizer[0] != '\0') {
        json_set(object, "tokenizer_sha256", json_string(identity->tokenizer), complete);
    }
    json_set(object, "cleaning", json_string(identity->cleaning), complete);
    json_set(object, "heads", json_integer(identity->heads), complete);
    json_set(object, "activation", json_string(identity->activation), complete);
    json_set(object, "norm_eps", json_float32(identity->norm_eps), complete);
    json_set(object, "causal", json_boolean(identity->causal), complete);
    json_set(object, "text_end", json_string(identity->read), complete);
    return object;
}
