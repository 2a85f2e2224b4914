/*
 * set.h - the extensions of one configuration: what nginx.conf says.
 *
 * Life       made when a configuration begins, filled while it is read, gone
 *            with it; its commands stand in the table of commands as long as
 *            it is in use (fkv_extensions_use())
 * Order      list is the order of nginx.conf, which hooks follow; order is that
 *            in which they start: what is required comes first
 */

#ifndef FKV_EXTENSIONS_SET_H
#define FKV_EXTENSIONS_SET_H

#include "extensions/extension.h"

typedef struct {
    unsigned  n;                /* crashes within ms: quarantine; 0: never */
    uint64_t  ms;
} fkv_crash_limit_t;

struct fkv_extensions_s {
    fkv_extension_t      *list[FKV_EXTENSIONS_MAX];
    unsigned              n;
    unsigned              order[FKV_EXTENSIONS_MAX];    /* indexes of list */

    /* optional, and without a file */
    char                  absent[FKV_EXTENSIONS_MAX][FKV_EXTENSION_NAME_MAX
                                                     + 1];
    unsigned              absent_n;

    const fkv_command_t  *commands[FKV_COMMANDS_MAX];
    unsigned              commands_n;

    bool                  refuse_missing;
    fkv_crash_limit_t     crash_limit;
    uint64_t              slow_call_us;     /* 0: none is slow */
};


/* NULL: no memory. */
fkv_extensions_t *fkv_extensions_new(void);

/* Must not be in use any more. */
void fkv_extensions_free(fkv_extensions_t *set);

/*
 * Its commands are those that this process knows besides what is built in, from
 * now on; NULL: there are none.  Only what is in use may be added to.
 */
void fkv_extensions_use(const fkv_extensions_t *set);

/* NULL: it is not among them. */
fkv_extension_t *fkv_extensions_find(const fkv_extensions_t *set,
    fkv_str_t name);

/* FKV_OK ext is the set's · FKV_EINVAL error[FKV_ERROR_BYTES] says why not */
int fkv_extensions_add(fkv_extensions_t *set, fkv_extension_t *ext,
    char *error);

/* An optional one has no file; its settings mean nothing. */
int fkv_extensions_add_absent(fkv_extensions_t *set, fkv_str_t name,
    char *error);

/*
 * When all are there: order is set.  FKV_OK · FKV_EINVAL one that is required
 * is missing or too old, or they require each other; error is set
 */
int fkv_extensions_sort(fkv_extensions_t *set, char *error);

/* ferrokv_param.  FKV_OK · FKV_EINVAL, FKV_ENOMEM error is set */
int fkv_extensions_param(fkv_extensions_t *set, fkv_str_t name,
    fkv_str_t value, char *error);

/* May it be installed there? */
bool fkv_extension_is_for(const fkv_extension_t *ext, fkv_str_t store);


#endif /* FKV_EXTENSIONS_SET_H */
