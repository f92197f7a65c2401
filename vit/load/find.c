/* Finds the files of weights. Refuses nothing but folders without any: what a file is, its content
 * says. */
#include "vit/load/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

enum vitlrp_status path_join(char out[PATH_SIZE], const char *path, bool is_folder,
                             const char *name, struct vitlrp_error *err) {
    const char *slash = strrchr(path, '/');
    size_t length = is_folder ? strlen(path) : slash == NULL ? 0 : (size_t) (slash - path) + 1;
    bool separated = length == 0 || path[length - 1] == '/';
    if (length + strlen(name) + 2 > PATH_SIZE) {
        return fail(err, VITLRP_LIMIT, "the path is longer than %zu bytes", PATH_SIZE);
    }
    memcpy(out, path, length);
    snprintf(out + length, PATH_SIZE - length, "%s%s", separated ? "" : "/", name);
    return VITLRP_OK;
}

bool path_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* What a folder's weights are called, first what is taken first: as in timm, an index of shards
 * where Hugging Face has it. */
static const struct {
    const char *name;
    bool index;
} NAMES[] = {
    {"model.safetensors", false},
    {"model.safetensors.index.json", true},
    {"pytorch_model.bin", false},
    {"pytorch_model.bin.index.json", true},
    {"pytorch_model.pth", false},
    {"open_clip_model.safetensors", false},
    {"open_clip_pytorch_model.safetensors", false},
    {"open_clip_pytorch_model.bin", false},
};
#define NAME_COUNT (sizeof NAMES / sizeof NAMES[0])

/* What is there instead, and what to do. */
static const struct {
    const char *name;
    const char *hint;
} OTHERS[] = {
    {"tf_model.h5", "TensorFlow's weights, which are not read: fetch model.safetensors of the same "
                    "repository"},
    {"flax_model.msgpack",
     "Flax's weights, which are not read: fetch model.safetensors of the same "
     "repository"},
    {"adapter_model.safetensors", "an adapter, not a model: give the model that it was trained on"},
    {"latest", "DeepSpeed's shards, which are not read: zero_to_fp32.py beside them makes a file"},
    {".metadata", "a distributed checkpoint, which is not read: torch.distributed.checkpoint's "
                  "dcp_to_torch_save makes a file of it"},
};

static enum vitlrp_status fail_folder(const char *folder, struct vitlrp_error *err) {
    char path[PATH_SIZE];
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        TRY(path_join(path, folder, true, OTHERS[i].name, err));
        if (path_exists(path)) {
            return fail(err, VITLRP_UNSUPPORTED, "the folder has %s (%s)", OTHERS[i].hint,
                        OTHERS[i].name);
        }
    }
    return fail(err, VITLRP_FORMAT,
                "the folder has neither %s nor %s nor another name of weights: give the file",
                NAMES[0].name, NAMES[2].name);
}

/* The weights in a folder, by their usual names. */
static enum vitlrp_status find_named(const char *folder, const struct vitlrp_log *log,
                                     struct weights_place *out, struct vitlrp_error *err) {
    char path[PATH_SIZE];
    size_t found = NAME_COUNT;
    for (size_t i = 0; i < NAME_COUNT; i++) {
        TRY(path_join(path, folder, true, NAMES[i].name, err));
        if (path_exists(path) && found == NAME_COUNT) {
            found = i;
        } else if (path_exists(path)) {
            log_message(log, LOG_LEVEL_INFO, "of the files of weights in the folder, %s is used",
                        NAMES[found].name);
            break;
        }
    }
    if (found == NAME_COUNT) {
        return fail_folder(folder, err);
    }
    out->index = NAMES[found].index;
    return path_join(out->path, folder, true, NAMES[found].name, err);
}

/* The only folder in a folder; FORMAT if there are none or several. */
static enum vitlrp_status only_snapshot(const char *folder, char out[PATH_SIZE],
                                        struct vitlrp_error *err) {
    size_t count = 0;
    DIR *directory = opendir(folder);
    struct dirent *entry;
    enum vitlrp_status status = VITLRP_OK;
    if (directory == NULL) {
        return fail_errno(err, errno, "the snapshots cannot be listed");
    }
    while (status == VITLRP_OK && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] != '.') {
            count++;
            status = path_join(out, folder, true, entry->d_name, err);
        }
    }
    closedir(directory);
    if (status == VITLRP_OK && count != 1) {
        status =
            fail(err, VITLRP_FORMAT,
                 "the hub's folder has %zu snapshots and no refs/main: give one of them", count);
    }
    return status;
}

/* refs/main holds the name of a snapshot: a commit. */
static bool read_commit(const char *path, char out[65]) {
    file_read_head(path, out, 65);
    out[strcspn(out, "\r\n ")] = '\0';
    return out[0] != '\0' && strspn(out, "0123456789abcdef") == strlen(out);
}

/* The snapshot that a folder of the hub's cache stands for: models--ORG--NAME, with refs/main. */
static enum vitlrp_status find_snapshot(const char *folder, char out[PATH_SIZE],
                                        struct vitlrp_error *err) {
    char snapshots[PATH_SIZE];
    char commit[65];
    TRY(path_join(snapshots, folder, true, "snapshots", err));
    TRY(path_join(out, folder, true, "refs/main", err));
    if (!read_commit(out, commit)) {
        return only_snapshot(snapshots, out, err);
    }
    TRY(path_join(out, snapshots, true, commit, err));
    return is_folder(out) ? VITLRP_OK
                          : fail(err, VITLRP_FORMAT,
                                 "refs/main names the snapshot %s, which is not there", commit);
}

static enum vitlrp_status find_in_folder(const char *folder, const struct vitlrp_log *log,
                                         struct weights_place *out, struct vitlrp_error *err) {
    char path[PATH_SIZE];
    TRY(path_join(path, folder, true, "snapshots", err));
    if (!is_folder(path)) {
        return find_named(folder, log, out, err);
    }
    TRY(find_snapshot(folder, path, err));
    return find_named(path, log, out, err);
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* NAME-00001-of-00002.EXTENSION: the length of NAME, or 0. */
static size_t shard_stem(const char *name, const char *extension) {
    static const char PATTERN[] = "-00000-of-00000"; /* 0: any digit */
    size_t length = strlen(name);
    size_t tail = sizeof PATTERN - 1 + strlen(extension);
    if (length <= tail || !ends_with(name, extension)) {
        return 0;
    }
    for (size_t i = 0; i + 1 < sizeof PATTERN; i++) {
        char found = name[length - tail + i];
        bool digit = found >= '0' && found <= '9';
        if (PATTERN[i] == '0' ? !digit : found != PATTERN[i]) {
            return 0;
        }
    }
    return length - tail;
}

/* The index beside a shard, if both are there. */
static enum vitlrp_status find_index(const char *path, const struct vitlrp_log *log,
                                     struct weights_place *out, struct vitlrp_error *err) {
    static const char *const EXTENSIONS[] = {".safetensors", ".bin"};
    char name[PATH_SIZE];
    for (size_t i = 0; i < 2; i++) {
        size_t stem = shard_stem(path, EXTENSIONS[i]);
        if (stem == 0 || stem + 32 > sizeof name) {
            continue;
        }
        snprintf(name, sizeof name, "%.*s%s.index.json", (int) stem, path, EXTENSIONS[i]);
        if (path_exists(name)) {
            log_message(log, LOG_LEVEL_WARNING,
                        "%s is a part of a model: all parts that its index names are read", path);
            out->index = true;
            return path_join(out->path, "", true, name, err);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status weights_find(const char *path, const struct vitlrp_log *log,
                                struct weights_place *out, struct vitlrp_error *err) {
    if (is_folder(path)) {
        return find_in_folder(path, log, out, err);
    }
    TRY(path_join(out->path, "", true, path, err));
    out->index = ends_with(path, ".json") && strstr(path, ".index.") != NULL;
    return out->index ? VITLRP_OK : find_index(path, log, out, err);
}
