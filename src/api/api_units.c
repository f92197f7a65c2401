/* Names of hidden units, and their number. */
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "api/handles.h"
#include "base/parse.h"
#include "base/words.h"
#include "vitlrp_units.h"

/* The parts of BLOCK:SITE:INDEX, each up to a colon or the end. */
struct name_part {
    const char *text;
    size_t length;
};

enum { NAME_PARTS = 3 };

static bool cut_name(const char *text, struct name_part parts[NAME_PARTS]) {
    for (size_t i = 0; i < NAME_PARTS; i++) {
        size_t length = strcspn(text, ":");
        parts[i] = (struct name_part){text, length};
        bool last = i + 1 == NAME_PARTS;
        if ((text[length] == '\0') != last) {
            return false;
        }
        text += length + 1;
    }
    return true;
}

static bool read_number(const struct name_part *part, int32_t *number) {
    int64_t read = 0;
    if (!parse_int64_span(part->text, part->length, 0, INT32_MAX, &read)) {
        return false;
    }
    *number = (int32_t) read;
    return true;
}

static bool read_site(const struct name_part *part, enum vitlrp_site *site) {
    const char *const *words = words_of(WORDS_SITE);
    for (int i = 0; words[i] != NULL; i++) {
        if (strlen(words[i]) == part->length && memcmp(words[i], part->text, part->length) == 0) {
            *site = (enum vitlrp_site) i;
            return true;
        }
    }
    return false;
}

enum vitlrp_status vitlrp_unit_parse(const char *text, struct vitlrp_unit *unit,
                                     struct vitlrp_error *error) {
    struct name_part parts[NAME_PARTS];
    struct vitlrp_unit found;
    API_NEEDS(text != NULL && unit != NULL, error);
    if (!cut_name(text, parts) || !read_number(&parts[0], &found.block) ||
        !read_site(&parts[1], &found.site) || !read_number(&parts[2], &found.index)) {
        return fail(error, VITLRP_USAGE,
                    "\"%s\" is no unit: BLOCK:SITE:INDEX is, as 4:fc1:367, with a site fc1, head "
                    "or stream, and numbers from 0",
                    text);
    }
    *unit = found;
    return VITLRP_OK;
}

void vitlrp_unit_name(const struct vitlrp_unit *unit, char *name) {
    if (unit == NULL || name == NULL) {
        return;
    }
    const char *site = word_of(WORDS_SITE, unit->site);
    name[0] = '\0';
    if (site != NULL) {
        snprintf(name, VITLRP_UNIT_NAME, "%d:%s:%d", (int) unit->block, site, (int) unit->index);
    }
}

int32_t vitlrp_model_site_width(const struct vitlrp_model *model, enum vitlrp_site site) {
    if (model == NULL) {
        return 0;
    }
    const struct vit_config *config = &model->vit->config;
    switch (site) {
    case VITLRP_SITE_FC1:
        return config->mlp_dim;
    case VITLRP_SITE_HEAD:
        return config->heads;
    case VITLRP_SITE_STREAM:
        return config->dim;
    }
    return 0;
}

enum vitlrp_status vitlrp_model_check_unit(const struct vitlrp_model *model,
                                           const struct vitlrp_unit *unit,
                                           struct vitlrp_error *error) {
    char name[VITLRP_UNIT_NAME];
    API_NEEDS(model != NULL && unit != NULL, error);
    int32_t depth = model->vit->config.depth;
    int32_t width = vitlrp_model_site_width(model, unit->site);
    if (width == 0) {
        return fail(error, VITLRP_USAGE, "no such site of a unit: %d", (int) unit->site);
    }
    vitlrp_unit_name(unit, name);
    if (unit->block < 0 || unit->block >= depth) {
        return fail(error, VITLRP_USAGE, "%s: the model has blocks 0 to %d", name, depth - 1);
    }
    if (unit->index < 0 || unit->index >= width) {
        return fail(error, VITLRP_USAGE, "%s: a block has units 0 to %d of that site", name,
                    width - 1);
    }
    return VITLRP_OK;
}
