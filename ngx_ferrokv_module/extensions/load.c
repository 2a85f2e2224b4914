/*
 * load.c - control file, library, magic, definitions.
 */

#include "extensions/load.h"
#include "extensions/define.h"
#include "extensions/file.h"
#include "extensions/host.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FAIL(error, ...)  fkv__error(error, FKV_EINVAL, __VA_ARGS__)

/* What a path was when it was loaded first. */
typedef struct loaded_s  loaded_t;

struct loaded_s {
    loaded_t     *next;
    struct stat   st;
    char          path[];
};

static loaded_t  *loaded;


const char *
fkv_load_dirs_wrong(const char *dirs)
{
    for (const char *p = dirs; ; ) {
        size_t  len = strcspn(p, ":");

        if (len == 0) {
            return "has an empty directory";
        }

        if (p[0] != '/') {
            return "has a directory that does not begin with \"/\"";
        }

        if (len >= PATH_MAX / 2) {
            return "has a directory that is too long";
        }

        if (p[len] == '\0') {
            return NULL;
        }

        p += len + 1;
    }
}


/* The first directory with a control file; dir has room for PATH_MAX. */
static int
find_dir(const fkv_load_t *load, char *dir, char *error)
{
    char         path[PATH_MAX];
    struct stat  st;

    for (const char *p = load->dirs; ; ) {
        size_t  len = strcspn(p, ":");

        (void) snprintf(dir, PATH_MAX, "%.*s", (int) len, p);

        if (snprintf(path, sizeof(path), "%s/%s.control", dir, load->name)
            < (int) sizeof(path)
            && lstat(path, &st) == 0)
        {
            return FKV_OK;
        }

        if (p[len] == '\0') {
            return fkv__error(error, FKV_NOTFOUND, "there is no \"%s.control\" "
                              "in \"%.256s\"", load->name, load->dirs);
        }

        p += len + 1;
    }
}


static int
missing(int rc, const char *path, char *error)
{
    return (rc != FKV_NOTFOUND) ? rc
           : fkv__error(error, rc, "there is no \"%s\"", path);
}


static int
read_control(fkv_control_t *control, const char *path, uid_t uid, char *error)
{
    fkv_str_t  text;
    char       theirs[FKV_API_BYTES], ours[FKV_API_BYTES];
    int        rc = missing(fkv_file_check(path, uid, error), path, error);

    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv_file_read(path, FKV_CONTROL_BYTES_MAX, &text, error);

    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv_control_parse(control, text, path, error);
    free((void *) text.data);

    if (rc == FKV_OK && control->api > FERROKV_API) {
        return FAIL(error, "%s: it needs API %s, this ferrokv has API %s", path,
                    fkv_api_text(theirs, control->api),
                    fkv_api_text(ours, FERROKV_API));
    }

    return rc;
}


static int
file_set(fkv_extension_t *ext, const char *path, char *error)
{
    ext->file = strdup(path);

    return (ext->file != NULL) ? FKV_OK
           : fkv__error(error, FKV_ENOMEM, "out of memory");
}


/* ext->control and ext->file, of a name. */
static int
find_named(fkv_extension_t *ext, const fkv_load_t *load, char *error)
{
    char         dir[PATH_MAX], path[PATH_MAX];
    const char  *version = load->version;
    fkv_str_t    name = fkv_extension_text(load->name, PATH_MAX);
    int          rc;

    if (!fkv_extension_name_ok(name)) {
        return FAIL(error, "\"%.128s\" is neither a name, [a-z][a-z0-9_]* of "
                    "at most %u bytes, nor a path that begins with \"/\"",
                    load->name, FKV_EXTENSION_NAME_MAX);
    }

    rc = find_dir(load, dir, error);

    if (rc != FKV_OK) {
        return rc;
    }

    (void) snprintf(path, sizeof(path), "%.*s/%s.control", PATH_MAX / 2, dir,
                    load->name);

    rc = read_control(&ext->control, path, load->uid, error);

    if (rc != FKV_OK) {
        return rc;
    }

    version = version ? version : ext->control.default_version;

    if (version[0] == '\0') {
        return FAIL(error, "%s: it has no default_version, so nginx.conf has "
                    "to say \"version=\"", path);
    }

    (void) snprintf(path, sizeof(path), "%.*s/%s-%s.so", PATH_MAX / 2, dir,
                    load->name, version);

    return file_set(ext, path, error);
}


static int
find(fkv_extension_t *ext, const fkv_load_t *load, char *error)
{
    fkv_str_t  version = fkv_extension_text(load->version, PATH_MAX);

    if (load->version != NULL && !fkv_extension_version_ok(version)) {
        return FAIL(error, "\"version=%.128s\" is no version: letters, digits "
                    "and \"._+~-\", at most %u bytes", load->version,
                    FKV_EXTENSION_NAME_MAX);
    }

    if (load->name[0] != '/') {
        return find_named(ext, load, error);
    }

    if (load->version != NULL) {
        return FAIL(error, "\"version=\" is for names, \"%.256s\" is a path",
                    load->name);
    }

    return file_set(ext, load->name, error);
}


static int
remember(fkv_extension_t *ext, char *error)
{
    struct stat  st;
    size_t       len = strlen(ext->file) + 1;
    loaded_t    *it;

    if (stat(ext->file, &st) != 0) {
        return FAIL(error, "\"%s\" has just gone", ext->file);
    }

    for (it = loaded; it != NULL; it = it->next) {
        if (strcmp(it->path, ext->file) == 0) {
            ext->replaced = it->st.st_dev != st.st_dev
                            || it->st.st_ino != st.st_ino
                            || it->st.st_mtim.tv_sec != st.st_mtim.tv_sec
                            || it->st.st_mtim.tv_nsec != st.st_mtim.tv_nsec;
            return FKV_OK;
        }
    }

    it = malloc(sizeof(loaded_t) + len);

    if (it == NULL) {
        return fkv__error(error, FKV_ENOMEM, "out of memory");
    }

    it->st = st;
    memcpy(it->path, ext->file, len);
    it->next = loaded;
    loaded = it;

    return FKV_OK;
}


static int
open_library(fkv_extension_t *ext, const fkv_load_t *load,
    const ferrokv_magic **magic, char *error)
{
    void  *library;
    int    rc = missing(fkv_file_check(ext->file, load->uid, error), ext->file,
                        error);

    if (rc == FKV_OK) {
        rc = fkv_file_check_elf(ext->file, error);
    }

    if (rc == FKV_OK) {
        rc = remember(ext, error);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    library = dlopen(ext->file, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL) {
        return FAIL(error, "%s", dlerror());
    }

    *magic = dlsym(library, FERROKV_MAGIC_SYMBOL);

    return (*magic != NULL) ? FKV_OK
           : FAIL(error, "\"%s\" is no ferrokv extension: it does not export "
                  FERROKV_MAGIC_SYMBOL, ext->file);
}


/* NAME-VERSION.so has to be NAME, VERSION. */
static int
identity_check(const fkv_extension_t *ext, const fkv_load_t *load, char *error)
{
    const char  *file = strrchr(ext->file, '/') + 1;
    char         own[2 * FKV_EXTENSION_NAME_MAX + sizeof("-.so")];

    (void) snprintf(own, sizeof(own), "%s-%s.so", ext->name, ext->version);

    return (load->name[0] == '/' || strcmp(own, file) == 0) ? FKV_OK
           : FAIL(error, "it says that it is \"%s\" %s, so its file cannot be "
                  "called \"%s\"", ext->name, ext->version, file);
}


/* Its own keys begin with "NAME:". */
static bool
hook_is_own(const fkv_extension_t *ext, const ferrokv_hook *hook)
{
    size_t  len = strlen(ext->name);

    return strncmp(hook->prefix, ext->name, len) == 0
           && hook->prefix[len] == ':';
}


static int
trusted_check(const fkv_extension_t *ext, char *error)
{
    char  needs[FKV_EXTENSION_NEEDS_BYTES];

    if (!ext->control.trusted) {
        return FKV_OK;
    }

    if (ext->library->needs != 0) {
        return FAIL(error, "its control file says \"trusted\", but it needs "
                    "%s", fkv_extension_needs_text(needs, ext->library->needs));
    }

    for (unsigned i = 0; i < ext->hooks_n; i++) {
        const ferrokv_hook  *hook = &ext->hooks[i];

        if (hook->phase != FERROKV_OBSERVE && !hook_is_own(ext, hook)) {
            return FAIL(error, "its control file says \"trusted\", but the "
                        "hook \"%s\" is not only for keys that begin with "
                        "\"%s:\"",
                        hook->name, ext->name);
        }
    }

    return FKV_OK;
}


static int
grant_check(const fkv_extension_t *ext, char *error)
{
    char      missing[FKV_EXTENSION_NEEDS_BYTES];
    char      all[FKV_EXTENSION_NEEDS_BYTES];
    uint32_t  needs = ext->library->needs;

    return ((needs & ~ext->granted) == 0) ? FKV_OK
           : FAIL(error, "\"%s\" needs %s, so nginx.conf has to say "
                  "\"grant=%s\"", ext->name,
                  fkv_extension_needs_text(missing, needs & ~ext->granted),
                  fkv_extension_needs_text(all, needs | ext->granted));
}


static int
load_checked(fkv_extension_t *ext, const fkv_load_t *load, char *error)
{
    const ferrokv_magic  *magic;
    char                  why[FKV_ERROR_BYTES];
    int                   rc = find(ext, load, error);

    if (rc == FKV_OK) {
        rc = open_library(ext, load, &magic, error);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv_extension_magic_check(magic, why);

    if (rc == FKV_OK) {
        rc = fkv_extension_define(ext, magic->extension, load->call, why);
    }

    if (rc == FKV_OK) {
        rc = identity_check(ext, load, why);
    }

    if (rc == FKV_OK) {
        rc = trusted_check(ext, why);
    }

    if (rc != FKV_OK) {
        return fkv__error(error, rc, "\"%s\": %s", ext->file, why);
    }

    return grant_check(ext, error);
}


int
fkv_extension_load(fkv_extension_t **ext, const fkv_load_t *load, char *error)
{
    fkv_extension_t  *made = calloc(1, sizeof(fkv_extension_t));
    int               rc;

    if (made == NULL) {
        return fkv__error(error, FKV_ENOMEM, "out of memory");
    }

    made->granted = load->granted;
    rc = load_checked(made, load, error);

    if (rc != FKV_OK) {
        fkv_extension_free(made);
        return rc;
    }

    *ext = made;
    return FKV_OK;
}


void
fkv_extension_free(fkv_extension_t *ext)
{
    fkv_extension_undefine(ext);
    fkv_host_done(ext);
    free(ext->file);
    free(ext);
}
