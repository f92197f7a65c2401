#define _GNU_SOURCE
#include "eval/folder_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/inodes.h"
#include "base/mem.h"

#define PATH_LIMIT ((size_t) 4096)
#define FOLDER_LIMIT ((size_t) 10000000)

enum vitlrp_status path_list_add(struct path_list *list, char *path, size_t limit,
                                 struct vitlrp_error *err) {
    if (path == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu names", list->count);
    }
    if (list->count >= limit) {
        mem_free(path);
        return fail(err, VITLRP_LIMIT, "has more than %zu files", limit);
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        char **items = mem_resize(list->items, capacity, sizeof *items);
        if (items == NULL) {
            mem_free(path);
            return fail(err, VITLRP_NOMEM, "out of memory for %zu names", capacity);
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = path;
    return VITLRP_OK;
}

static int compare_paths(const void *left, const void *right) {
    return strcmp(*(char *const *) left, *(char *const *) right);
}

static void path_list_sort(struct path_list *list) {
    if (list->count > 1) {
        qsort(list->items, list->count, sizeof *list->items, compare_paths);
    }
}

void path_list_free(struct path_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        mem_free(list->items[i]);
    }
    mem_free(list->items);
    *list = (struct path_list){0};
}

void folder_notes_free(struct folder_notes *notes) {
    path_list_free(&notes->unread);
    path_list_free(&notes->named_so);
    *notes = (struct folder_notes){0};
}

struct walk {
    struct inodes visited;
    struct path_list folders; /* to enter: reached without a link since the last one */
    struct path_list links;   /* links to folders, for when `folders` is empty */
    struct path_list *files;
    struct folder_notes *notes;
    size_t limit;
};

/* "folder/name"; *out is owned. */
static enum vitlrp_status join(const char *folder, const char *name, char **out,
                               struct vitlrp_error *err) {
    size_t length = strlen(folder);
    size_t name_length = strlen(name);
    size_t slash = length > 0 && folder[length - 1] == '/' ? 0 : 1;
    if (length + name_length + 2 > PATH_LIMIT) {
        return fail(err, VITLRP_LIMIT, "a path below it has more than %zu bytes", PATH_LIMIT);
    }
    char *path = mem_calloc(length + name_length + 2, 1);
    if (path == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a path");
    }
    memcpy(path, folder, length);
    memcpy(path + length, "/", slash);
    memcpy(path + length + slash, name, name_length + 1);
    *out = path;
    return VITLRP_OK;
}

enum kind { KIND_OTHER, KIND_FILE, KIND_FOLDER, KIND_LINKED_FOLDER };

static enum kind entry_kind(int folder, const struct dirent *entry) {
    struct stat info;
    if (entry->d_type == DT_REG) {
        return KIND_FILE;
    }
    if (entry->d_type == DT_DIR) {
        return KIND_FOLDER;
    }
    bool may_be_link = entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
    if (!may_be_link || fstatat(folder, entry->d_name, &info, 0) != 0) {
        return KIND_OTHER; /* also a link that leads nowhere */
    }
    if (S_ISREG(info.st_mode)) {
        return KIND_FILE;
    }
    if (!S_ISDIR(info.st_mode)) {
        return KIND_OTHER;
    }
    bool is_link =
        fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
    return is_link ? KIND_LINKED_FOLDER : KIND_FOLDER;
}

static enum vitlrp_status take_entry(struct walk *walk, const char *path, int folder,
                                     const struct dirent *entry, struct vitlrp_error *err) {
    if (entry->d_name[0] == '.') {
        return VITLRP_OK;
    }
    enum kind kind = entry_kind(folder, entry);
    enum picture_file file =
        kind == KIND_FILE ? picture_file_of(folder, entry->d_name) : PICTURE_FILE_NONE;
    picture_file_count(&walk->notes->passed_over, file, entry->d_name);
    bool is_named_so =
        file == PICTURE_FILE_OWN && !picture_file_is_commented(folder, entry->d_name);
    if (kind == KIND_OTHER || (kind == KIND_FILE && file != PICTURE_FILE_READ && !is_named_so)) {
        return VITLRP_OK;
    }
    char *joined = NULL;
    TRY(join(path, entry->d_name, &joined, err));
    if (kind == KIND_FILE) {
        struct path_list *files = is_named_so ? &walk->notes->named_so : walk->files;
        return path_list_add(files, joined, walk->limit, err);
    }
    struct path_list *to = kind == KIND_FOLDER ? &walk->folders : &walk->links;
    return path_list_add(to, joined, FOLDER_LIMIT, err);
}

static enum vitlrp_status read_entries(struct walk *walk, const char *path, DIR *folder,
                                       struct vitlrp_error *err) {
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL && errno != 0) {
            return fail_errno(err, errno, "cannot read this folder");
        }
        if (entry == NULL) {
            return VITLRP_OK;
        }
        TRY(take_entry(walk, path, dirfd(folder), entry, err));
    }
}

static enum vitlrp_status read_folder(struct walk *walk, const char *path,
                                      struct vitlrp_error *err) {
    struct stat info;
    bool is_new = false;
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    enum vitlrp_status status = VITLRP_OK;
    if (folder == NULL || fstat(descriptor, &info) != 0) {
        status = fail_errno(err, errno, "cannot read this folder");
    } else {
        status = inodes_add(&walk->visited, &info, 0, &is_new, err);
    }
    if (status == VITLRP_OK && is_new) {
        status = read_entries(walk, path, folder, err);
    }
    if (folder != NULL) {
        closedir(folder);
    } else if (descriptor >= 0) {
        close(descriptor);
    }
    return error_prefix(err, status, path);
}

/* A folder below the root. One that must not be read is noted and left out. Takes the path. */
static enum vitlrp_status enter_folder(struct walk *walk, char *path, struct vitlrp_error *err) {
    struct vitlrp_error failure;
    enum vitlrp_status status = read_folder(walk, path, &failure);
    bool forbidden =
        status == VITLRP_IO && (failure.system_errno == EACCES || failure.system_errno == EPERM);
    if (forbidden) {
        return path_list_add(&walk->notes->unread, path, FOLDER_LIMIT, err);
    }
    mem_free(path);
    return status == VITLRP_OK ? VITLRP_OK : error_forward(err, &failure);
}

/* Enters what was found so far, and everything below it that no link is needed for. */
static enum vitlrp_status walk_below(struct walk *walk, struct vitlrp_error *err) {
    while (walk->folders.count > 0) {
        char *next = walk->folders.items[--walk->folders.count];
        TRY(enter_folder(walk, next, err));
    }
    return VITLRP_OK;
}

enum vitlrp_status folder_walk(const char *root, size_t limit, struct path_list *out,
                               struct folder_notes *notes, struct vitlrp_error *err) {
    struct walk walk = {.files = out, .notes = notes, .limit = limit};
    struct path_list links = {0};
    enum vitlrp_status status = read_folder(&walk, root, err);
    if (status == VITLRP_OK) {
        status = walk_below(&walk, err);
    }
    /* A generation of links at a time, sorted, so that it does not depend on the disk's order by
     * which of several links a folder is reached. */
    while (status == VITLRP_OK && walk.links.count > 0) {
        links = walk.links;
        walk.links = (struct path_list){0};
        path_list_sort(&links);
        for (size_t i = 0; i < links.count && status == VITLRP_OK; i++) {
            char *link = links.items[i];
            links.items[i] = NULL;
            status = enter_folder(&walk, link, err);
            if (status == VITLRP_OK) {
                status = walk_below(&walk, err);
            }
        }
        path_list_free(&links);
    }
    path_list_sort(out);
    path_list_sort(&notes->unread);
    path_list_free(&walk.folders);
    path_list_free(&walk.links);
    inodes_free(&walk.visited);
    return status;
}
