#define _XOPEN_SOURCE 700
#include "outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/picture_file.h"
#include "base/text.h"
#include "console.h"
#include "names.h"

#define JSON_LIMIT ((size_t) 1 << 30)

/* What is particular to each kind of output. */
struct kind {
    enum option_id option;
    const char *spelled;
    const char *in_folder; /* its name where a folder is given */
    bool of_class;         /* one for each explained class */
};

static const struct kind KINDS[OUTPUT_KINDS] = {
    [OUTPUT_PICTURE] = {OPTION_OUTPUT, "-o", "{stem}.heat.png", true}, /* of explain */
    [OUTPUT_PAGE] = {OPTION_OUTPUT, "-o", "{stem}.html", false},
    [OUTPUT_RAW] = {OPTION_RAW, "--raw", "{stem}.raw.npy", true},
    [OUTPUT_LOGITS] = {OPTION_LOGITS, "--logits", "{stem}.logits.npy", false},
    [OUTPUT_INPUT] = {OPTION_DUMP_INPUT, "--dump-input", "{stem}.input.npy", false},
    [OUTPUT_SCORES] = {OPTION_SCORES, "--scores", "{stem}.scores.npy", false},
    [OUTPUT_ATTENTION] = {OPTION_ATTENTION, "--attention", "{stem}.attention.npy", false},
    [OUTPUT_TOKENS] = {OPTION_TOKENS, "--tokens", "{stem}.tokens.npy", false},
    [OUTPUT_JSON] = {OPTION_JSON, "--json", "{stem}.json", false},
};

bool output_is_stdout(const char *path) {
    return path != NULL && strcmp(path, "-") == 0;
}

static bool is_folder(const char *path) {
    size_t length = strlen(path);
    return (length > 0 && path[length - 1] == '/') || folder_is(path);
}

static enum vitlrp_status name_keep(struct text *text, char **out, struct vitlrp_error *err) {
    TRY(text_check(text, "the name of an output", err));
    *out = text->data;
    *text = (struct text){.limit = text->limit};
    return VITLRP_OK;
}

/* The option's value, if it is this kind of output that it asks for. */
static const char *value_of(const struct args *args, enum output_kind kind) {
    const char *value = args->value[KINDS[kind].option];
    const char *extension = value == NULL ? "" : name_extension(value);
    bool is_page = strcasecmp(extension, ".html") == 0 || strcasecmp(extension, ".htm") == 0;
    bool is_other = (kind == OUTPUT_PAGE && !is_page) || (kind == OUTPUT_PICTURE && is_page);
    return is_other ? NULL : value;
}

/* The name of this kind in a folder, and a picture's where no output is asked for. */
static const char *own_name(enum verb verb, enum output_kind kind) {
    return verb == VERB_NEURONS && kind == OUTPUT_PICTURE ? "{stem}.neurons.png"
                                                          : KINDS[kind].in_folder;
}

/* "folder/name" */
static void append_in_folder(struct text *out, const char *folder, const char *name) {
    size_t length = strlen(folder);
    text_append_string(out, folder);
    text_append_string(out, length > 0 && folder[length - 1] == '/' ? "" : "/");
    text_append_string(out, name);
}

/* mkdir for -o, where a folder is what several images need; its parent must be there. */
static enum vitlrp_status create_folder(const char *path, struct vitlrp_error *err) {
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return error_prefix(err, fail_errno(err, errno, "cannot create the folder"), path);
    }
    return VITLRP_OK;
}

/* True without a value, and of a folder. */
static bool names_no_picture(const char *value) {
    return value == NULL ||
           (!output_is_stdout(value) && (is_folder(value) || *name_extension(value) == '\0'));
}

/* One option's value as a pattern: a folder gets a name, several classes get {class}. */
static enum vitlrp_status make_pattern(const struct args *args, const char *value,
                                       enum output_kind kind, bool several_classes, char **out,
                                       struct vitlrp_error *err) {
    struct text named = {.limit = NAME_LIMIT};
    struct text classed = {.limit = NAME_LIMIT};
    enum vitlrp_status status = VITLRP_OK;
    if (value[0] == '\0') {
        return fail(err, VITLRP_USAGE, "%s needs a file name (see vitlrp --help)",
                    KINDS[kind].spelled);
    }
    TRY(name_check(value, err));
    bool new_folder = args->operand_count > 1 && kind == OUTPUT_PICTURE &&
                      *name_extension(value) == '\0' && !name_has_stem(value) &&
                      !output_is_stdout(value);
    if (!output_is_stdout(value) && (is_folder(value) || new_folder)) {
        append_in_folder(&named, value, own_name(args->verb, kind));
    } else {
        text_append_string(&named, value);
    }
    if (KINDS[kind].of_class && several_classes && !named.failed && !output_is_stdout(value) &&
        !name_tells_classes(named.data)) {
        name_add_class(named.data, &classed);
        status = name_keep(&classed, out, err);
    } else {
        status = name_keep(&named, out, err);
    }
    text_free(&named);
    text_free(&classed);
    return status;
}

static enum vitlrp_status check_extension(struct outputs *outputs, struct vitlrp_error *err) {
    const char *pattern = outputs->pattern[OUTPUT_PICTURE];
    outputs->picture_format = VITLRP_PICTURE_PNG;
    if (pattern == NULL || output_is_stdout(pattern)) {
        return VITLRP_OK;
    }
    const char *extension = name_extension(pattern);
    if (strcasecmp(extension, ".npy") == 0) {
        outputs->picture_is_map = true;
    } else if (strcasecmp(extension, ".jpg") == 0 || strcasecmp(extension, ".jpeg") == 0) {
        outputs->picture_format = VITLRP_PICTURE_JPEG;
    } else if (strcasecmp(extension, ".svg") == 0 || strcasecmp(extension, ".pdf") == 0 ||
               strcasecmp(extension, ".apng") == 0) {
        outputs->figure = figure_format_of(pattern);
        outputs->picture_format =
            outputs->figure == FIGURE_SVG ? VITLRP_PICTURE_SVG : VITLRP_PICTURE_PNG;
        return error_prefix(err, figure_check(outputs->figure, err), pattern);
    } else if (strcasecmp(extension, ".png") != 0) {
        return error_prefix(
            err,
            fail(err, VITLRP_USAGE,
                 "the picture's name must end in .png, .jpg, .svg, .pdf, .apng, .npy or .html"),
            pattern);
    }
    return VITLRP_OK;
}

/* Arrays are written as .npy, whatever the name says: a name that says something else is refused.
 */
enum vitlrp_status output_check_array(const char *option, const char *path,
                                      struct vitlrp_error *err) {
    const char *extension = path == NULL ? "" : name_extension(path);
    if (extension[0] == '\0' || strcasecmp(extension, ".npy") == 0) {
        return VITLRP_OK;
    }
    return error_prefix(
        err,
        fail(err, VITLRP_USAGE, "%s writes an array of NumPy: its name must end in .npy", option),
        path);
}

static enum vitlrp_status check_arrays(const struct outputs *outputs, struct vitlrp_error *err) {
    static const enum output_kind ARRAYS[] = {OUTPUT_RAW,    OUTPUT_LOGITS,    OUTPUT_INPUT,
                                              OUTPUT_SCORES, OUTPUT_ATTENTION, OUTPUT_TOKENS};
    for (size_t i = 0; i < sizeof ARRAYS / sizeof ARRAYS[0]; i++) {
        TRY(output_check_array(KINDS[ARRAYS[i]].spelled, outputs->pattern[ARRAYS[i]], err));
    }
    return VITLRP_OK;
}

/* What only pages take, and what they cannot show. */
static enum vitlrp_status check_page(const struct args *args, const struct outputs *outputs,
                                     const struct settings *settings, struct vitlrp_error *err) {
    static const enum option_id OF_PAGES[] = {OPTION_METHODS, OPTION_REPLACE, OPTION_NO_DROPS};
    bool is_page = outputs->pattern[OUTPUT_PAGE] != NULL;
    for (size_t i = 0; i < sizeof OF_PAGES / sizeof OF_PAGES[0]; i++) {
        if (!is_page && args->verb == VERB_EXPLAIN && args->value[OF_PAGES[i]] != NULL) {
            char name[OPTION_NAME_LIMIT];
            option_spell(OF_PAGES[i], name, sizeof name);
            return fail(err, VITLRP_USAGE, "%s is for a page (-o NAME.html)%s", name,
                        OF_PAGES[i] == OPTION_METHODS ? "; --method takes one" : "");
        }
    }
    if (is_page && args->verb != VERB_NEURONS && settings->level == LEVEL_PIXEL) {
        return fail(err, VITLRP_USAGE, "--level pixel: a page shows patches");
    }
    if (is_page && settings_classes(settings) > PAGE_CLASSES_MAX) {
        return fail(err, VITLRP_USAGE, "a page shows at most %d classes", PAGE_CLASSES_MAX);
    }
    return VITLRP_OK;
}

/* What -o may name beside pictures, which read all options of their look. */
#define TO_PAGE 1U
#define TO_ANIMATION 2U
#define TO_ARRAY 4U

/* Options of the look of pictures, and which of those read them too. */
static const struct look {
    enum option_id option;
    unsigned readers;
} LOOKS[] = {
    {OPTION_STYLE, 0},          {OPTION_OPACITY, 0},        {OPTION_CONTOURS, 0},
    {OPTION_TOP_PERCENT, 0},    {OPTION_TOP_AS, 0},         {OPTION_CAPTION, TO_ANIMATION},
    {OPTION_CMAP, TO_PAGE},     {OPTION_SCALE, TO_PAGE},    {OPTION_RANGE, TO_PAGE},
    {OPTION_UNDERLAY, TO_PAGE}, {OPTION_UPSAMPLE, TO_PAGE},
};

/* An option that the run's only output of the map would pass over. */
static enum vitlrp_status check_look(const struct args *args, const struct outputs *outputs,
                                     struct vitlrp_error *err) {
    bool is_page = outputs->pattern[OUTPUT_PAGE] != NULL;
    bool is_animation = outputs->figure == FIGURE_APNG;
    unsigned reader = is_page                   ? TO_PAGE
                      : is_animation            ? TO_ANIMATION
                      : outputs->picture_is_map ? TO_ARRAY
                                                : 0;
    for (size_t i = 0; i < sizeof LOOKS / sizeof LOOKS[0] && reader != 0; i++) {
        if (args->value[LOOKS[i].option] != NULL && (LOOKS[i].readers & reader) == 0) {
            char name[OPTION_NAME_LIMIT];
            option_spell(LOOKS[i].option, name, sizeof name);
            return fail(err, VITLRP_USAGE, "%s is for pictures, not for %s", name,
                        is_page        ? "a page"
                        : is_animation ? "an animation (.apng)"
                                       : "an array (.npy)");
        }
    }
    return VITLRP_OK;
}

/* Several images or classes need several names; JSON takes one object a line instead. */
static enum vitlrp_status check_several(const struct outputs *outputs, bool several_images,
                                        const struct settings *settings, struct vitlrp_error *err) {
    bool one_record = settings->class_count > 1; /* of all classes of a list */
    bool several_classes = settings_classes(settings) > 1;
    for (int i = 0; i < OUTPUT_KINDS; i++) {
        const char *pattern = outputs->pattern[i];
        if (pattern == NULL) {
            continue;
        }
        bool of_class = KINDS[i].of_class || (i == OUTPUT_JSON && !one_record);
        if (!of_class && name_has_class(pattern)) {
            return fail(err, VITLRP_USAGE, "%s: {class}, {label} and {prob} have no meaning here",
                        KINDS[i].spelled);
        }
        bool one_json = i == OUTPUT_JSON && !name_has_class(pattern);
        if (several_images && !name_has_stem(pattern) && !one_json) {
            return fail(err, VITLRP_USAGE,
                        "%s: several images need a folder, or {stem} in the name",
                        KINDS[i].spelled);
        }
        if (several_classes && KINDS[i].of_class && output_is_stdout(pattern)) {
            return fail(err, VITLRP_USAGE, "%s: several classes cannot go to standard output",
                        KINDS[i].spelled);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_stdout(struct outputs *outputs, struct vitlrp_error *err) {
    int taken_by = -1;
    for (int i = 0; i < OUTPUT_KINDS; i++) {
        if (!output_is_stdout(outputs->pattern[i])) {
            continue;
        }
        if (taken_by >= 0) {
            return fail(err, VITLRP_USAGE, "%s and %s cannot both go to standard output",
                        KINDS[taken_by].spelled, KINDS[i].spelled);
        }
        if (i != OUTPUT_JSON && isatty(STDOUT_FILENO)) {
            return fail(err, VITLRP_USAGE,
                        "%s -: binary data is not written to a terminal (redirect it or name a "
                        "file)",
                        KINDS[i].spelled);
        }
        taken_by = i;
    }
    outputs->stdout_taken = taken_by >= 0;
    return VITLRP_OK;
}

/* The folder of a path into out, "." if it names none. */
static void folder_of(const char *path, char out[PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : slash == path ? 1 : (size_t) (slash - path);
    if (length == 0 || length >= PATH_MAX) {
        memcpy(out, ".", 2);
        return;
    }
    memcpy(out, path, length);
    out[length] = '\0';
}

/* A name that the file system does not take; {class} still stands for a number there. */
static enum vitlrp_status check_length(const char *path, const char *folder,
                                       struct vitlrp_error *err) {
    const char *slash = strrchr(path, '/');
    size_t length = strlen(slash == NULL ? path : slash + 1);
    long most = pathconf(folder, _PC_NAME_MAX);
    if (most > 0 && length > (size_t) most) {
        return fail(err, VITLRP_USAGE, "a name of %zu bytes, and the file system takes %ld", length,
                    most);
    }
    return VITLRP_OK;
}

enum vitlrp_status output_check(const char *path, struct vitlrp_error *err) {
    char folder[PATH_MAX];
    struct stat info;
    folder_of(path, folder);
    enum vitlrp_status status = check_length(path, folder, err);
    TRY(error_prefix(err, status, path));
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        /* A device or a pipe, which is written to as it is. */
        status = access(path, W_OK) == 0 ? VITLRP_OK : fail_errno(err, errno, "cannot write");
        return error_prefix(err, status, path);
    }
    if (stat(folder, &info) != 0) {
        status = fail_errno(err, errno, "cannot write into this folder");
    } else if (!S_ISDIR(info.st_mode)) {
        status = fail(err, VITLRP_IO, "is not a folder");
    } else if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return error_prefix(err, fail(err, VITLRP_IO, "is a folder, not a file"), path);
    } else if (access(folder, W_OK | X_OK) != 0) {
        status = fail_errno(err, errno, "cannot write into this folder");
    }
    return error_prefix(err, status, folder);
}

/* Where a path leads: every symbolic link followed, also for a file that is not there yet. *out is
 * owned. */
static enum vitlrp_status canonical_path(const char *path, char **out, struct vitlrp_error *err) {
    char folder[PATH_MAX];
    char resolved[PATH_MAX];
    struct text joined = {.limit = NAME_LIMIT + PATH_MAX};
    if (realpath(path, resolved) != NULL) {
        text_append_string(&joined, resolved);
    } else {
        const char *slash = strrchr(path, '/');
        folder_of(path, folder);
        text_append_string(&joined, realpath(folder, resolved) != NULL ? resolved : folder);
        text_printf(&joined, "/%s", slash == NULL ? path : slash + 1);
    }
    return name_keep(&joined, out, err);
}

/* A file that is to be written. */
struct claim {
    char *path; /* owned, canonical */
    const char *image;
    int kind;
};

static int claim_compare(const void *left, const void *right) {
    const struct claim *a = left;
    const struct claim *b = right;
    return strcmp(a->path, b->path);
}

/* Two claims on one path. */
static enum vitlrp_status claim_conflict(const struct claim *a, const struct claim *b,
                                         struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_USAGE;
    if (a->kind == b->kind) {
        char first[100];
        char second[100];
        text_escape_name(first, sizeof first, a->image);
        text_escape_name(second, sizeof second, b->image);
        status = fail(err, status, "would be written for both %s and %s", first, second);
    } else {
        status = fail(err, status, "is named by both %s and %s", KINDS[a->kind].spelled,
                      KINDS[b->kind].spelled);
    }
    return error_prefix(err, status, a->path);
}

struct claims {
    struct claim *items; /* owned */
    size_t count;
};

static enum vitlrp_status claim_add(struct claims *claims, const char *path, const char *image,
                                    int kind, struct vitlrp_error *err) {
    struct claim *claim = &claims->items[claims->count];
    TRY(canonical_path(path, &claim->path, err));
    claim->image = image;
    claim->kind = kind;
    claims->count++;
    return VITLRP_OK;
}

/* The outputs of one image; those without {stem} are claimed with the first image only. A folder
 * that {class} names is not known yet. */
static enum vitlrp_status claim_outputs(struct claims *claims, struct outputs *outputs,
                                        const char *image, bool first, struct vitlrp_error *err) {
    for (int i = 0; i < OUTPUT_KINDS; i++) {
        const char *pattern = outputs->pattern[i];
        struct text path = {.limit = NAME_LIMIT};
        if (pattern == NULL || output_is_stdout(pattern) || (!first && !name_has_stem(pattern))) {
            continue;
        }
        enum vitlrp_status status =
            outputs_path(outputs, (enum output_kind) i, image, NULL, &path, err);
        if (status == VITLRP_OK && !name_has_class_folder(path.data)) {
            status = output_claim(&outputs->guard, KINDS[i].spelled, path.data, err);
        }
        if (status == VITLRP_OK) {
            status = claim_add(claims, path.data, image, i, err);
        }
        text_free(&path);
        TRY(status);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_claims(const struct args *args, struct outputs *outputs,
                                       struct claims *claims, struct vitlrp_error *err) {
    for (size_t i = 0; i < args->operand_count; i++) {
        TRY(claim_outputs(claims, outputs, args->operands[i], i == 0, err));
    }
    qsort(claims->items, claims->count, sizeof *claims->items, claim_compare);
    for (size_t i = 1; i < claims->count; i++) {
        if (strcmp(claims->items[i - 1].path, claims->items[i].path) == 0) {
            TRY(claim_conflict(&claims->items[i - 1], &claims->items[i], err));
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_collisions(const struct args *args, struct outputs *outputs,
                                           struct vitlrp_error *err) {
    struct claims claims = {0};
    claims.items = mem_calloc(args->operand_count + 1, OUTPUT_KINDS * sizeof *claims.items);
    if (claims.items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu images", args->operand_count);
    }
    enum vitlrp_status status = check_claims(args, outputs, &claims, err);
    for (size_t i = 0; i < claims.count; i++) {
        mem_free(claims.items[i].path);
    }
    mem_free(claims.items);
    return status;
}

static enum vitlrp_status check_stdin(const struct args *args, struct vitlrp_error *err) {
    int times = 0;
    for (size_t i = 0; i < args->operand_count; i++) {
        times += strcmp(args->operands[i], "-") == 0 ? 1 : 0;
    }
    return times > 1 ? fail(err, VITLRP_USAGE, "standard input (-) can be read only once")
                     : VITLRP_OK;
}

enum vitlrp_status outputs_plan(const struct args *args, const struct settings *settings,
                                struct outputs *outputs, struct vitlrp_error *err) {
    bool several_images = args->operand_count > 1;
    bool several_classes = settings_classes(settings) > 1;
    bool any = settings->ledger || args->value[OPTION_NO_MAPS] != NULL;
    *outputs = (struct outputs){.method = settings->method_info.name};
    TRY(check_stdin(args, err));
    TRY(guard_words(&outputs->guard, args, settings->model_path, err));
    for (int i = 0; i < OUTPUT_KINDS; i++) {
        const char *value = value_of(args, (enum output_kind) i);
        if (value != NULL) {
            any = true;
            TRY(make_pattern(args, value, (enum output_kind) i, several_classes,
                             &outputs->pattern[i], err));
        }
    }
    if (!any) {
        TRY(make_pattern(args, own_name(args->verb, OUTPUT_PICTURE), OUTPUT_PICTURE,
                         several_classes, &outputs->pattern[OUTPUT_PICTURE], err));
    }
    outputs->picture_is_unnamed =
        args->verb == VERB_EXPLAIN && names_no_picture(value_of(args, OUTPUT_PICTURE));
    TRY(check_extension(outputs, err));
    TRY(check_arrays(outputs, err));
    TRY(check_page(args, outputs, settings, err));
    TRY(check_look(args, outputs, err));
    TRY(check_several(outputs, several_images, settings, err));
    TRY(check_stdout(outputs, err));
    const char *folder = value_of(args, OUTPUT_PICTURE);
    const char *pattern = outputs->pattern[OUTPUT_PICTURE];
    if (folder != NULL && !output_is_stdout(folder) && strcmp(folder, pattern) != 0 &&
        *name_extension(folder) == '\0') {
        TRY(create_folder(folder, err));
    }
    for (int i = 0; i < OUTPUT_KINDS; i++) {
        pattern = outputs->pattern[i];
        outputs->guard.names_come_later |= pattern != NULL && name_has_class(pattern);
    }
    return check_collisions(args, outputs, err);
}

void outputs_free(struct outputs *outputs) {
    for (int i = 0; i < OUTPUT_KINDS; i++) {
        mem_free(outputs->pattern[i]);
    }
    guard_free(&outputs->guard);
    *outputs = (struct outputs){0};
}

enum vitlrp_status output_claim(struct guard *guard, const char *option, const char *path,
                                struct vitlrp_error *err) {
    if (path == NULL || output_is_stdout(path)) {
        return VITLRP_OK;
    }
    if (path[0] == '\0') {
        return fail(err, VITLRP_USAGE, "%s needs a file name", option);
    }
    TRY(guard_output(guard, option, path, err));
    return output_check(path, err);
}

/* True if both paths lead to one existing file. */
static bool same_file(const char *a, const char *b) {
    struct stat first;
    struct stat second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && S_ISREG(first.st_mode) &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

enum vitlrp_status output_claim_each(struct guard *guard, const char *const *options,
                                     const char *const *paths, size_t count,
                                     struct vitlrp_error *err) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i && paths[i] != NULL; k++) {
            if (paths[k] != NULL &&
                (strcmp(paths[k], paths[i]) == 0 || same_file(paths[k], paths[i]))) {
                return fail(err, VITLRP_USAGE, "%s and %s name the same file", options[k],
                            options[i]);
            }
        }
        TRY(output_claim(guard, options[i], paths[i], err));
    }
    return VITLRP_OK;
}

enum vitlrp_picture_format outputs_format(const struct outputs *outputs, const char *image_path) {
    return outputs->picture_is_unnamed && picture_file_is_of_camera(image_path)
               ? VITLRP_PICTURE_JPEG
               : outputs->picture_format;
}

enum vitlrp_status outputs_path(const struct outputs *outputs, enum output_kind kind,
                                const char *image_path, const struct name_values *of_class,
                                struct text *path, struct vitlrp_error *err) {
    const char *pattern = outputs->pattern[kind];
    struct text stem = {.limit = NAME_LIMIT};
    name_stem(image_path, &stem);
    enum vitlrp_status status = text_check(&stem, "the name of an image", err);
    if (status == VITLRP_OK) {
        struct name_values values = of_class == NULL ? (struct name_values){0} : *of_class;
        values.stem = stem.data;
        values.method = outputs->method;
        status = name_expand(pattern, &values, path, err);
    }
    if (status == VITLRP_OK && kind == OUTPUT_PICTURE &&
        outputs_format(outputs, image_path) != outputs->picture_format) {
        memcpy(path->data + path->length - strlen(".jpg"), ".jpg", strlen(".jpg"));
    }
    text_free(&stem);
    /* Names without {class} were checked before the work began. */
    return status == VITLRP_OK && name_has_class(pattern)
               ? guard_check(&outputs->guard, KINDS[kind].spelled, path->data, err)
               : status;
}

/* To a terminal only texts are written: no pictures, no arrays. */
enum vitlrp_status output_piece(int descriptor, const void *data, size_t size,
                                struct vitlrp_error *err) {
    if (descriptor == STDOUT_FILENO && isatty(STDOUT_FILENO) == 1) {
        struct text shown = {.data = (char *) data, .length = size};
        return console_write(&shown, err);
    }
    return file_write_descriptor(descriptor, data, size, err);
}

enum vitlrp_status output_fill(const char *path, file_fill *fill, void *user,
                               struct vitlrp_error *err) {
    if (!output_is_stdout(path)) {
        return file_fill_atomic(path, fill, user, err);
    }
    enum vitlrp_status status = fill(user, STDOUT_FILENO, err);
    return isatty(STDOUT_FILENO) == 1 ? status : error_prefix(err, status, "standard output");
}

/* Bytes that are in memory. */
struct span {
    const void *data;
    size_t size;
};

static enum vitlrp_status fill_span(void *user, int descriptor, struct vitlrp_error *err) {
    const struct span *span = user;
    return output_piece(descriptor, span->data, span->size, err);
}

enum vitlrp_status output_write(const char *path, const void *data, size_t size,
                                struct vitlrp_error *err) {
    struct span span = {data, size};
    return output_fill(path, fill_span, &span, err);
}

enum vitlrp_status output_write_json(const char *path, const json_t *object,
                                     struct vitlrp_error *err) {
    struct text text = {.limit = JSON_LIMIT};
    json_append(&text, object, 2);
    text_append_string(&text, "\n");
    enum vitlrp_status status = text_check(&text, "the JSON report", err);
    if (status == VITLRP_OK) {
        status = output_write(path, text.data, text.length, err);
    }
    text_free(&text);
    return status;
}

void output_append_written(struct text *out, const char *path) {
    char shown[240];
    text_escape_name(shown, sizeof shown, path);
    text_printf(out, "wrote %s\n", output_is_stdout(path) ? "standard output" : shown);
}
